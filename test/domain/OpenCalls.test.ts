/** The fold of open calls, and what `TurnState`, `TurnTiming` and `TurnSignals` read from it. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as CodexError from "../../src/domain/CodexError.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as Turn from "../../src/domain/Turn.ts"
import * as TurnState from "../../src/domain/TurnState.ts"
import type * as Signal from "../../src/instrumentation/Signal.ts"
import * as TurnSignals from "../../src/instrumentation/TurnSignals.ts"
import * as OldSignals from "../support/oldTurnFold/TurnSignals.ts"
import * as OldState from "../support/oldTurnFold/TurnState.ts"
import * as TurnEvents from "../support/turnEvents.ts"

const begun = 1_000_000
const threadId = ThreadId.make("t")
const readOnly = new Set(["read"])

const outcomes: Readonly<Record<string, Signal.TurnEnd>> = {
  completed: "completed",
  interrupted: "interrupted",
  byPolicy: new CodexError.TurnInterrupted({ by: "policy" }),
  byCaller: new CodexError.TurnInterrupted({ by: "caller" }),
  failed: new CodexError.TurnFailed({ reason: "Overloaded", detail: "later", status: 503 })
}

const Ending = Schema.Struct({
  outcome: Schema.Literals(["completed", "interrupted", "byPolicy", "byCaller", "failed"]),
  after: Schema.Int.check(Schema.isBetween({ minimum: -500, maximum: 5_000 })),
  /** Whether times are made monotonic first, as `ActiveTurn` does. */
  isMonotonic: Schema.Boolean
})

const runs = { arbitrary: { runs: 3_000, seed: 7 } }

describe("the fold of open calls", () => {
  for (const [events, schema] of [
    ["events of all kinds", TurnEvents.Happenings],
    ["events of two commands", TurnEvents.CommandHappenings]
  ] as const)
    it.prop(
      `gives the same turn, marks, times and signals as a fold for each reader: ${events}`,
      [schema, Ending],
      ([happenings, { after, isMonotonic, outcome: name }]) => {
        let old = OldState.initial(threadId, begun, Turn.noUsage)
        let oldSignals = OldSignals.initial(begun)
        let state = TurnState.initial(threadId, begun, Turn.noUsage)
        let signals = TurnSignals.initial(begun)
        let at = begun
        const timeOf = () => (isMonotonic ? Math.max(at, state.time.at) : at)
        for (const happening of happenings) {
          at += happening.passes
          const event = TurnEvents.eventOf(happening, timeOf())
          const [oldNext, oldMarks] = OldState.step(old, event, readOnly)
          const [next, marks] = TurnState.step(state, event, readOnly)
          assert.deepStrictEqual(marks, oldMarks)
          const [oldSignalsNext, oldEmitted] = OldSignals.step(oldSignals, event, oldMarks)
          const [signalsNext, emitted] = TurnSignals.step(signals, event, marks, state.calls)
          assert.deepStrictEqual(emitted, oldEmitted)
          old = oldNext
          oldSignals = oldSignalsNext
          state = next
          signals = signalsNext
          assert.deepStrictEqual(TurnState.spent(state), OldState.spent(old))
          assert.strictEqual(TurnState.message(state), OldState.message(old))
          assert.deepStrictEqual(TurnState.allItems(state), [...old.items, ...old.open.values()])
        }
        at += after
        const endAt = timeOf()
        const outcome = outcomes[name] ?? "completed"
        const end = {
          completed: outcome === "completed",
          ...(typeof outcome === "string" ? {} : { errorType: outcome.errorType })
        }
        const [oldTurn, oldMarks] = OldState.end(old, endAt, end, readOnly)
        const [turn, marks] = TurnState.end(state, endAt, end, readOnly)
        assert.deepStrictEqual(turn, oldTurn)
        assert.deepStrictEqual(marks, oldMarks)
        assert.deepStrictEqual(
          TurnSignals.end(signals, turn, marks, outcome, endAt, state.calls),
          OldSignals.end(oldSignals, oldTurn, oldMarks, outcome, endAt)
        )
      },
      runs
    )
})
