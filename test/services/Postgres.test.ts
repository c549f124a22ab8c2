/** The PostgreSQL server that other tests of this suite start for themselves. */
import { assert, describe } from "@effect/vitest"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Redacted from "effect/Redacted"
import { existsSync } from "node:fs"
import * as Live from "../support/live.ts"
import * as Postgres from "../support/postgres.ts"
import * as TcpProxy from "../support/tcpProxy.ts"

const skipped = Postgres.skipped("the PostgreSQL server of tests")

describe.skipIf(skipped)("a PostgreSQL server of a test", () => {
  Live.test("keeps commits over restarts and leaves nothing behind", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.scoped(
        Effect.gen(function* () {
          const server = yield* Postgres.make
          yield* server.createDatabase("kept")
          yield* server.query("CREATE TABLE rows (id int)", "kept")
          yield* server.query("INSERT INTO rows VALUES (1)", "kept")
          yield* server.restart("INT")
          yield* server.query("INSERT INTO rows VALUES (2)", "kept")
          yield* server.restart("QUIT")
          assert.deepStrictEqual(yield* server.query("SELECT id FROM rows ORDER BY id", "kept"), ["1", "2"])
          return (yield* server.query("SHOW data_directory"))[0] ?? ""
        })
      )
      assert.match(directory, /^\/var\/tmp\/effect-codex-postgres-/)
      assert.isFalse(existsSync(directory))
    })
  )

  Live.test("cuts and freezes connections at a proxy", () =>
    Effect.gen(function* () {
      const server = yield* Postgres.make
      const wire = yield* TcpProxy.make(server.port)
      const sql = yield* PgClient.make({ url: server.url("postgres", wire.port), maxConnections: 1 })
      const one = sql<{ one: number }>`SELECT 1 AS one`
      assert.deepStrictEqual(yield* one, [{ one: 1 }])
      yield* wire.freeze
      const waiting = yield* Effect.forkChild(one, { startImmediately: true })
      yield* server.query("SELECT 1")
      assert.isUndefined(waiting.pollUnsafe())
      yield* wire.thaw
      assert.deepStrictEqual(yield* Fiber.join(waiting), [{ one: 1 }])
      const asleep = yield* Effect.forkChild(Effect.flip(sql`SELECT pg_sleep(600)`), {
        startImmediately: true
      })
      yield* Live.until(
        "the statement runs",
        Effect.map(
          server.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"),
          (rows) => rows.length === 1
        )
      )
      yield* wire.cut
      const error = yield* Fiber.join(asleep)
      assert.notInclude(String(error), Redacted.value(server.url()))
      assert.deepStrictEqual(yield* one, [{ one: 1 }])
    }).pipe(Effect.provide(Reactivity.layer))
  )
})
