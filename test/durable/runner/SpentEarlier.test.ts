import { assert, describe, it } from "@effect/vitest"
import { TurnId } from "../../../src/domain/Ids.ts"
import * as SpentEarlier from "../../../src/durable/runner/SpentEarlier.ts"

const usage = (input: number, output: number) => ({ input, cachedInput: 0, output, reasoning: 0 })
const started = (turnId: string) => ({ type: "turn.started", threadId: "t", turnId, at: 1 })
const responded = (responseId: string, input: number, output: number) => ({
  type: "model.responded",
  responseId,
  usage: usage(input, output),
  at: 1
})
const updated = (input: number, output: number) => ({
  type: "usage.updated",
  usage: usage(input, output),
  at: 1
})
const command = (type: string, id: string) => ({
  type,
  item: { id, type: "command_execution", command: "ls", cwd: "/", status: "completed", operations: [] },
  at: 1
})

const events = [
  started("one"),
  responded("r1", 100, 10),
  // Codex reports the same use in two ways.
  updated(100, 10),
  command("item.started", "c1"),
  command("item.completed", "c1"),
  command("item.completed", "c2"),
  { type: "retrying", errorType: "ModelError.Overloaded", at: 1 },
  { type: "agent.event", threadId: "a", turnId: "agent", event: updated(1000, 0), at: 1 },
  { type: "something.new", at: 1 },
  started("two"),
  responded("r2", 5, 5)
]

describe("what a turn has used on an engine that died", () => {
  it("is counted once, with its sub-agents and without other turns", () => {
    assert.deepStrictEqual(SpentEarlier.spentBy(events, TurnId.make("one"), undefined), {
      tokens: 1110,
      timeMillis: 0,
      toolCalls: 2,
      modelCalls: 3
    })
    assert.strictEqual(SpentEarlier.spentBy(events, TurnId.make("two"), undefined).tokens, 10)
  })

  it("has a cost if the model has a price", () => {
    const { usd } = SpentEarlier.spentBy(events, TurnId.make("one"), { input: 1_000_000, output: 2_000_000 })
    assert.strictEqual(usd, 1120)
  })

  it("is subtracted from the limits that the budget has, down to 0", () => {
    const spent = { tokens: 70, timeMillis: 5, toolCalls: 9, modelCalls: 1, usd: 0.5 }
    assert.deepStrictEqual(SpentEarlier.remaining({ tokens: 100, toolCalls: 2, usd: 2 }, spent), {
      tokens: 30,
      toolCalls: 0,
      usd: 1.5
    })
    assert.deepStrictEqual(SpentEarlier.remaining({ timeMillis: 100 }, spent), { timeMillis: 95 })
  })
})
