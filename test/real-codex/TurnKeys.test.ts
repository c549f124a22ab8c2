import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as CodexError from "../../src/domain/CodexError.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as TurnRunner from "../../src/turn/TurnRunner.ts"
import * as CodexSocket from "../support/codexSocket.ts"
import { test, until } from "../support/live.ts"

describe.concurrent("a turn with a key", () => {
  test("starts once, and is read from the history by later callers, also in another client", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([
        M.reply(M.text("first")),
        M.reply(M.shell("echo x >> runs; exit 3")),
        M.reply(M.text('{"answer":42}'))
      ])
      const output = Schema.Struct({ answer: Schema.Finite })
      const [id, turn] = yield* Effect.gen(function* () {
        const thread = yield* codex.start()
        yield* thread.run("before")
        const turns = yield* Effect.all(
          [1, 2, 3].map(() => thread.run("go", { key: "order-1", output })),
          {
            concurrency: "unbounded"
          }
        )
        const [turn] = turns
        for (const other of turns) assert.deepStrictEqual(other, turn)
        return [thread.id, turn] as const
      }).pipe(Effect.provide(codex.layer), Effect.scoped)
      const stored = yield* Effect.flatMap(codex.resume(id), (thread) =>
        thread.run("go", { key: "order-1", output })
      ).pipe(Effect.provide(codex.layer), Effect.scoped)
      assert.deepStrictEqual(
        [stored.id, stored.threadId, stored.message, stored.output, stored.sideEffects],
        [turn?.id, id, turn?.message, { answer: 42 }, true]
      )
      assert.deepStrictEqual(
        stored.items.map(({ _tag }) => _tag),
        turn?.items.map(({ _tag }) => _tag)
      )
      assert.strictEqual((yield* codex.model.requests).length, 3)
    }))

  test("is observed by a client that comes while it runs, with its own time limit", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([M.reply(M.shell("touch started; sleep 100"))])
      const first = yield* Effect.provideContext(codex.start(), yield* Layer.build(codex.layer))
      const running = yield* Effect.forkScoped(Effect.flip(first.run("go", { key: "k" })))
      yield* until("the command runs", codex.exists("started"))
      const error = yield* Effect.flatMap(codex.resume(first.id), (thread) =>
        Effect.flip(thread.run("other input", { key: "k", timeout: 0 }))
      ).pipe(Effect.provide(codex.layer), Effect.scoped)
      assert.strictEqual(error._tag, "TurnTimedOut")
      const other = yield* Fiber.join(running)
      assert.strictEqual(other._tag, "TurnInterrupted")
      assert.strictEqual(error.turn?.id, other.turn?.id)
      // Codex may be interrupted before it reports the command that has just started, so only this item is certain.
      assert.strictEqual(error.turn?.items[0]?._tag, "UserMessage")
      assert.strictEqual((yield* codex.model.requests).length, 1)
    }))

  test("fails as its first caller would if its engine ended while it ran, and with its failure if it failed", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([
        M.reply(M.shell("touch started; sleep 100")),
        M.httpError(400),
        M.reply(M.shell("touch again; sleep 100"))
      ])
      const id = yield* Effect.gen(function* () {
        const thread = yield* codex.start()
        const running = yield* Effect.forkScoped(Effect.flip(thread.run("go", { key: "k" })))
        yield* until("the command runs", codex.exists("started"))
        yield* codex.restart
        assert.strictEqual((yield* Fiber.join(running))._tag, "EngineExited")
        return thread.id
      }).pipe(Effect.provide(codex.layer), Effect.scoped)
      yield* Effect.gen(function* () {
        const thread = yield* codex.resume(id)
        const lost = yield* Effect.flip(thread.run("go", { key: "k" }))
        assert.strictEqual(lost._tag, "EngineExited")
        assert.strictEqual(lost.turn?.message, "")
        assert.strictEqual(lost.turnId, lost.turn?.id)
        const failed = yield* Effect.flip(thread.run("fail", { key: "failing" }))
        const failedAgain = yield* Effect.flip(thread.run("fail", { key: "failing" }))
        assert.strictEqual(failedAgain.message, failed.message)
        assert.strictEqual(failedAgain.turnId, failed.turnId)
        const stopping = yield* Effect.forkScoped(Effect.flip(thread.run("stop", { key: "stopped" })))
        yield* until("the command runs", codex.exists("again"))
        yield* thread.interrupt
        assert.strictEqual((yield* Fiber.join(stopping))._tag, "TurnInterrupted")
        const stopped = yield* Effect.flip(thread.run("stop", { key: "stopped" }))
        assert.strictEqual(stopped._tag, "TurnInterrupted")
      }).pipe(Effect.provide(codex.layer), Effect.scoped)
      assert.strictEqual((yield* codex.model.requests).length, 3)
    }))

  test("is not started if the caller refuses right before", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([M.reply(M.text("done"))])
      yield* Effect.gen(function* () {
        const thread = yield* codex.start()
        const refusal = new CodexError.TurnStalled({ detail: "another runner has the turn" })
        const error = yield* thread.run("go", { key: "k" }).pipe(
          Effect.provideService(TurnRunner.BeforeStart, () => refusal),
          Effect.flip
        )
        assert.strictEqual(error.message, refusal.message)
        assert.strictEqual((yield* codex.model.requests).length, 0)
        assert.strictEqual((yield* thread.run("go", { key: "k" })).message, "done")
      }).pipe(Effect.provide(codex.layer), Effect.scoped)
    }))
})
