/** Cases that the properties of `TurnState.test.ts` leave open: which events count, and when requests begin and end. */
import { assert, describe, it } from "@effect/vitest"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type * as Item from "../../src/domain/Item.ts"
import * as Turn from "../../src/domain/Turn.ts"
import * as TurnState from "../../src/domain/TurnState.ts"

const readOnly = new Set(["read"])
const threadId = ThreadId.make("t")
const id = ItemId.make("a")

const begun: Turn.EngineEvent = { _tag: "TurnStarted", threadId, turnId: TurnId.make("u"), at: 0 }
const command = (status: Item.Status): Item.Item => ({
  _tag: "CommandExecution",
  id,
  command: "ls",
  cwd: "/",
  status,
  operations: []
})
const started = (item: Item.Item, at = 0): Turn.EngineEvent => ({ _tag: "ItemStarted", item, at })
const completed = (item: Item.Item, at = 0): Turn.EngineEvent => ({ _tag: "ItemCompleted", item, at })
const delta = (text: string, at = 0): Turn.EngineEvent => ({
  _tag: "MessageDelta",
  itemId: id,
  delta: text,
  at
})
const requested = (callId: string, at = 0): Turn.EngineEvent => ({
  _tag: "ToolRequested",
  callId: ItemId.make(callId),
  tool: "exec_command",
  at
})
const returned = (callId: string, at = 0): Turn.EngineEvent => ({
  _tag: "ToolReturned",
  callId: ItemId.make(callId),
  at
})
const responded = (at = 0, usage?: Turn.Usage): Turn.EngineEvent => ({
  _tag: "ModelResponded",
  responseId: "r",
  at,
  ...(usage === undefined ? {} : { usage })
})

const play = (...events: ReadonlyArray<Turn.EngineEvent>) =>
  events.reduce(
    (state, event) => TurnState.step(state, event, readOnly)[0],
    TurnState.initial(threadId, 0, Turn.noUsage)
  )
const end = (state: TurnState.TurnState, isCompleted: boolean, at = 0) =>
  TurnState.end(state, at, { completed: isCompleted }, readOnly)

describe("the side effects of a turn", () => {
  const question: Turn.EngineEvent = {
    _tag: "ApprovalRequested",
    request: { _tag: "Tool", id: "q", itemId: id, tool: "x", arguments: {} },
    at: 0
  }
  const answer: Turn.EngineEvent = {
    _tag: "ApprovalDecided",
    requestId: "q",
    itemId: id,
    decision: { _tag: "Accept" },
    source: "policy",
    at: 0
  }
  const hasSideEffects = (...events: ReadonlyArray<Turn.EngineEvent>) =>
    end(play(begun, ...events), false)[0].sideEffects

  it("include work that was running, but not work that still waited for approval", () => {
    assert.isTrue(hasSideEffects(started(command("inProgress"))))
    assert.isFalse(hasSideEffects(started(command("inProgress")), question))
    assert.isTrue(hasSideEffects(started(command("inProgress")), question, answer))
  })

  it("do not include declined work or tools that only read", () => {
    const call = (tool: string): Item.Item => ({
      _tag: "ToolCall",
      id,
      tool,
      arguments: {},
      status: "completed"
    })
    assert.isFalse(hasSideEffects(completed(command("declined"))))
    assert.isFalse(hasSideEffects(completed(call("read"))))
    assert.isTrue(hasSideEffects(completed(call("write"))))
    assert.isTrue(hasSideEffects(completed(command("failed"))))
  })
})

describe("the model requests of a turn", () => {
  const isThinking = (state: TurnState.TurnState) => state.time.model !== undefined

  it("count from their start", () => {
    assert.strictEqual(TurnState.spent(play(begun)).modelCalls, 1)
    assert.strictEqual(TurnState.spent(play(begun, requested("a"), responded())).modelCalls, 1)
  })

  it("begin again only when the last of several calls has returned", () => {
    const calls = [begun, requested("a"), requested("b"), responded()]
    assert.isFalse(isThinking(play(...calls, returned("a"))))
    assert.isFalse(isThinking(play(...calls, returned("a"), returned("x"))))
    assert.isTrue(isThinking(play(...calls, returned("a"), returned("b"))))
  })

  it("begin again with the end of an item only when Codex does not report calls", () => {
    const done = command("completed")
    assert.isTrue(isThinking(play(begun, started(command("inProgress")), completed(done))))
    assert.isFalse(isThinking(play(begun, requested("a"), requested("b"), responded(), completed(done))))
  })

  it("end with the last call that they request, and in a completed turn with their last output", () => {
    const closedAt = (state: TurnState.TurnState, isCompleted: boolean) =>
      end(state, isCompleted, 5000)[1].flatMap((mark) => (mark._tag === "ModelClosed" ? [mark.at] : []))
    const writing = play(begun, delta("x", 1000))
    assert.deepStrictEqual(closedAt(writing, true), [1000])
    assert.deepStrictEqual(closedAt(writing, false), [5000])
    const [, marks] = TurnState.step(play(begun, requested("a", 2000)), responded(3000), readOnly)
    assert.deepStrictEqual(
      marks.flatMap((mark) => (mark._tag === "ModelClosed" ? [mark.at] : [])),
      [2000]
    )
  })
})

describe("the text and the usage of a turn", () => {
  it("keeps the text of a message that breaks off, but not in a completed turn", () => {
    const writing = play(begun, started({ _tag: "AgentMessage", id, text: "" }), delta("a"), delta("b"))
    assert.strictEqual(end(writing, false)[0].message, "ab")
    assert.strictEqual(end(writing, true)[0].message, "")
  })

  it("is the larger of what requests used and what Codex reports", () => {
    const small = { ...Turn.noUsage, input: 5 }
    const large = { ...Turn.noUsage, output: 9 }
    const reported = (usage: Turn.Usage): Turn.EngineEvent => ({ _tag: "UsageUpdated", usage, at: 0 })
    for (const state of [
      play(begun, responded(0, small), reported(large)),
      play(begun, responded(0, large), reported(small))
    ]) {
      assert.deepStrictEqual(end(state, true)[0].usage, large)
      assert.strictEqual(TurnState.spent(state).tokens, 9)
    }
  })
})
