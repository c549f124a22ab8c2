import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Codex, Conversations, type ConversationsOptions, ThreadId } from "effect-codex"
import { Scripted, TestLayer } from "effect-codex/testing"

const layer = (options: ConversationsOptions = {}) =>
  Conversations.layerOptions(options).pipe(Layer.provideMerge(TestLayer))

const open = (owner: string) =>
  Effect.flatMap(Effect.all([Conversations, Codex]), ([conversations, codex]) =>
    // It takes a while, so that others can open one meanwhile.
    conversations.open(owner, Effect.andThen(Effect.yieldNow, codex.startThread({ cwd: "/" })))
  )

const running = Scripted.command("sleep 600", { takes: "10 minutes" })

describe("Conversations", () => {
  it.effect("close a conversation that nothing has used for the idle time, and no other", () =>
    Effect.gen(function* () {
      yield* Scripted.play([running, Scripted.message("done")])
      const conversations = yield* Conversations
      const idle = yield* open("ada")
      const used = yield* open("ada")
      const turn = yield* Effect.forkChild(
        Effect.scoped(
          Effect.flatMap(conversations.acquire("ada", used.id), ({ thread }) => thread.run("go"))
        ),
        { startImmediately: true }
      )
      yield* TestClock.adjust("4 minutes")
      assert.lengthOf(yield* conversations.list("ada"), 2)
      yield* TestClock.adjust("3 minutes")
      const [status, ...others] = yield* conversations.list()
      assert.deepStrictEqual(others, [])
      assert.deepInclude(status, { id: used.id, owner: "ada", running: 1, idleSince: undefined })
      assert.strictEqual(
        (yield* Effect.flip(Effect.scoped(conversations.get("ada", idle.id))))._tag,
        "ConversationNotFound"
      )
      yield* TestClock.adjust("4 minutes")
      assert.strictEqual((yield* Fiber.join(turn)).message, "done")
      yield* TestClock.adjust("7 minutes")
      assert.deepStrictEqual(yield* conversations.list(), [])
    }).pipe(Effect.provide(layer({ idleTimeout: "5 minutes" })))
  )

  it.effect("get another number with each work, which stays after the work has ended", () =>
    Effect.gen(function* () {
      const conversations = yield* Conversations
      const [first, second] = [yield* open("ada"), yield* open("ada")]
      const numbers = Effect.map(conversations.list("ada"), (all) => all.map(({ lastWork }) => lastWork))
      const work = ({ id }: typeof first) => Effect.scoped(conversations.acquire("ada", id))
      assert.deepStrictEqual(yield* numbers, [undefined, undefined])
      yield* work(first)
      yield* work(second)
      yield* Effect.scoped(conversations.get("ada", first.id))
      assert.deepStrictEqual(yield* numbers, [1, 2])
      yield* work(first)
      assert.deepStrictEqual(yield* numbers, [3, 2])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("belong to their owners", () =>
    Effect.gen(function* () {
      const conversations = yield* Conversations
      const { id } = yield* open("ada")
      assert.strictEqual(
        (yield* Effect.flip(Effect.scoped(conversations.get("bob", id))))._tag,
        "ConversationNotFound"
      )
      assert.strictEqual((yield* Effect.flip(conversations.close("bob", id)))._tag, "ConversationNotFound")
      assert.deepStrictEqual(yield* conversations.list("bob"), [])
      yield* conversations.close("ada", id)
      assert.deepStrictEqual(yield* conversations.list(), [])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("are limited for each owner and in total, also when they are opened at the same time", () =>
    Effect.gen(function* () {
      const conversations = yield* Conversations
      const attempts = yield* Effect.forEach(
        ["ada", "ada", "ada", "bob", "bob"],
        (owner) => Effect.result(open(owner)),
        { concurrency: "unbounded" }
      )
      const outcomes = attempts.map((result) =>
        result._tag === "Success"
          ? "open"
          : result.failure._tag === "ConversationLimit"
            ? result.failure.scope
            : "?"
      )
      assert.deepStrictEqual(outcomes, ["open", "open", "owner", "open", "total"])
      const [first] = yield* conversations.list("ada")
      yield* conversations.close("ada", first?.id ?? ThreadId.make(""))
      yield* open("bob")
    }).pipe(Effect.provide(layer({ maxPerOwner: 2, maxOpen: 3 })))
  )

  it.effect("give back the place of a thread that could not be opened", () =>
    Effect.gen(function* () {
      const conversations = yield* Conversations
      for (let n = 0; n < 3; n++)
        assert.strictEqual(yield* Effect.flip(conversations.open("ada", Effect.fail("no"))), "no")
      yield* open("ada")
    }).pipe(Effect.provide(layer({ maxPerOwner: 1 })))
  )

  for (const [how, work, deadline, ends] of [
    ["wait for a turn that ends before the deadline", "10 minutes", "1 hour", "completed"],
    ["interrupt a turn that is still running at the deadline", "10 minutes", "1 minute", "interrupted"]
  ] as const)
    it.effect(`refuse new work during a shutdown, and ${how}`, () =>
      Effect.gen(function* () {
        yield* Scripted.play([Scripted.command("sleep", { takes: work }), Scripted.message("done")])
        const conversations = yield* Conversations
        const { id } = yield* open("ada")
        const turn = yield* Effect.forkChild(
          Effect.scoped(Effect.flatMap(conversations.acquire("ada", id), ({ thread }) => thread.run("go"))),
          { startImmediately: true }
        )
        yield* TestClock.adjust("1 second")
        const shutdown = yield* Effect.forkChild(conversations.shutdown, { startImmediately: true })
        assert.strictEqual((yield* Effect.flip(open("ada")))._tag, "ShuttingDown")
        assert.strictEqual(
          (yield* Effect.flip(Effect.scoped(conversations.acquire("ada", id))))._tag,
          "ShuttingDown"
        )
        // What runs can still be steered, answered and interrupted.
        assert.strictEqual((yield* Effect.scoped(conversations.get("ada", id))).id, id)
        yield* TestClock.adjust("2 minutes")
        yield* TestClock.adjust("10 minutes")
        yield* Fiber.join(shutdown)
        assert.strictEqual(
          (yield* Effect.exit(Fiber.join(turn)))._tag === "Success" ? "completed" : "interrupted",
          ends
        )
        assert.deepStrictEqual(yield* conversations.list(), [])
      }).pipe(Effect.provide(layer({ shutdownTimeout: deadline })))
    )
})
