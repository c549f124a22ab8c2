import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Codex } from "../../src/Codex.ts"
import * as Rollouts from "../../src/durable/runner/Rollouts.ts"
import { layerRunner } from "../../src/durable/store/SqliteStore.ts"
import { Store } from "../../src/durable/store/Store.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { test } from "../support/live.ts"
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
})
