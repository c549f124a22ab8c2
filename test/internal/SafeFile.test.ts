import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { afterEach, beforeEach } from "vitest"
import * as SafeDirectory from "../../src/internal/SafeDirectory.ts"
import * as SafeFile from "../../src/internal/SafeFile.ts"

let base = ""
beforeEach(() => {
  base = Fs.realpathSync(Fs.mkdtempSync(join(tmpdir(), "safe-file-")))
})
afterEach(() => Fs.rmSync(base, { recursive: true, force: true }))

const at = (...names: ReadonlyArray<string>) => join(base, ...names)
const put = (path: string, content: string) => {
  Fs.mkdirSync(join(path, ".."), { recursive: true })
  Fs.writeFileSync(path, content)
}
const text = (path: string) => Fs.readFileSync(path, "utf8")
const codeOf = (run: () => unknown): string => {
  try {
    run()
    return "done"
  } catch (error) {
    if (error instanceof SafeDirectory.UnsafePath) return error.reason
    if (error instanceof Error && "code" in error) return String(error.code)
    throw error
  }
}

const bytes = Buffer.from("ours")

for (const byPath of [false, true]) {
  const checks = { byPath, maxBytes: 1000 }
  describe(`SafeFile by ${byPath ? "path" : "descriptor"}`, () => {
    it("creates, replaces, appends to and reads a private file", () => {
      const umask = process.umask(0o777)
      try {
        SafeFile.makeDirectory(at("a", "b"), checks)
      } finally {
        process.umask(umask)
      }
      assert.strictEqual(Fs.statSync(at("a", "b")).mode & 0o777, 0o700)
      const file = at("a", "b", "file")
      SafeFile.write(file, bytes, "create", checks)
      assert.strictEqual(Fs.statSync(file).mode & 0o777, 0o600)
      assert.strictEqual(
        codeOf(() => SafeFile.write(file, bytes, "create", checks)),
        "EEXIST"
      )
      SafeFile.write(file, Buffer.from("more text"), "replace", checks)
      SafeFile.write(file, bytes, "replace", checks)
      SafeFile.write(file, Buffer.from("!"), "append", checks)
      assert.strictEqual(SafeFile.read(file, checks).toString(), "ours!")
      SafeFile.rename(file, at("moved"), checks)
      assert.strictEqual(text(at("moved")), "ours!")
      SafeFile.remove(at("moved"), checks)
      SafeFile.remove(at("moved"), checks)
      SafeFile.removeTree(at("a"), checks)
      SafeFile.removeTree(at("a"), checks)
      assert.deepStrictEqual(Fs.readdirSync(base), [])
    })

    it("follows no link, at the end of a path or on the way", () => {
      put(at("outside", "file"), "theirs")
      Fs.mkdirSync(at("inside"))
      Fs.symlinkSync(at("outside", "file"), at("inside", "link"))
      Fs.symlinkSync(at("outside"), at("inside", "directory"))
      Fs.symlinkSync(at("outside", "new"), at("inside", "dangling"))
      for (const path of [
        at("inside", "link"),
        at("inside", "directory", "file"),
        at("inside", "dangling")
      ]) {
        for (const access of ["read", "readWrite", "replace", "append"] as const)
          assert.strictEqual(
            codeOf(() => Fs.closeSync(SafeFile.open(path, access, checks))),
            "Link",
            `${access} ${path}`
          )
        assert.include(
          ["Link", "EEXIST"],
          codeOf(() => Fs.closeSync(SafeFile.open(path, "create", checks)))
        )
      }
      const below = at("inside", "directory", "file")
      assert.strictEqual(
        codeOf(() => SafeFile.remove(below, checks)),
        "Link"
      )
      assert.strictEqual(
        codeOf(() => SafeFile.rename(below, at("stolen"), checks)),
        "Link"
      )
      assert.strictEqual(
        codeOf(() => SafeFile.removeTree(at("inside", "directory"), checks)),
        "Link"
      )
      assert.strictEqual(
        codeOf(() => SafeFile.makeDirectory(at("inside", "directory", "more"), checks)),
        "Link"
      )
      SafeFile.removeTree(at("inside"), checks)
      assert.isFalse(Fs.existsSync(at("inside")))
      assert.deepStrictEqual(Fs.readdirSync(at("outside")), ["file"])
      assert.strictEqual(text(at("outside", "file")), "theirs")
    })

    it("refuses what is not a small regular file of this user, and does not wait for it", () => {
      execFileSync("mkfifo", [at("fifo")])
      Fs.writeFileSync(at("sparse"), "")
      Fs.truncateSync(at("sparse"), 1_500_000_000)
      Fs.writeFileSync(at("file"), "")
      Fs.linkSync(at("file"), at("second"))
      for (const access of ["read", "readWrite", "append"] as const) {
        assert.strictEqual(
          codeOf(() => Fs.closeSync(SafeFile.open(at("fifo"), access, checks))),
          "NotARegularFile"
        )
        assert.strictEqual(
          codeOf(() => Fs.closeSync(SafeFile.open(at("sparse"), access, checks))),
          "TooLarge"
        )
      }
      assert.strictEqual(
        codeOf(() => SafeFile.read(base, checks)),
        "NotARegularFile"
      )
      assert.strictEqual(
        codeOf(() => SafeFile.write(at("second"), bytes, "replace", checks)),
        "HardLinked"
      )
      assert.strictEqual(SafeFile.read(at("second"), checks).length, 0)
      if (process.geteuid?.() !== 0) return
      Fs.writeFileSync(at("foreign"), "")
      Fs.chownSync(at("foreign"), 12_345, 12_345)
      assert.strictEqual(
        codeOf(() => SafeFile.read(at("foreign"), checks)),
        "ForeignOwner"
      )
      assert.strictEqual(
        codeOf(() => SafeFile.read(at("foreign"), { ...checks, anyOwner: true })),
        "done"
      )
    })

    it("names the path in errors of the system", () => {
      try {
        SafeFile.read(at("missing"), checks)
        assert.fail("it must throw")
      } catch (error) {
        assert.include(String(error), at("missing"))
        assert.notInclude(String(error), "/proc/")
      }
    })
  })
}

/** Swaps `inside/folder` with a link to `outside` in a loop. Returns the number of swaps. */
const swapper = () => {
  const count = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(
    `const { renameSync, rmSync, symlinkSync } = require("node:fs")
     const { workerData: { base, count } } = require("node:worker_threads")
     const at = (name) => base + "/" + name
     for (;;) {
       symlinkSync(at("outside"), at("link"))
       renameSync(at("inside/folder"), at("away"))
       renameSync(at("link"), at("inside/folder"))
       rmSync(at("inside/folder"))
       renameSync(at("away"), at("inside/folder"))
       Atomics.add(count, 0, 1)
     }`,
    { eval: true, workerData: { base, count } }
  )
  return { swaps: () => Atomics.load(count, 0), stop: () => worker.terminate() }
}

describe("H05 a directory that another program swaps for a link all the time", () => {
  it("H05 never leads a write, a rename or a removal outside", async () => {
    put(at("outside", "file"), "theirs")
    put(at("outside", "deep", "file"), "theirs")
    put(at("inside", "folder", "file"), "ours")
    const { stop, swaps } = swapper()
    const seen = new Set<string>()
    try {
      for (let n = 0; n < 300 || swaps() < 100 || seen.size < 2; n++) {
        const file = at("inside", "folder", "file")
        seen.add(codeOf(() => SafeFile.write(file, bytes, "replace")))
        seen.add(codeOf(() => SafeFile.rename(file, at("moved"))))
        seen.add(codeOf(() => SafeFile.rename(at("moved"), file)))
        seen.add(codeOf(() => SafeFile.remove(file)))
        seen.add(codeOf(() => SafeFile.removeTree(at("inside", "folder", "deep"))))
        if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    } finally {
      await stop()
    }
    for (const outcome of seen) assert.include(["done", "Link", "ENOENT"], outcome)
    assert.deepStrictEqual(Fs.readdirSync(at("outside")), ["deep", "file"])
    assert.strictEqual(text(at("outside", "file")), "theirs")
    assert.strictEqual(text(at("outside", "deep", "file")), "theirs")
  }, 120_000)
})
