import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { test } from "../../support/live.ts"
import { kinds, measure } from "./times.ts"

/** The most that they may differ by, in milliseconds; a machine that is busy gets another try. */
const bar = (theirs: number) => Math.max(20, theirs * 0.05)
const tries = 6

describe("the phases of a turn's time match Codex's own within 5 % or 20 ms", () => {
  for (const [kind, options] of Object.entries(kinds)) {
    test(
      kind,
      () =>
        Effect.gen(function* () {
          const off: Array<string> = []
          for (let n = 0; n < tries; n++) {
            const { parts, turn } = yield* measure(options)
            const total = parts.reduce((sum, { ours }) => sum + ours, 0)
            assert.closeTo(total, turn.time.totalMillis, 0.001)
            const wrong = parts.filter(
              // Ours has the way to Codex and back too, which is overhead.
              ({ ours, part, theirs }) => part !== "overhead" && !(Math.abs(ours - theirs) <= bar(theirs))
            )
            if (wrong.length === 0) return
            off.push(wrong.map(({ ours, part, theirs }) => `${part} ${ours} ${theirs}`).join(", "))
          }
          assert.deepStrictEqual(off, [])
        }),
      60_000
    )
  }
})
