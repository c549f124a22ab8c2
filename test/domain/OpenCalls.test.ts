/** What always holds for the open calls of a turn and the signals about them, whatever the engine reports. */
import { assert, describe, it } from "@effect/vitest"
import * as HashMap from "effect/HashMap"
import * as Schema from "effect/Schema"
import * as CodexError from "../../src/domain/CodexError.ts"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import * as OpenCalls from "../../src/domain/OpenCalls.ts"
import * as Turn from "../../src/domain/Turn.ts"
import * as TurnState from "../../src/domain/TurnState.ts"
import type * as Signal from "../../src/instrumentation/Signal.ts"
import * as TurnSignals from "../../src/instrumentation/TurnSignals.ts"
import * as TurnEvents from "../support/turnEvents.ts"

const begun = 1_000_000
const readOnly = new Set(["read"])

const outcomes: Readonly<Record<string, Signal.TurnEnd>> = {
  completed: "completed",
  interrupted: "interrupted",
  byPolicy: new CodexError.TurnInterrupted({ by: "policy" }),
  failed: new CodexError.TurnFailed({ reason: "Overloaded", detail: "later", status: 503 })
}

const Ending = Schema.Struct({
  outcome: Schema.Literals(["completed", "interrupted", "byPolicy", "failed"]),
  after: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5_000 }))
})

/** Plays a turn to its end. `check` sees the state after each event. */
const play = (
  events: ReadonlyArray<Turn.EngineEvent>,
  outcome: Signal.TurnEnd,
  after: number,
  check: (calls: OpenCalls.OpenCalls) => void = () => {}
) => {
  let state = TurnState.initial(ThreadId.make("t"), begun, Turn.noUsage)
  let signals = TurnSignals.initial(begun)
  const emitted: Array<Signal.Signal> = []
  for (const received of events) {
    const event = { ...received, at: Math.max(received.at, state.time.at) }
    const [next, marks] = TurnState.step(state, event, readOnly)
    const [signalsNext, more] = TurnSignals.step(signals, event, marks, state.calls)
    emitted.push(...more)
    state = next
    signals = signalsNext
    check(state.calls)
  }
  const at = state.time.at + after
  const [turn, marks] = TurnState.end(state, at, { completed: outcome === "completed" }, readOnly)
  emitted.push(...TurnSignals.end(signals, turn, marks, outcome, at, state.calls))
  return { turn, emitted }
}

const timed = (happenings: ReadonlyArray<TurnEvents.Happening>) => {
  let at = begun
  return happenings.map((happening) => TurnEvents.eventOf(happening, (at += happening.passes)))
}

const runs = { arbitrary: { runs: 1_000, seed: 7 } }

for (const [events, schema] of [
  ["events of all kinds", TurnEvents.Happenings],
  ["events of two commands", TurnEvents.CommandHappenings]
] as const)
  describe(`the open calls of a turn: ${events}`, () => {
    it.prop(
      "are counted as they are listed",
      [schema],
      ([happenings]) => {
        play(timed(happenings), "completed", 0, (calls) => {
          const all = HashMap.toValues(calls.calls)
          const open = OpenCalls.open(calls)
          assert.strictEqual(calls.openCount, open.length)
          assert.strictEqual(calls.awaitedCount, all.filter((call) => call.awaitsReturn).length)
          const orders = open.map(({ order }) => order)
          assert.deepStrictEqual(
            orders,
            orders.toSorted((a, b) => a - b)
          )
          assert.isTrue(all.every(({ order }) => order < calls.opened))
        })
      },
      runs
    )

    it.prop(
      "have one start and one stop in the signals, and so have model requests",
      [schema, Ending],
      ([happenings, { after, outcome }]) => {
        const { emitted, turn } = play(timed(happenings), outcomes[outcome] ?? "completed", after)
        const open = new Map<string, number>()
        let models = 0
        let tools = 0
        let stops = 0
        for (const signal of emitted) {
          if ("durationMillis" in signal && signal.durationMillis !== undefined)
            assert.isAtLeast(signal.durationMillis, 0)
          switch (signal._tag) {
            case "ToolStart":
              assert.isFalse(open.has(signal.callId), "a call starts twice")
              open.set(signal.callId, signal.at)
              tools++
              break
            case "ToolStop":
              assert.strictEqual(signal.at - signal.durationMillis, open.get(signal.callId))
              open.delete(signal.callId)
              break
            case "ModelStart":
              models++
              break
            case "ModelStop":
              stops++
          }
        }
        assert.strictEqual(open.size, 0)
        assert.strictEqual(turn.toolCalls, tools)
        assert.strictEqual(turn.modelCalls, models)
        assert.strictEqual(stops, models)
        const stop = emitted.at(-1)
        assert.deepInclude(stop, { _tag: "TurnStop", toolCalls: tools, modelCalls: models })
        const {
          approvalMillis,
          overheadMillis,
          thinkingMillis,
          toolsMillis: inTools,
          totalMillis
        } = turn.time
        assert.strictEqual(approvalMillis + overheadMillis + thinkingMillis + inTools, totalMillis)
        assert.strictEqual(stop?._tag === "TurnStop" ? stop.durationMillis : -1, totalMillis)
      },
      runs
    )

    it.prop(
      "leave no approval without a decision",
      [schema, Ending],
      ([happenings, { after, outcome }]) => {
        const { emitted } = play(timed(happenings), outcomes[outcome] ?? "completed", after)
        const pending = new Set<string>()
        for (const signal of emitted) {
          if (signal._tag === "ApprovalStart") pending.add(signal.requestId)
          else if (signal._tag === "ApprovalStop") assert.isTrue(pending.delete(signal.requestId))
        }
        assert.strictEqual(pending.size, 0)
      },
      runs
    )
  })

describe("a command", () => {
  it("runs from its approval, even if its call returns before its item completes", () => {
    const callId = ItemId.make("c")
    const request = { _tag: "Tool", id: "r", itemId: callId, tool: "x", arguments: {} } as const
    const { emitted } = play(
      [
        { _tag: "ToolRequested", callId, tool: "exec_command", at: begun },
        { _tag: "ItemStarted", item: TurnEvents.command("c", "inProgress"), at: begun + 1 },
        { _tag: "ApprovalRequested", request, at: begun + 2 },
        {
          _tag: "ApprovalDecided",
          requestId: "r",
          itemId: callId,
          decision: { _tag: "Accept" },
          source: "policy",
          at: begun + 10
        },
        { _tag: "ToolReturned", callId, at: begun + 15 },
        { _tag: "ItemCompleted", item: TurnEvents.command("c", "completed"), at: begun + 20 }
      ],
      "completed",
      0
    )
    const [stop] = emitted.filter((signal) => signal._tag === "CommandStop")
    assert.deepInclude(stop, { startedAt: begun + 10, durationMillis: 10 })
  })
})

describe("a call whose item completes before it returns", () => {
  const callId = ItemId.make("c")
  const requested = { _tag: "ToolRequested", callId, tool: "exec_command", at: begun } as const
  const started = { _tag: "ItemStarted", item: TurnEvents.command("c", "inProgress"), at: begun } as const
  const completed = { _tag: "ItemCompleted", item: TurnEvents.command("c", "completed"), at: begun } as const
  const fold = (events: ReadonlyArray<Turn.EngineEvent>) =>
    events.reduce((calls, event) => OpenCalls.step(calls, event, begun).after, OpenCalls.initial)

  it("is not opened again by a copy of its request or its item", () => {
    for (const copy of [requested, started]) {
      const calls = fold([requested, started, completed, copy])
      assert.deepInclude(calls, { opened: 1, openCount: 0, awaitedCount: 1 })
    }
  })

  it("is kept until it returns, however many calls end before", () => {
    const others = Array.from({ length: OpenCalls.maxEnded + 1 }, (_, n): ReadonlyArray<Turn.EngineEvent> => [
      { _tag: "ItemStarted", item: TurnEvents.command(`o-${n}`, "inProgress"), at: begun },
      { _tag: "ItemCompleted", item: TurnEvents.command(`o-${n}`, "completed"), at: begun }
    ]).flat()
    const calls = fold([requested, started, completed, ...others])
    assert.strictEqual(calls.awaitedCount, 1)
    const returned = OpenCalls.step(calls, { _tag: "ToolReturned", callId, at: begun }, begun).after
    assert.strictEqual(returned.awaitedCount, 0)
  })
})

describe("the return of an unknown call", () => {
  it("starts no model request", () => {
    const { turn } = play(
      [
        { _tag: "TurnStarted", threadId: ThreadId.make("t"), turnId: TurnId.make("u"), at: begun },
        { _tag: "ModelResponded", responseId: "r", at: begun + 1 },
        { _tag: "ToolReturned", callId: ItemId.make("unknown"), at: begun + 2 }
      ],
      "completed",
      10
    )
    assert.strictEqual(turn.modelCalls, 1)
    assert.strictEqual(turn.time.thinkingMillis, 1)
  })
})

describe("a long turn", () => {
  it("keeps its items in the order of their ends, and costs no more for each", () => {
    const count = 10_000
    const events = Array.from({ length: count }, (_, index): ReadonlyArray<Turn.EngineEvent> => [
      { _tag: "ItemStarted", item: TurnEvents.command(`c-${index}`, "inProgress"), at: begun + index },
      { _tag: "ItemCompleted", item: TurnEvents.command(`c-${index}`, "completed"), at: begun + index }
    ]).flat()
    // A fold that copies what it has collected takes minutes.
    const { turn } = play(events, "completed", 0)
    assert.strictEqual(turn.toolCalls, count)
    assert.deepStrictEqual(
      turn.items.map(({ id }): string => id),
      Array.from({ length: count }, (_, index) => `c-${index}`)
    )
  }, 30_000)
})
