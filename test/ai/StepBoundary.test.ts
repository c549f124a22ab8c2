import { assert, describe, it } from "@effect/vitest"
import { ItemId } from "../../src/domain/Ids.ts"
import type * as Turn from "../../src/domain/Turn.ts"
import * as StepBoundary from "../../src/ai/StepBoundary.ts"

type Input = Turn.TurnEvent | StepBoundary.CallArrived

const id = (callId: string) => ItemId.make(callId)
const requested = (callId: string, tool = "ours"): Input => ({
  _tag: "ToolRequested",
  callId: id(callId),
  tool,
  at: 0
})
const item = (callId: string, status: "inProgress" | "completed") =>
  ({ _tag: "ToolCall", id: id(callId), tool: "ours", arguments: {}, status }) as const
const started = (callId: string): Input => ({
  _tag: "ItemStarted",
  item: item(callId, "inProgress"),
  at: 0
})
const completed = (callId: string): Input => ({
  _tag: "ItemCompleted",
  item: item(callId, "completed"),
  at: 0
})
const arrived = (callId: string): Input => ({ _tag: "CallArrived", callId })
const returned = (callId: string): Input => ({ _tag: "ToolReturned", callId: id(callId), at: 0 })
const responded: Input = { _tag: "ModelResponded", responseId: "r", at: 0 }
const retrying: Input = { _tag: "Retrying", errorType: "TurnFailed.Disconnected", at: 0 }

const after = (...events: ReadonlyArray<Input>) =>
  events.reduce((state, event) => StepBoundary.step(state, event, new Set(["ours"])), StepBoundary.initial)
const isComplete = (...events: ReadonlyArray<Input>) => StepBoundary.isComplete(after(...events))

describe("the end of a response", () => {
  it("is the last of its calls, in any order of arrival", () => {
    const both = [requested("a"), started("a"), requested("b"), started("b")]
    assert.isFalse(isComplete(...both, responded))
    assert.isFalse(isComplete(...both, responded, arrived("b")))
    assert.isTrue(isComplete(...both, responded, arrived("b"), arrived("a")))
    assert.isTrue(isComplete(arrived("a"), arrived("b"), ...both, responded))
  })

  it("is not before the model has ended the response", () => {
    assert.isFalse(isComplete(requested("a"), started("a"), arrived("a")))
    assert.isTrue(isComplete(requested("a"), started("a"), arrived("a"), responded))
  })

  it("is not before the events are known that precede a call", () => {
    assert.isFalse(isComplete(arrived("a")))
    assert.isFalse(isComplete(arrived("a"), requested("a")))
    assert.isFalse(isComplete(arrived("a"), requested("a"), responded))
  })

  it("does not wait for tools of Codex, for a call that Codex answers itself, or for one of a broken response", () => {
    assert.isTrue(
      isComplete(requested("x", "exec_command"), requested("a"), started("a"), arrived("a"), responded)
    )
    assert.isTrue(
      isComplete(requested("b"), requested("a"), started("a"), arrived("a"), responded, returned("b"))
    )
    assert.isTrue(isComplete(requested("b"), started("a"), arrived("a"), retrying))
  })

  it("is at once at a call that no response has announced", () => {
    assert.isTrue(isComplete(started("a"), arrived("a")))
    assert.isTrue(isComplete(requested("x", "exec"), responded, started("a"), arrived("a")))
  })

  it("comes again after the results, with the next calls alone", () => {
    const state = StepBoundary.answered(after(requested("a"), started("a"), arrived("a"), responded))
    assert.isFalse(StepBoundary.isComplete(state))
    const next = [
      returned("a"),
      completed("a"),
      requested("b"),
      started("b"),
      arrived("b"),
      responded
    ].reduce((state, event) => StepBoundary.step(state, event, new Set(["ours"])), state)
    assert.isTrue(StepBoundary.isComplete(next))
    assert.deepStrictEqual([...next.waiting], ["b"])
  })

  it("lists the calls as the model has written them", () => {
    const state = after(requested("c"), requested("a"), requested("b"))
    const calls = ["a", "b", "c"].map((callId) => ({ callId }))
    assert.deepStrictEqual(
      StepBoundary.sort(state, calls).map(({ callId }) => callId),
      ["c", "a", "b"]
    )
  })
})
