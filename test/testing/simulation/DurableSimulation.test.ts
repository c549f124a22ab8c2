import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as DurableSimulation from "../../../src/testing/durable/DurableSimulation.ts"

describe("durable turns whose runners, engines and machines crash", () => {
  // `npm run simulate` runs more seeds.
  it.live("keep every promise", () =>
    Effect.gen(function* () {
      for (const seed of [1, 2, 31, 66]) {
        const report = yield* DurableSimulation.run(seed)
        assert.deepStrictEqual(report.violations, [], DurableSimulation.describe(report))
      }
    })
  )

  it.live("do the same again with the same seed", () =>
    Effect.gen(function* () {
      const first = yield* DurableSimulation.run(7)
      const second = yield* DurableSimulation.run(7)
      assert.deepStrictEqual(second, first)
      assert.isAbove(Object.keys(first.crashes).length, 0)
    })
  )
})
