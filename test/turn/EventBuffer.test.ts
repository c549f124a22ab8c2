/** Delivers all events to a consumer of any speed. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import * as EventBuffer from "../../src/turn/EventBuffer.ts"
import type * as Turn from "../../src/domain/Turn.ts"

const Offered = Schema.Struct({
  what: Schema.Literals(["message", "reasoning", "output", "other", "started", "completed", "taken"]),
  item: Schema.Literals(["a", "b", "c"]),
  text: Schema.String
})

const eventOf = ({ item, text, what }: typeof Offered.Type, at: number): Turn.TurnEvent => {
  const id = ItemId.make(`${what}-${item}`)
  const message = { _tag: "AgentMessage", id: ItemId.make(`message-${item}`), text } as const
  switch (what) {
    case "message":
      return { _tag: "MessageDelta", itemId: id, delta: text, at }
    case "reasoning":
      return { _tag: "ReasoningDelta", itemId: id, delta: text, at }
    case "output":
      return { _tag: "OutputDelta", itemId: id, delta: text, at }
    case "started":
      return { _tag: "ItemStarted", item: message, at }
    case "completed":
      return { _tag: "ItemCompleted", item: message, at }
    default:
      return { _tag: "Unknown", method: text, payload: {}, at }
  }
}

const isDelta = (event: Turn.TurnEvent) => "delta" in event
const textOf = (events: ReadonlyArray<Turn.TurnEvent>) => {
  const text = new Map<string, string>()
  for (const event of events)
    if ("delta" in event) text.set(event.itemId, (text.get(event.itemId) ?? "") + event.delta)
  return text
}

it.effect.prop(
  "F26 loses no event and no character in any reading pattern, and bounds the waiting events",
  [Schema.Array(Offered).check(Schema.isMaxLength(80))],
  ([offered]) =>
    Effect.gen(function* () {
      const mailbox = EventBuffer.make<never>()
      const given: Array<Turn.TurnEvent> = []
      const batches: Array<ReadonlyArray<Turn.TurnEvent>> = []
      const pull = yield* Stream.toPull(mailbox.stream)
      let since = 0
      for (const [at, offer] of offered.entries()) {
        if (offer.what === "taken") {
          if (since > 0) batches.push(yield* pull)
          since = 0
        } else {
          const event = eventOf(offer, at)
          given.push(event)
          mailbox.offer(event)
          since++
        }
      }
      mailbox.end(Exit.void)
      if (since > 0) batches.push(yield* pull)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(pull)), "it goes on after its end")

      const got = batches.flat()
      const others = (events: ReadonlyArray<Turn.TurnEvent>) => events.filter((event) => !isDelta(event))
      assert.deepStrictEqual(others(got), others(given))
      assert.deepStrictEqual(textOf(got), textOf(given))
      for (const batch of batches) {
        const ends = batch.filter((event) => event._tag === "ItemCompleted").length
        // Nine items have deltas here: each has one waiting delta, and one more after each of its ends.
        assert.isAtMost(batch.filter(isDelta).length, 9 + ends)
      }
    }).pipe(Effect.scoped),
  { arbitrary: { runs: 500, seed: 1 } }
)

it.effect("F26 merges a million deltas for a sleeping consumer into one, and delivers later events", () =>
  Effect.gen(function* () {
    const mailbox = EventBuffer.make<never>()
    for (let index = 0; index < 1_000_000; index++)
      mailbox.offer(eventOf({ what: "message", item: index % 2 === 0 ? "a" : "b", text: "x" }, index))
    mailbox.offer(eventOf({ what: "completed", item: "a", text: "the end" }, 1_000_000))
    mailbox.end(Exit.void)
    const got = yield* Stream.runCollect(mailbox.stream)
    assert.deepStrictEqual(
      got.map(({ _tag }) => _tag),
      ["MessageDelta", "MessageDelta", "ItemCompleted"]
    )
    assert.deepStrictEqual(
      [...textOf(got).values()].map(({ length }) => length),
      [500_000, 500_000]
    )
  })
)

it.effect("keeps deltas of different kinds apart, also for the same item", () =>
  Effect.gen(function* () {
    const buffer = EventBuffer.make<never>()
    const itemId = ItemId.make("a")
    const given: ReadonlyArray<Turn.TurnEvent> = [
      { _tag: "ReasoningDelta", itemId, delta: "hm", at: 0 },
      { _tag: "MessageDelta", itemId, delta: "yes", at: 1 }
    ]
    for (const event of given) buffer.offer(event)
    buffer.end(Exit.void)
    assert.deepStrictEqual(yield* Stream.runCollect(buffer.stream), given)
  })
)

it.effect("keeps the last progress report of a tool, and the text of each sub-agent separately", () =>
  Effect.gen(function* () {
    const mailbox = EventBuffer.make<never>()
    const progress = (callId: string, text: string): Turn.TurnEvent => ({
      _tag: "ToolProgress",
      callId: ItemId.make(callId),
      tool: "t",
      text,
      at: 0
    })
    const agent = (thread: string, item: string, delta: string): Turn.TurnEvent => ({
      _tag: "AgentEvent",
      threadId: ThreadId.make(thread),
      turnId: TurnId.make("turn"),
      event: { _tag: "MessageDelta", itemId: ItemId.make(item), delta, at: 0 },
      at: 0
    })
    for (let n = 0; n < 1000; n++) {
      mailbox.offer(progress(n % 2 === 0 ? "c1" : "c2", String(n)))
      mailbox.offer(agent("one", "m1", "a"))
      mailbox.offer(agent("two", "m2", "b"))
    }
    mailbox.end(Exit.void)
    const got = yield* Stream.runCollect(mailbox.stream)
    assert.deepStrictEqual(
      got.flatMap((event) => (event._tag === "ToolProgress" ? [[event.callId, event.text]] : [])),
      [
        ["c1", "998"],
        ["c2", "999"]
      ]
    )
    const texts = got.flatMap((event) =>
      event._tag === "AgentEvent" && event.event._tag === "MessageDelta"
        ? [[event.threadId, event.event.delta]]
        : []
    )
    assert.deepStrictEqual(texts, [
      ["one", "a".repeat(1000)],
      ["two", "b".repeat(1000)]
    ])
  })
)

it.effect("keeps a delta that follows the end of its item after that end", () =>
  Effect.gen(function* () {
    const buffer = EventBuffer.make<never>()
    const itemId = ItemId.make("m1")
    const delta = (text: string) => ({ _tag: "MessageDelta", itemId, delta: text, at: 0 }) as const
    buffer.offer(delta("before"))
    buffer.offer({ _tag: "ItemCompleted", item: { _tag: "AgentMessage", id: itemId, text: "before" }, at: 0 })
    buffer.offer(delta("after"))
    buffer.end(Exit.void)
    const events = yield* Stream.runCollect(buffer.stream)
    assert.deepStrictEqual(
      events.map((event) => event._tag),
      ["MessageDelta", "ItemCompleted", "MessageDelta"]
    )
  })
)

it.effect("H20 bounds the bytes that wait for a slow consumer, and says what it dropped", () =>
  Effect.gen(function* () {
    const limit = 100_000
    const buffer = EventBuffer.make<never>(limit)
    const delta = (at: number): Turn.TurnEvent => ({
      _tag: "OutputDelta",
      itemId: ItemId.make(`c${at}`),
      delta: "x".repeat(10_000),
      at
    })
    const completed = (at: number): Turn.TurnEvent => ({
      _tag: "ItemCompleted",
      item: { _tag: "Plan", id: ItemId.make(`p${at}`), text: "y".repeat(5_000) },
      at
    })
    for (let at = 0; at < 60; at++) buffer.offer(delta(at))
    buffer.offer(completed(60))
    const pull = yield* Stream.toPull(buffer.stream)
    const first = yield* pull
    assert.deepStrictEqual(first[0], { _tag: "EventsOmitted", deltas: 56, events: 0, at: 55 })
    // Deltas are dropped before any other event, the oldest first.
    assert.deepStrictEqual(
      first.slice(1).map(({ at }) => at),
      [56, 57, 58, 59, 60]
    )
    for (let at = 0; at < 60; at++) buffer.offer(completed(at))
    buffer.offer(delta(60))
    const second = yield* pull
    assert.deepStrictEqual(second[0], { _tag: "EventsOmitted", deltas: 1, events: 51, at: 60 })
    assert.strictEqual(second.length, 10)
    // One merged delta is bounded as well.
    for (let at = 0; at < 58; at++) buffer.offer({ ...delta(0), at })
    buffer.offer({ _tag: "DiffUpdated", diff: "", at: 70 })
    assert.strictEqual((yield* pull).length, 3)
    buffer.end(Exit.void)
    assert.isTrue(Exit.isFailure(yield* Effect.exit(pull)))
  }).pipe(Effect.scoped)
)

it.effect(
  "H25 does not merge deltas of the turn itself with those of a sub-agent, whatever the ids are",
  () =>
    Effect.gen(function* () {
      const buffer = EventBuffer.make<never>()
      const delta = (id: string) =>
        ({ _tag: "MessageDelta", itemId: ItemId.make(id), delta: id, at: 0 }) as const
      const agent = {
        _tag: "AgentEvent",
        threadId: ThreadId.make("a"),
        turnId: TurnId.make("t"),
        at: 0
      } as const
      buffer.offer({ ...agent, event: delta("m") })
      for (const id of ["a m", 'a","m', '["a","m"]']) buffer.offer(delta(id))
      const pull = yield* Stream.toPull(buffer.stream)
      assert.lengthOf(yield* pull, 4)
    }).pipe(Effect.scoped)
)

it.effect("H25 does not merge the deltas of sub-agents whose items have the same id", () =>
  Effect.gen(function* () {
    const buffer = EventBuffer.make<never>()
    for (const name of ["a", "b", "a"]) {
      const threadId = ThreadId.make(name)
      const event = { _tag: "MessageDelta", itemId: ItemId.make("m"), delta: name, at: 0 } as const
      buffer.offer({ _tag: "AgentEvent", threadId, turnId: TurnId.make("t"), event, at: 0 })
    }
    const pull = yield* Stream.toPull(buffer.stream)
    const texts = (yield* pull).map((event) =>
      event._tag === "AgentEvent" && "delta" in event.event ? [event.threadId, event.event.delta] : []
    )
    assert.deepStrictEqual(texts, [
      [ThreadId.make("a"), "aa"],
      [ThreadId.make("b"), "b"]
    ])
  }).pipe(Effect.scoped)
)
