/** A file that is swapped between the check and the opening, at the very moment: `SourceRace.test.ts` leaves it to chance. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { beforeEach, vi } from "vitest"
import * as SourceFile from "../../src/attachment/SourceFile.ts"
import { test } from "../support/live.ts"
import * as F from "./fixture.ts"

const hooks = vi.hoisted(() => ({ beforeOpen: () => {} }))
vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>()
  const open: typeof fs.open = (...args) => {
    hooks.beforeOpen()
    return fs.open(...args)
  }
  return { ...fs, open }
})
beforeEach(() => {
  hooks.beforeOpen = () => {}
})

const reasonFor = (path: string) =>
  SourceFile.open(path, { root: undefined, maxBytes: 1000 }).pipe(
    Effect.match({ onSuccess: () => "opened", onFailure: ({ reason }) => reason }),
    Effect.scoped
  )

describe("F38 a file that is swapped just before it is opened", () => {
  test("F38 is refused when another file takes its place", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const [target, other] = [join(base, "target"), join(base, "other")]
      Fs.writeFileSync(target, "public")
      Fs.writeFileSync(other, "secret")
      assert.strictEqual(yield* reasonFor(target), "opened")
      hooks.beforeOpen = () => Fs.renameSync(other, target)
      assert.strictEqual(yield* reasonFor(target), "Changed")
    }))

  test("F38 is refused as a symbolic link when a link takes its place, even one to the same file", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const [target, away] = [join(base, "target"), join(base, "away")]
      Fs.writeFileSync(target, "public")
      hooks.beforeOpen = () => {
        Fs.renameSync(target, away)
        Fs.symlinkSync(away, target)
      }
      assert.strictEqual(yield* reasonFor(target), "Symlink")
    }))
})
