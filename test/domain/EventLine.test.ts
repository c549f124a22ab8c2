import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import * as CodexError from "../../src/domain/CodexError.ts"
import * as EventJson from "../../src/domain/EventJson.ts"
import { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import * as Item from "../../src/domain/Item.ts"
import * as Turn from "../../src/domain/Turn.ts"
import { jsonLine } from "../../src/internal/VisibleText.ts"

const decode = Schema.decodeUnknownSync(EventJson.EventLine, { onExcessProperty: "error" })

/** Asserts that the schema knows every field of a line, and that decoding changes nothing. */
const assertDecodes = (value: object) => {
  const written: unknown = JSON.parse(jsonLine(value))
  assert.deepStrictEqual<unknown>(decode(written), written)
}

/** Values that JSON has. The payloads of unknown events can be anything. */
const isJson = (value: unknown): boolean => {
  try {
    assert.deepStrictEqual(JSON.parse(JSON.stringify(value)), value)
    return true
  } catch {
    return false
  }
}

describe("the schema of event lines", () => {
  /** The kinds of which at least one generated value is JSON, so that the schema was tested with it. */
  const tested = new Set<string>()

  for (const [tag, schema] of Object.entries(Turn.TurnEvent.cases))
    it.prop(`accepts the line of ${tag}, with exactly its fields`, [schema], ([event]) => {
      if (event._tag === "TurnCompleted" || !isJson(event)) return
      tested.add(tag)
      assertDecodes(EventJson.event(event))
    })

  for (const [tag, schema] of Object.entries(Item.Item.cases))
    it.prop(`accepts the item ${tag}`, [schema], ([item]) => {
      if (!isJson(item)) return
      tested.add(tag)
      assertDecodes(EventJson.event({ _tag: "ItemCompleted", item, at: 1 }))
    })

  it("has been tested with every event and item", () => {
    const tags = [...Object.keys(Turn.TurnEvent.cases), ...Object.keys(Item.Item.cases)]
    assert.sameMembers([...tested], [...new Set(tags.filter((tag) => tag !== "TurnCompleted"))])
  })

  it("accepts the last line of every turn", () => {
    const ids = { threadId: "thread-1", turnId: "turn-1" }
    const turn: Turn.Turn = {
      id: TurnId.make("turn-1"),
      threadId: ThreadId.make("thread-1"),
      message: "done",
      items: [],
      usage: { ...Turn.noUsage, cacheWrite: 1 },
      diff: "",
      review: { findings: [], explanation: "fine", verdict: "patch is correct", confidence: 1 },
      time: { totalMillis: 5, thinkingMillis: 2, toolsMillis: 1, approvalMillis: 1, overheadMillis: 1 },
      modelCalls: 1,
      toolCalls: 0,
      sideEffects: false,
      cost: 0.25
    }
    assertDecodes(EventJson.last(turn, undefined, ids))
    assertDecodes(EventJson.last(turn, new CodexError.TurnStalled({ detail: "no events" }), ids))
    assertDecodes(EventJson.last(undefined, "interrupted", { threadId: undefined, turnId: undefined }))
  })

  it("refuses a line of another type, and one that lacks a field", () => {
    assert.throws(() => decode({ type: "turn.begun", at: 1 }))
    assert.throws(() => decode({ type: "turn.started", threadId: "thread-1", at: 1 }))
  })

  it("fits every example in docs/events.md, which shows each type", () => {
    const page = readFileSync("docs/events.md", "utf8")
    const examples = [...page.matchAll(/^\{"type":.*$/gm)].map(([line]) => JSON.parse(line))
    for (const example of examples) assert.deepStrictEqual<unknown>(decode(example), example)
    const shown = new Set(examples.map(({ type }) => type))
    const dotted = (tag: string) => tag.replace(/(?<!^)([A-Z])/g, ".$1").toLowerCase()
    const types = Object.keys(Turn.TurnEvent.cases).filter((tag) => tag !== "TurnCompleted")
    for (const type of [...types.map(dotted), "turn.completed", "turn.failed", "turn.interrupted"])
      assert.isTrue(shown.has(type), type)
  })

  it("masks secrets in the message of an error where the caller asks for it", () => {
    const error = new CodexError.TurnStalled({ detail: "no events for key-1" })
    const ids = { threadId: ThreadId.make("thread-1"), turnId: undefined }
    const line = jsonLine(
      EventJson.last(undefined, error, ids, ({ message }) => message.replace("key-1", "[redacted]"))
    )
    assert.include(line, "no events for [redacted]")
  })
})
