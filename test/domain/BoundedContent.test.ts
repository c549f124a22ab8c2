/** Content within a limit in bytes: what is cut, how much is left, and that nothing keeps the whole. */
import { assert, describe, it } from "@effect/vitest"
import * as BoundedContent from "../../src/domain/BoundedContent.ts"
import * as BoundedText from "../../src/domain/BoundedText.ts"
import * as Schema from "effect/Schema"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import * as Item from "../../src/domain/Item.ts"
import * as KeptItems from "../../src/domain/KeptItems.ts"
import * as Turn from "../../src/domain/Turn.ts"
import * as TurnState from "../../src/domain/TurnState.ts"
import { heapUsed } from "../support/heap.ts"

const id = ItemId.make("item")
const large = "x".repeat(100_000)
const limit = 20_000

const kinds: ReadonlyArray<Item.Item> = [
  { _tag: "UserMessage", id, text: large },
  { _tag: "AgentMessage", id, text: large },
  { _tag: "Reasoning", id, summary: Array.from({ length: 5_000 }, () => "thought"), content: [large] },
  { _tag: "Plan", id, text: large },
  { _tag: "CommandExecution", id, command: large, cwd: "/", status: "failed", operations: [], output: large },
  {
    _tag: "FileChange",
    id,
    status: "completed",
    changes: Array.from({ length: 5_000 }, (_, at) => ({
      path: `${at}`,
      kind: "add",
      diff: "+line\n".repeat(20)
    }))
  },
  {
    _tag: "ToolCall",
    id,
    tool: "t",
    arguments: { deep: [[{ text: large }]] },
    status: "completed",
    output: large
  },
  {
    _tag: "McpToolCall",
    id,
    server: "s",
    tool: "t",
    arguments: {},
    status: "completed",
    result: { content: Array.from({ length: 50_000 }, (_, at) => ({ type: "text", text: `${at}` })) }
  },
  {
    _tag: "AgentCall",
    id,
    tool: "spawn_agent",
    agents: Array.from({ length: 5_000 }, (_, at) => ThreadId.make(`agent-${at}`)),
    prompt: large,
    status: "completed"
  },
  { _tag: "WebSearch", id, query: large },
  {
    _tag: "Unknown",
    id,
    kind: "new",
    payload: Object.fromEntries(Array.from({ length: 9_000 }, (_, at) => [`k${at}`, at]))
  }
]

describe("the content of an item", () => {
  it("H20 is cut to its limit in every kind of item, and the item says how much is left out", () => {
    const decode = Schema.decodeUnknownSync(Schema.toCodecJson(Item.Item))
    const encode = Schema.encodeSync(Schema.toCodecJson(Item.Item))
    for (const item of kinds) {
      const size = BoundedContent.sizeOf(item)
      const cut = BoundedContent.boundItem(item, limit)
      assert.isAtMost(BoundedContent.sizeOf(cut), limit + 1_000, item._tag)
      assert.approximately(cut.omittedCharacters ?? 0, (size - BoundedContent.sizeOf(cut)) / 2, 20, item._tag)
      assert.deepStrictEqual(decode(encode(cut)), cut)
      assert.strictEqual(BoundedContent.boundItem(cut, limit + 1_000), cut)
    }
  })

  it("H20 is cut to its limit in a list of steps", () => {
    const steps = Array.from({ length: 5_000 }, (_, at) => ({
      step: `${at} ${large.slice(0, 500)}`,
      status: "pending" as const
    }))
    const bounded = BoundedContent.boundEvent(
      { _tag: "PlanUpdated", plan: { steps, explanation: large }, at: 0 },
      limit
    )
    assert.isTrue(bounded._tag === "PlanUpdated" && bounded.plan.steps[0]?.step.startsWith("0 "))
    assert.isAtMost(BoundedContent.sizeOf(bounded._tag === "PlanUpdated" ? bounded.plan : bounded), 2 * limit)
  })

  it("keeps the start and the end of a text, and a line between them", () => {
    const text = `start${large}end`
    const cut = BoundedContent.cutText(text, 1_000)
    assert.strictEqual(cut.length, 1_000)
    assert.match(cut, /^startx+\n\[effect-codex left out the middle of this text\]\nx+end$/)
    assert.strictEqual(BoundedContent.cutText(text, text.length), text)
  })

  it("does not split a word, because redaction does not recognise half a secret", () => {
    const secret = "ghp_a1B2c3D4e5a1B2c3D4e5a1B2c3D4e5a1B2c3"
    for (let shift = 0; shift < 60; shift++) {
      const text = `${"x".repeat(shift)} ${`${secret}\n`.repeat(200)}${"y".repeat(shift)}`
      const cut = BoundedContent.cutText(text, 1_000)
      assert.isAtMost(cut.length, 1_000)
      assert.isAbove(cut.length, 850)
      assert.notMatch(cut.replaceAll(secret, ""), /gh|B2|D4/)
    }
  })

  it("does not split a character", () => {
    const text = "🦊".repeat(10_000)
    for (const length of [1_000, 1_001, 1_002, 1_003]) {
      assert.isTrue(BoundedContent.cutText(text, length).isWellFormed())
    }
  })

  it("is the same object if it is within the limit", () => {
    for (const item of kinds) assert.strictEqual(BoundedContent.boundItem(item, 10_000_000), item)
  })

  it("is measured and cut whatever its nesting, also if it contains itself", () => {
    let deep: unknown = large
    for (let at = 0; at < 200_000; at++) deep = [deep]
    const cycle: Record<string, unknown> = { large }
    cycle["self"] = cycle
    for (const payload of [deep, cycle]) {
      const cut = BoundedContent.boundItem({ _tag: "Unknown", id, kind: "new", payload }, limit)
      assert.isAtMost(BoundedContent.sizeOf(cut), limit + 1_000)
    }
  })

  it("H20 does not keep the memory of what is cut", () => {
    const before = heapUsed()
    const kept = Array.from({ length: 20 }, (_, at) =>
      BoundedContent.boundItem({ _tag: "Plan", id, text: `${at} `.repeat(700_000) }, limit)
    )
    assert.isBelow(heapUsed() - before, 3_000_000)
    assert.strictEqual(kept.length, 20)
  })
})

describe("a text that grows", () => {
  it("H20 keeps its start and its end within a limit", () => {
    let text = BoundedText.empty
    let whole = ""
    for (let at = 0; at < 20_000; at++) {
      text = BoundedText.append(text, `${at} `, 1_000)
      whole += `${at} `
    }
    const [start = "", end = "", ...others] = BoundedText.toString(text).split(BoundedContent.marker)
    assert.isTrue(whole.startsWith(start) && whole.endsWith(end) && others.length === 0)
    assert.isAtLeast(start.length, 990)
    assert.isAtLeast(end.length, 1_000)
    assert.isAtMost(start.length + end.length, 3_000)
    assert.strictEqual(start.length + end.length + text.omittedCharacters, whole.length)
  })

  it("is whole below its limit", () => {
    const parts = ["one ", "two ", "", "three ".repeat(300), "four"]
    const text = parts.reduce((text, part) => BoundedText.append(text, part, 1_000), BoundedText.empty)
    assert.strictEqual(BoundedText.toString(text), parts.join(""))
  })
})

const message = (name: string, text: string) =>
  ({ _tag: "AgentMessage", id: ItemId.make(name), text }) as const

describe("the items of a turn", () => {
  it("H20 are cut and then dropped from the oldest, and their size never exceeds the limit", () => {
    const limit = 100_000
    let items = KeptItems.empty
    for (let at = 0; at < 300; at++) {
      items = KeptItems.set(
        items,
        message(`m${at % 250}`, `${at} `.repeat(at % 7 === 0 ? 5_000 : 100)),
        limit
      )
      assert.isAtMost(items.bytes, limit)
      const kept = KeptItems.values(items)
      assert.strictEqual(
        items.bytes,
        kept.reduce((sum, item) => sum + BoundedContent.sizeOf(item) + 256, 0)
      )
      if (at < 250) assert.strictEqual(kept.length + items.omittedItems, at + 1)
    }
    assert.isAbove(items.omittedItems, 100)
  })

  it("H14 are each visited at most twice, however many there are", () => {
    let reads = 0
    let items = KeptItems.empty
    const count = 2_000
    for (let at = 0; at < count; at++) {
      const item = new Proxy(message(`m${at}`, "text ".repeat(400)), {
        ownKeys: (target) => {
          reads++
          return Reflect.ownKeys(target)
        }
      })
      items = KeptItems.set(items, item, 500_000)
    }
    assert.isAbove(items.omittedItems, 0)
    // An item is measured when it is set, and measured and cut when it is old.
    assert.isAtMost(reads, count * 5)
  })

  const state = (limits: { readonly turnBytes: number; readonly itemBytes: number }) =>
    TurnState.initial(ThreadId.make("t"), 0, Turn.noUsage, { ...limits, bufferBytes: 0 })
  const fold = (state: TurnState.TurnState, event: Turn.EngineEvent) =>
    TurnState.step(state, BoundedContent.boundEvent(event, state.limits.itemBytes), new Set())[0]

  it("H20 leave the last message whole, and the result counts the omitted items and characters", () => {
    let current = state({ turnBytes: 50_000, itemBytes: 40_000 })
    current = fold(current, {
      _tag: "TurnStarted",
      threadId: ThreadId.make("t"),
      turnId: TurnId.make("u"),
      at: 0
    })
    current = fold(current, {
      _tag: "ItemCompleted",
      item: message("answer", "answer ".repeat(1_000)),
      at: 1
    })
    for (let at = 0; at < 100; at++) {
      const item = {
        _tag: "CommandExecution",
        id: ItemId.make(`c${at}`),
        command: "cat large",
        cwd: "/",
        status: "completed",
        operations: [],
        output: large
      } as const
      current = fold(current, { _tag: "ItemCompleted", item, at: 2 + at })
    }
    const [turn] = TurnState.end(current, 200, { completed: true }, new Set())
    assert.strictEqual(turn.message, "answer ".repeat(1_000))
    assert.isAtMost(BoundedContent.sizeOf(turn.items), 50_000)
    assert.strictEqual(turn.items.length + (turn.omittedItems ?? 0), 101)
    assert.isAbove(turn.omittedCharacters ?? 0, 1_000_000)
    assert.deepStrictEqual(
      Schema.decodeUnknownSync(Schema.toCodecJson(Turn.Turn))(
        Schema.encodeSync(Schema.toCodecJson(Turn.Turn))(turn)
      ),
      turn
    )
  })

  it("H20 that are open, and the message that the model writes, are bounded too", () => {
    let current = state({ turnBytes: 80_000, itemBytes: 40_000 })
    for (let at = 0; at < 20; at++) {
      const item = { _tag: "Plan", id: ItemId.make(`p${at}`), text: large } as const
      current = fold(current, { _tag: "ItemStarted", item, at })
      current = fold(current, { _tag: "MessageDelta", itemId: ItemId.make("m"), delta: large, at })
    }
    assert.isAtMost(current.calls.itemBytes, 80_000 / 4 + 20 * 1_500)
    const { writing } = current
    assert.isAtMost(writing === undefined ? Infinity : BoundedContent.sizeOf(writing.text), 40_000)
    for (let at = 0; at < 20; at++) {
      const item = { _tag: "Plan", id: ItemId.make(`p${at}`), text: "" } as const
      current = fold(current, { _tag: "ItemCompleted", item, at: 30 })
    }
    assert.strictEqual(current.calls.itemBytes, 0)
  })

  it("are complete and unmarked within the limits", () => {
    let current = state({ turnBytes: 1_000_000, itemBytes: 500_000 })
    for (let at = 0; at < 20; at++)
      current = fold(current, { _tag: "ItemCompleted", item: message(`m${at}`, "text"), at })
    const [turn] = TurnState.end(current, 30, { completed: true }, new Set())
    assert.strictEqual(turn.items.length, 20)
    assert.notProperty(turn, "omittedItems")
    assert.notProperty(turn, "omittedCharacters")
  })
})
