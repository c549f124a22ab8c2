/** The call that a sub-agent's turn is traced below. */
import { assert, describe, it } from "@effect/vitest"
import { ItemId, ThreadId } from "../../src/domain/Ids.ts"
import type * as Turn from "../../src/domain/Turn.ts"
import * as AgentCalls from "../../src/turn/AgentCalls.ts"

const [first, second] = [ThreadId.make("first"), ThreadId.make("second")]

const event = (
  _tag: "ItemStarted" | "ItemCompleted",
  id: string,
  agents: ReadonlyArray<ThreadId>,
  tool = "spawn_agent"
): Turn.EngineEvent => ({
  _tag,
  item: {
    _tag: "AgentCall",
    id: ItemId.make(id),
    tool,
    agents,
    status: _tag === "ItemStarted" ? "inProgress" : "completed"
  },
  at: 0
})

describe("the calls that start sub-agents", () => {
  it("find the last call that names the sub-agent, open calls before completed ones", () => {
    const calls = AgentCalls.make()
    calls.record(0, event("ItemStarted", "spawn", [first]))
    calls.record(0, event("ItemStarted", "send", [first], "send_input"))
    assert.deepStrictEqual(calls.find(first), { owner: 0, callId: "send" })
    calls.record(0, event("ItemCompleted", "send", [first], "send_input"))
    assert.deepStrictEqual(calls.find(first), { owner: 0, callId: "spawn" })
    calls.record(0, event("ItemCompleted", "spawn", [first]))
    assert.deepStrictEqual(calls.find(first), { owner: 0, callId: "spawn" })
    assert.isUndefined(calls.find(second))
  })

  it("include calls of which Codex reports only what they did to an agent", () => {
    const calls = AgentCalls.make()
    const activity = (id: string, activity: "started" | "interacted" | "completed") =>
      calls.record(0, {
        _tag: "ItemCompleted",
        item: {
          _tag: "AgentActivity",
          id: ItemId.make(id),
          activity,
          agent: first,
          path: "/root/a",
          model: "m"
        },
        at: 0
      })
    activity("spawn", "started")
    assert.deepStrictEqual(calls.find(first), { owner: 0, callId: "spawn", model: "m" })
    activity("more", "interacted")
    activity("end", "completed")
    assert.deepStrictEqual(calls.find(first), { owner: 0, callId: "more", model: "m" })
  })

  it("prefer the newest turn that names the sub-agent", () => {
    const calls = AgentCalls.make()
    calls.record(2, event("ItemStarted", "newer", [first]))
    calls.record(0, event("ItemStarted", "older", [first]))
    assert.deepStrictEqual(calls.find(first), { owner: 2, callId: "newer" })
  })

  it("fall back to the first open call of the newest turn that names no sub-agent yet", () => {
    const calls = AgentCalls.make()
    calls.record(0, event("ItemStarted", "a", []))
    calls.record(1, event("ItemStarted", "b", []))
    calls.record(1, event("ItemStarted", "c", []))
    assert.deepStrictEqual(calls.find(first), { owner: 1, callId: "b" })
    calls.record(1, event("ItemCompleted", "b", [second]))
    assert.deepStrictEqual(calls.find(first), { owner: 1, callId: "c" })
    calls.record(1, event("ItemCompleted", "c", [second]))
    assert.deepStrictEqual(calls.find(first), { owner: 0, callId: "a" })
  })

  it("ignore calls that wait for a sub-agent or close it", () => {
    const calls = AgentCalls.make()
    calls.record(0, event("ItemStarted", "wait", [first], "wait_agent"))
    calls.record(0, event("ItemStarted", "close", [], "close_agent"))
    assert.isUndefined(calls.find(first))
  })

  it("find a call without reading the calls of other sub-agents", () => {
    const calls = AgentCalls.make()
    let reads = 0
    const others = Array.from({ length: 1_000 }, (_, index) => {
      const started = event("ItemStarted", `spawn-${index}`, [ThreadId.make(`agent-${index}`)])
      return new Proxy(started, {
        get: (target, key, receiver) => {
          reads++
          return Reflect.get(target, key, receiver)
        }
      })
    })
    others.forEach((started, index) => calls.record(index, started))
    calls.record(0, event("ItemStarted", "spawn", [first]))
    reads = 0
    assert.deepStrictEqual(calls.find(first), { owner: 0, callId: "spawn" })
    assert.strictEqual(reads, 0)
  })
})
