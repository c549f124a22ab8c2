/** The store in a SQLite file. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as SqlClient from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import { layerRunner } from "../../../src/durable/store/SqliteStore.ts"
import { Store } from "../../../src/durable/store/Store.ts"
import { storeSuite, submission } from "./storeSuite.ts"

describe("the store", () => {
  storeSuite((effect) => Effect.provide(effect, layerRunner({ path: ":memory:" })))

  it.effect("dates the check of an owner from the moment when the database is asked", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const sql = yield* SqlClient.SqlClient
      yield* store.submit(submission("a"))
      yield* store.claim("a", "r1")
      const checked = yield* Effect.scoped(
        Effect.gen(function* () {
          yield* sql.reserve
          const fiber = yield* Effect.forkDetach(store.owns("a", "r1", 1), { startImmediately: true })
          yield* TestClock.adjust("3 seconds")
          return fiber
        })
      )
      assert.strictEqual(yield* Fiber.join(checked), 3_000)
    }).pipe(Effect.provide(layerRunner({ path: ":memory:" })))
  )
})
