import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { symlinkSync } from "node:fs"
import * as RealPath from "../../src/internal/RealPath.ts"
import { test } from "../support/live.ts"

/** A workspace `ws` and a directory `outside` beside it. */
const fixture = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const root = yield* Effect.flatMap(fs.makeTempDirectoryScoped({ prefix: "real-path-" }), fs.realPath)
  yield* fs.makeDirectory(`${root}/ws/data`, { recursive: true })
  yield* fs.makeDirectory(`${root}/outside/deep`, { recursive: true })
  yield* fs.writeFileString(`${root}/ws/file`, "text")
  return { root, ws: { given: `${root}/ws`, real: `${root}/ws` } }
})

describe("a real path", () => {
  test("is the path itself if there is no link, whether it exists or not", () =>
    Effect.gen(function* () {
      const { root, ws } = yield* fixture
      const paths = {
        data: "data",
        "data/new/deeper": "data/new/deeper",
        "./data//x": "data/x",
        "data/../file": "file"
      }
      for (const [path, expected] of Object.entries(paths)) {
        const real = `${root}/ws/${expected}`
        assert.deepStrictEqual(RealPath.resolve(path, ws), { real, throughLink: false }, path)
      }
      assert.deepStrictEqual(RealPath.resolve("../outside/x", ws).real, `${root}/outside/x`)
    }))

  test("H03 follows links on the way and at the end, also dangling and chained ones", () =>
    Effect.gen(function* () {
      const { root, ws } = yield* fixture
      symlinkSync(`${root}/outside`, `${root}/ws/data/link`)
      symlinkSync("../../outside/none", `${root}/ws/data/dangling`)
      symlinkSync("data/link/deep", `${root}/ws/chain`)
      const through = (real: string) => ({ real: `${root}/outside/${real}`, throughLink: true })
      assert.deepStrictEqual(RealPath.resolve("data/link/x/y", ws), through("x/y"))
      assert.deepStrictEqual(RealPath.resolve("data/dangling", ws), through("none"))
      assert.deepStrictEqual(RealPath.resolve("data/dangling/x", ws), through("none/x"))
      assert.deepStrictEqual(RealPath.resolve(`${root}/ws/chain/x`), through("deep/x"))
    }))

  test("H03 is unknown for `..` behind a link, circles, links in /proc and NUL", () =>
    Effect.gen(function* () {
      const { root, ws } = yield* fixture
      symlinkSync(`${root}/outside/deep`, `${root}/ws/link`)
      symlinkSync("circle", `${root}/ws/circle`)
      for (const path of ["link/../x", "circle", "circle/x", "/proc/self/root/etc", "a\0b"]) {
        assert.strictEqual(RealPath.resolve(path, ws).real, undefined, path)
      }
    }))

  test("does not count the links on the way to the directory that the caller chose", () =>
    Effect.gen(function* () {
      const { root } = yield* fixture
      symlinkSync(`${root}/ws`, `${root}/named`)
      const named = RealPath.directory(`${root}/named`)
      assert.deepStrictEqual(named, { given: `${root}/named`, real: `${root}/ws` })
      const direct = { real: `${root}/ws/data/x`, throughLink: false }
      assert.deepStrictEqual(RealPath.resolve("data/x", named), direct)
      assert.deepStrictEqual(RealPath.resolve(`${root}/named/data/x`, named), direct)
      assert.isTrue(RealPath.resolve(`${root}/named/data/x`).throughLink)
    }))
})

describe("the agent can write", () => {
  const roots = ["/ws", "/tmp"]
  test("below a writable root and not beside it", () =>
    Effect.sync(() => {
      for (const path of ["/ws", "/ws/a/b", "/ws/..a", "/tmp/x", "/ws/sub/.git/config"])
        assert.isTrue(RealPath.isAgentWritable(path, roots), path)
      for (const path of ["/", "/wsx", "/etc", "/tmpx/a"])
        assert.isFalse(RealPath.isAgentWritable(path, roots), path)
      assert.isFalse(RealPath.isAgentWritable("/ws", []))
    }))

  test("not in the directories that Codex protects in each root", () =>
    Effect.sync(() => {
      for (const path of [
        "/ws/.git",
        "/ws/.git/hooks/x",
        "/ws/.codex/config.toml",
        "/ws/.agents",
        "/tmp/.git"
      ])
        assert.isFalse(RealPath.isAgentWritable(path, roots), path)
      assert.isTrue(RealPath.isAgentWritable("/ws/.gitignore", roots))
      assert.isTrue(RealPath.isAgentWritable("/.git/config", ["/"]))
      assert.isTrue(RealPath.isAgentWritable("/tmp/ws/.git/x", ["/tmp/ws", "/tmp"]))
    }))
})
