import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import * as SourceFile from "../../src/attachment/SourceFile.ts"
import { test } from "../support/live.ts"
import { isSoak } from "../support/soak.ts"
import * as F from "./fixture.ts"

const attempts = isSoak ? 10_000 : 500
const minSwaps = isSoak ? 1_000 : 50

/** Runs a step in a loop beside the test. Returns the number of runs. */
const beside = (base: string, step: string) =>
  Effect.gen(function* () {
    const count = new Int32Array(new SharedArrayBuffer(4))
    const code = `
      const { renameSync, rmSync, symlinkSync, writeFileSync } = require("node:fs")
      const { workerData: { base, count } } = require("node:worker_threads")
      const at = (name) => base + "/" + name
      for (;;) { ${step}; Atomics.add(count, 0, 1) }`
    yield* Effect.acquireRelease(
      Effect.sync(() => new Worker(code, { eval: true, workerData: { base, count } })),
      (worker) => Effect.promise(() => worker.terminate())
    )
    return () => Atomics.load(count, 0)
  })

/**
 * Opens and reads until there were enough attempts and enough swaps, and at least one swap was caught. Counts the
 * outcomes.
 */
const race = Effect.fnUntraced(function* (path: string, root: string | undefined, swaps: () => number) {
  const seen = new Map<string, number>()
  const isCaught = () => [...seen.keys()].some((outcome) => outcome !== "public" && outcome !== "NotFound")
  for (let n = 0; n < attempts || swaps() < minSwaps || !isCaught(); n++) {
    const outcome = yield* SourceFile.open(path, { root, maxBytes: 1000 }).pipe(
      Effect.flatMap(({ chunks }) =>
        Stream.runFold(
          chunks,
          () => "",
          (text, chunk) => text + String(chunk)
        )
      ),
      Effect.catch((error) => Effect.succeed<string>(error.reason)),
      Effect.scoped
    )
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1)
  }
  return seen
})

const secret = "from outside"

describe("F38 a path that is swapped between check and use", () => {
  test(
    "never leads to a file behind a link that takes the place of the file",
    () =>
      Effect.gen(function* () {
        const base = yield* F.folder
        Fs.writeFileSync(join(base, "secret"), secret)
        Fs.writeFileSync(join(base, "target"), "public")
        const swaps = yield* beside(
          base,
          `symlinkSync(at("secret"), at("link")); renameSync(at("link"), at("target"))
           writeFileSync(at("file"), "public"); renameSync(at("file"), at("target"))`
        )
        const seen = yield* race(join(base, "target"), undefined, swaps)
        for (const outcome of seen.keys()) assert.include(["public", "Symlink", "Changed"], outcome)
      }),
    180_000
  )

  test(
    "never leads out of the root through a link that replaces a directory",
    () =>
      Effect.gen(function* () {
        const base = yield* F.folder
        for (const [name, content] of [
          ["outside", secret],
          ["root/folder", "public"]
        ] as const) {
          Fs.mkdirSync(join(base, name), { recursive: true })
          Fs.writeFileSync(join(base, name, "file"), content)
        }
        const swaps = yield* beside(
          base,
          `symlinkSync(at("outside"), at("link")); renameSync(at("root/folder"), at("away"))
           renameSync(at("link"), at("root/folder")); rmSync(at("root/folder")); renameSync(at("away"), at("root/folder"))`
        )
        const seen = yield* race("folder/file", join(base, "root"), swaps)
        for (const outcome of seen.keys())
          assert.include(["public", "Symlink", "Changed", "NotFound", "OutsideRoot"], outcome)
      }),
    180_000
  )

  test(
    "never makes us wait for somebody who writes to a FIFO that takes the place of the file",
    () =>
      Effect.gen(function* () {
        const base = yield* F.folder
        execFileSync("mkfifo", [join(base, "fifo")])
        Fs.writeFileSync(join(base, "target"), "public")
        const swaps = yield* beside(
          base,
          `renameSync(at("target"), at("away")); renameSync(at("fifo"), at("target"))
           renameSync(at("target"), at("fifo")); renameSync(at("away"), at("target"))`
        )
        const seen = yield* race(join(base, "target"), undefined, swaps)
        for (const outcome of seen.keys())
          assert.include(["public", "NotAFile", "Changed", "NotFound"], outcome)
      }),
    180_000
  )
})
