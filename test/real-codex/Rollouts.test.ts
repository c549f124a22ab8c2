import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Codex } from "../../src/Codex.ts"
import * as Rollouts from "../../src/durable/runner/Rollouts.ts"
import { layerRunner } from "../../src/durable/store/SqliteStore.ts"
import { Store } from "../../src/durable/store/Store.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Layer from "effect/Layer"
import { DurableRunner, type RunnerOptions } from "../../src/durable/runner/DurableRunner.ts"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import { test, until } from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

describe("a conversation of the real Codex", () => {
  test("continues in another home directory from the copy in the database", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const first = yield* Real.make([M.reply(M.text("The number is seven."))])
      const second = yield* Real.make([M.reply(M.text("It was seven."))])
      const { id, path } = yield* Effect.gen(function* () {
        const thread = yield* first.start()
        yield* thread.run("Remember the number seven.")
        const path = yield* Rollouts.fileOf(yield* Codex, thread.id)
        assert.isTrue(path?.startsWith(`${yield* (yield* Codex).home}/`))
        yield* Rollouts.follow(store, thread.id, path ?? "").save
        return { id: thread.id, path: path ?? "" }
      }).pipe(Effect.scoped, Effect.provide(first.layer))
      yield* Effect.gen(function* () {
        const lost = yield* Effect.flip(second.resume(id))
        assert.deepInclude(lost, { _tag: "InvalidRequest", reason: "ThreadNotFound" })
        const home = (yield* (yield* Codex).home) ?? ""
        assert.strictEqual(home, second.env.CODEX_HOME)
        assert.isTrue(yield* Rollouts.restore(store, id, path, home))
        const thread = yield* second.resume(id, { cwd: second.workspace })
        const turn = yield* thread.run("Which number was it?")
        assert.strictEqual(turn.message, "It was seven.")
      }).pipe(Effect.scoped, Effect.provide(second.layer))
      const [request] = yield* second.server.requests
      const body = JSON.stringify(request?.body)
      for (const text of ["Remember the number seven.", "The number is seven.", "Which number was it?"])
        assert.include(body, text)
    }).pipe(Effect.provide(layerRunner({ path: ":memory:" }))))

  test("of a lost machine continues in the engine of another runner, with its next turn", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const first = yield* Real.make([M.reply(M.text("The number is seven."))])
      const second = yield* Real.make([M.reply(M.text("It was seven."))])
      const runner = (codex: typeof first.layer, options: RunnerOptions) =>
        DurableRunner.layer(options).pipe(Layer.provide([codex, WorkflowEngine.layerMemory]))
      const submit = (key: string, input: string, cwd: string) =>
        store.submit({
          key,
          threadId: "numbers",
          threadOptions: { cwd, sandbox: "read-only" },
          input,
          options: {}
        })
      const outcome = (key: string) =>
        Effect.gen(function* () {
          yield* until(
            `an outcome of ${key}`,
            Effect.map(store.outcome(key), (end) => end !== undefined)
          )
          return yield* store.outcome(key)
        })
      yield* submit("k1", "Remember the number seven.", first.workspace)
      const one = yield* Effect.provide(outcome("k1"), runner(first.layer, { engine: "first" }))
      assert.strictEqual(one?._tag, "Completed")
      yield* submit("k2", "Which number was it?", second.workspace)
      // The first engine was reached a moment ago, so it may still run turns.
      const events = yield* Effect.gen(function* () {
        const { events } = yield* DurableRunner
        return yield* events.pipe(
          Stream.filter(({ _tag }) => _tag === "Retrying"),
          Stream.take(1),
          Stream.runCollect
        )
      }).pipe(Effect.provide(runner(second.layer, { engine: "second", takeOverAfter: "1 hour" })))
      assert.deepInclude(events[0], { _tag: "Retrying", key: "k2" })
      assert.isUndefined(yield* store.outcome("k2"))
      const two = yield* Effect.provide(
        outcome("k2"),
        runner(second.layer, { engine: "second", takeOverAfter: 0 })
      )
      assert.strictEqual(two?._tag === "Completed" ? two.turn.message : two?.error.message, "It was seven.")
      const [request, ...more] = yield* second.server.requests
      assert.lengthOf(more, 0)
      const body = JSON.stringify(request?.body)
      for (const text of ["Remember the number seven.", "The number is seven.", "Which number was it?"])
        assert.include(body, text)
    }).pipe(Effect.provide(layerRunner({ path: ":memory:" }))))
})
