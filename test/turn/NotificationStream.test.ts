import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as BoundedContent from "../../src/domain/BoundedContent.ts"
import * as ContentLimits from "../../src/domain/ContentLimits.ts"
import * as CodexProtocol from "../../src/engine/CodexProtocol.ts"
import * as NotificationHub from "../../src/engine/NotificationHub.ts"
import * as NotificationStream from "../../src/turn/NotificationStream.ts"

const numberOf = (notification: CodexProtocol.Notification) =>
  notification._tag === "UnknownNotification" ? Number(notification.method) : undefined

const offered = Schema.Array(
  Schema.Struct({ length: Schema.Literals([0, 10, 100, 1000, 5000]), isTaken: Schema.Boolean })
).check(Schema.isMaxLength(200))

describe("the buffer of a stream of notifications", () => {
  it.effect.prop(
    "keeps the order, drops the oldest, counts what it drops and stays within its limit",
    [offered, Schema.Literals([0, 1000, 10_000, 1_000_000])],
    ([offers, limit]) =>
      Effect.gen(function* () {
        const buffer = NotificationStream.makeBuffer(limit)
        const pull = yield* Stream.toPull(buffer.stream)
        let since = 0
        let next = 0
        const check = (batch: ReadonlyArray<CodexProtocol.Notification>) => {
          const [first, ...rest] = batch
          const omitted = first?._tag === "NotificationsOmitted" ? first.count : 0
          if (omitted > 0) assert.deepInclude(first, { at: next + omitted - 1 })
          const received = omitted > 0 ? rest : batch
          assert.isAtMost(
            received.reduce((sum, one) => sum + ("params" in one ? BoundedContent.sizeOf(one.params) : 0), 0),
            limit
          )
          // After what is omitted, every notification is there, in order.
          assert.deepStrictEqual(
            received.map(numberOf),
            received.map((_, index) => next + omitted + index)
          )
          next += omitted + received.length
        }
        for (const [at, { isTaken, length }] of offers.entries()) {
          buffer.offer({ method: String(at), params: { text: "x".repeat(length) }, at })
          since++
          if (!isTaken) continue
          check(yield* pull)
          since = 0
        }
        buffer.end()
        buffer.offer({ method: "late", params: {}, at: 0 })
        if (since > 0) check(yield* pull)
        assert.strictEqual(next, offers.length)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(pull)), "it goes on after its end")
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 300, seed: 1 } }
  )

  it.effect("takes constant time for each notification, also when it drops most of them", () =>
    Effect.gen(function* () {
      const buffer = NotificationStream.makeBuffer(100_000)
      for (let at = 0; at < 200_000; at++) buffer.offer({ method: String(at), params: {}, at })
      buffer.end()
      const [first, ...rest] = yield* Stream.runCollect(buffer.stream)
      assert.strictEqual(first?._tag, "NotificationsOmitted")
      assert.strictEqual(first?._tag === "NotificationsOmitted" ? first.count + rest.length : 0, 200_000)
    })
  )
})

describe("a stream of notifications", () => {
  const setup = Effect.gen(function* () {
    const hub = NotificationHub.make()
    let at = 0
    const publish = (method: string, params: unknown) =>
      Effect.andThen(
        Effect.sync(() => hub.publish(method, params, () => ++at)),
        Effect.yieldNow
      )
    return { hub, publish, times: () => at }
  })

  it.effect("types what it knows, passes on what it does not know, and costs nothing before it runs", () =>
    Effect.gen(function* () {
      const { hub, publish, times } = yield* setup
      const stream = yield* NotificationStream.make(hub)
      yield* publish("warning", { threadId: null, message: "early" })
      assert.strictEqual(times(), 0, "without a subscriber, no value is made")
      const reading = yield* Effect.forkScoped(Stream.runCollect(Stream.take(stream, 2)), {
        startImmediately: true
      })
      yield* publish("warning", { threadId: null, message: "heard" })
      yield* publish("new/thing", 7)
      assert.deepStrictEqual(yield* Fiber.join(reading), [
        { _tag: "Notification", method: "warning", params: { threadId: null, message: "heard" }, at: 1 },
        { _tag: "UnknownNotification", method: "new/thing", params: 7, at: 2 }
      ])
      yield* publish("warning", { threadId: null, message: "late" })
      assert.strictEqual(times(), 2, "the run has left")
    }).pipe(Effect.scoped)
  )

  it.effect("ends with its scope, after what it still contains", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* setup
      const scope = yield* Scope.make()
      const stream = yield* Scope.provide(NotificationStream.make(hub), scope)
      const reading = yield* Effect.forkScoped(Stream.runCollect(stream), { startImmediately: true })
      yield* publish("configWarning", { summary: "s", details: null })
      yield* Scope.close(scope, Exit.void)
      assert.lengthOf(yield* Fiber.join(reading), 1)
      assert.lengthOf(yield* Stream.runCollect(stream), 0)
    }).pipe(Effect.scoped)
  )

  it.effect("never blocks the engine: a consumer that does not read loses the oldest", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* setup
      const stream = yield* NotificationStream.make(hub)
      const pull = yield* Stream.toPull(stream)
      const first = yield* Effect.forkScoped(pull, { startImmediately: true })
      yield* publish("warning", { threadId: null, message: "0" })
      yield* Fiber.join(first)
      for (let count = 1; count <= 100; count++)
        yield* publish("warning", { threadId: null, message: "x".repeat(500) })
      const [omitted, ...rest] = yield* pull
      assert.strictEqual(omitted._tag, "NotificationsOmitted")
      assert.isBelow(rest.length, 10)
      assert.strictEqual(omitted._tag === "NotificationsOmitted" ? omitted.count + rest.length : 0, 100)
    }).pipe(
      Effect.scoped,
      Effect.provideService(ContentLimits.Current, { ...ContentLimits.defaults, bufferBytes: 10_000 })
    )
  )

  it.effect("is filtered, and a listener that throws affects no other", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* setup
      yield* hub.subscribe(() => {
        throw new Error("a bug of the listener")
      })
      const ofThread = yield* NotificationStream.make(
        hub,
        ({ params }) => NotificationHub.threadIdOf(params) === "t1"
      )
      const reading = yield* Effect.forkScoped(Stream.runCollect(Stream.take(ofThread, 2)), {
        startImmediately: true
      })
      for (const params of [
        {},
        null,
        [],
        "t1",
        { threadId: 7 },
        { threadId: "t2" },
        { thread: { id: "t2" } }
      ])
        yield* publish("x", params)
      yield* publish("thread/started", { thread: { id: "t1" } })
      yield* publish("y", { threadId: "t1" })
      const methods = (yield* Fiber.join(reading)).map((one) => ("method" in one ? one.method : one._tag))
      assert.deepStrictEqual(methods, ["thread/started", "y"])
    }).pipe(Effect.scoped)
  )

  it.effect("is empty for an engine without notifications", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const stream = yield* Scope.provide(NotificationStream.make({}), scope)
      const reading = yield* Effect.forkScoped(Stream.runCollect(stream), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.lengthOf(yield* Fiber.join(reading), 0)
    }).pipe(Effect.scoped)
  )
})
