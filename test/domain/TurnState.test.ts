/** What holds of a turn's state and time whatever the engine says, and in whatever order. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type * as Item from "../../src/domain/Item.ts"
import * as Turn from "../../src/domain/Turn.ts"
import * as TurnState from "../../src/domain/TurnState.ts"
import * as TurnTiming from "../../src/domain/TurnTiming.ts"

const Happening = Schema.Struct({
  what: Schema.Literals([
    "TurnStarted",
    "MessageDelta",
    "ReasoningDelta",
    "ToolRequested",
    "ToolReturned",
    "ModelResponded",
    "Retrying",
    "WorkStarted",
    "WorkCompleted",
    "MessageStarted",
    "MessageCompleted",
    "ApprovalRequested",
    "ApprovalDecided",
    "UsageUpdated",
    "Unknown"
  ]),
  id: Schema.Literals(["a", "b", "c"]),
  /** Also into the past: an event may be stamped by another clock. */
  passes: Schema.Int.check(Schema.isBetween({ minimum: -500, maximum: 5_000 }))
})

const Schedule = Schema.Array(Happening).check(Schema.isMaxLength(60))
const Ending = Schema.Struct({
  completed: Schema.Boolean,
  after: Schema.Int.check(Schema.isBetween({ minimum: -500, maximum: 5_000 }))
})

const eventOf = ({ id: name, what }: typeof Happening.Type, at: number): Turn.EngineEvent => {
  const id = ItemId.make(name)
  const work = (status: Item.Status): Item.Item => ({
    _tag: "CommandExecution",
    id,
    command: "ls",
    cwd: "/",
    status,
    operations: []
  })
  const message = { _tag: "AgentMessage", id: ItemId.make(`m-${name}`), text: name } as const
  switch (what) {
    case "TurnStarted":
      return { _tag: what, threadId: ThreadId.make("t"), turnId: TurnId.make("u"), at }
    case "MessageDelta":
    case "ReasoningDelta":
      return { _tag: what, itemId: message.id, delta: name, at }
    case "ToolRequested":
      return { _tag: what, callId: id, tool: "exec_command", at }
    case "ToolReturned":
      return { _tag: what, callId: id, at }
    case "ModelResponded":
      return { _tag: what, responseId: name, at }
    case "Retrying":
      return { _tag: what, errorType: "TurnFailed.Overloaded", at }
    case "WorkStarted":
      return { _tag: "ItemStarted", item: work("inProgress"), at }
    case "WorkCompleted":
      return { _tag: "ItemCompleted", item: work("completed"), at }
    case "MessageStarted":
      return { _tag: "ItemStarted", item: { ...message, text: "" }, at }
    case "MessageCompleted":
      return { _tag: "ItemCompleted", item: message, at }
    case "ApprovalRequested":
      return {
        _tag: what,
        request: { _tag: "Tool", id: name, itemId: id, tool: "x", arguments: {} },
        at
      }
    case "ApprovalDecided":
      return { _tag: what, requestId: name, itemId: id, decision: { _tag: "Accept" }, source: "policy", at }
    case "UsageUpdated":
      return { _tag: what, usage: { ...Turn.noUsage, input: 5, output: 1 }, at }
    case "Unknown":
      return { _tag: what, method: name, payload: {}, at }
  }
}

const none: ReadonlySet<string> = new Set()
const begun = 1_000_000

/** A turn played to its end: all its marks, in order, and what it came to. */
const play = (schedule: typeof Schedule.Type, { after, completed }: typeof Ending.Type) => {
  let state = TurnState.initial(ThreadId.make("t"), begun, Turn.noUsage)
  const marks: Array<TurnTiming.Mark> = []
  let at = begun
  let latest = begun
  for (const happening of schedule) {
    at += happening.passes
    latest = Math.max(latest, at)
    const [next, more] = TurnState.step(state, eventOf(happening, at), none)
    state = next
    marks.push(...more)
  }
  at += after
  latest = Math.max(latest, at)
  const [turn, more] = TurnState.end(state, at, { completed }, none)
  return { turn, marks: [...marks, ...more], latest }
}

const runs = { arbitrary: { runs: 1_000, seed: 1 } }

describe("the time of a turn", () => {
  it.prop(
    "is the sum of its four parts, none of them negative, under any events in any order",
    [Schedule, Ending],
    ([schedule, ending]) => {
      const { latest, turn } = play(schedule, ending)
      const { approvalMillis, overheadMillis, thinkingMillis, toolsMillis, totalMillis } = turn.time
      for (const part of [approvalMillis, overheadMillis, thinkingMillis, toolsMillis, totalMillis])
        assert.isAtLeast(part, 0)
      assert.strictEqual(approvalMillis + overheadMillis + thinkingMillis + toolsMillis, totalMillis)
      assert.strictEqual(totalMillis, latest - begun)
    },
    runs
  )

  it.prop(
    "has one close for every open, and opens nothing that is open",
    [Schedule, Ending],
    ([schedule, ending]) => {
      const { marks, turn } = play(schedule, ending)
      const calls = new Set<string>()
      let models = 0
      let model: number | undefined
      let tools = 0
      for (const mark of marks) {
        switch (mark._tag) {
          case "ModelOpened":
            assert.isUndefined(model, "two model requests at once")
            model = mark.at
            break
          case "ModelClosed":
            if (model === undefined) return assert.fail("a model request that never began has ended")
            assert.isAtLeast(mark.at, model)
            model = undefined
            models++
            break
          case "ToolOpened":
            assert.isFalse(calls.has(mark.callId), "a call begins twice")
            calls.add(mark.callId)
            tools++
            break
          case "ToolClosed":
            assert.isTrue(calls.delete(mark.callId), "a call that never began has ended")
        }
      }
      assert.isUndefined(model)
      assert.strictEqual(calls.size, 0)
      assert.strictEqual(turn.modelCalls, models)
      assert.strictEqual(turn.toolCalls, tools)
    },
    runs
  )
})

describe("the state of a turn", () => {
  it.prop(
    "has every item once, as it was last, and nothing in progress in the end",
    [Schedule, Ending],
    ([schedule, ending]) => {
      const { turn } = play(schedule, ending)
      const ids = turn.items.map(({ id }): string => id)
      assert.strictEqual(new Set(ids).size, ids.length)
      for (const item of turn.items)
        assert.isFalse(item._tag === "CommandExecution" && item.status === "inProgress", item.id)
      const done = new Set(
        schedule.flatMap(({ id, what }) =>
          what === "WorkCompleted" ? [id] : what === "MessageCompleted" ? [`m-${id}`] : []
        )
      )
      for (const id of done) assert.include(ids, id)
      // Of a turn that broke off it is not known that a command did nothing.
      if (schedule.some(({ what }) => what === "WorkCompleted")) assert.isTrue(turn.sideEffects)
    },
    runs
  )
})
