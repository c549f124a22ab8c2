/** Durable turns in PostgreSQL: the store, lost connections, and what an error must not repeat. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { ItemId, TurnId } from "../../src/domain/Ids.ts"
import * as PostgresChanges from "../../src/durable-postgres/PostgresChanges.ts"
import * as PostgresClient from "../../src/durable-postgres/PostgresClient.ts"
import * as PostgresStore from "../../src/durable-postgres/PostgresStore.ts"
import { guard, StorageDeadline } from "../../src/durable/store/StorageFailure.ts"
import { Store } from "../../src/durable/store/Store.ts"
import * as Pruned from "../durable/store/pruned.ts"
import { storeSuite, submission } from "../durable/store/storeSuite.ts"
import * as Certificates from "../support/certificates.ts"
import * as Live from "../support/live.ts"
import * as Postgres from "../support/postgres.ts"
import * as TcpProxy from "../support/tcpProxy.ts"

const skipped = Postgres.skipped("the durable store in PostgreSQL")

describe.skipIf(skipped)("the store in PostgreSQL", () => {
  const { emptyDatabase, server } = Postgres.forTests()
  storeSuite((effect) =>
    Effect.flatMap(emptyDatabase, (url) => Effect.provide(effect, PostgresStore.layer({ url })))
  )

  const inEmptyDatabase = <A, E>(effect: Effect.Effect<A, E, Store | SqlClient.SqlClient>) =>
    Effect.flatMap(emptyDatabase, (url) => Effect.provide(effect, PostgresStore.layer({ url })))

  it.effect("deletes turns that ended before a time with what belongs to them, and nothing that runs", () =>
    inEmptyDatabase(Pruned.deletesEndedTurns)
  )

  it.effect("deletes the rows of the workflow engine for the turns that it deletes, and no others", () =>
    inEmptyDatabase(Pruned.deletesWorkflows)
  )

  /** Opens a store of its own, as a process of its own has it. */
  const open = (url: Redacted.Redacted) =>
    Effect.map(Layer.build(PostgresStore.layer({ url })), Context.get(Store))

  /** Returns the URL of an empty database behind a proxy, and the proxy. */
  const behindProxy = Effect.gen(function* () {
    const url = yield* emptyDatabase
    const wire = yield* TcpProxy.make(server().port)
    const name = new URL(Redacted.value(url)).pathname.slice(1)
    return { direct: url, name, url: server().url(name, wire.port), wire }
  })

  const approval = {
    id: "a",
    key: "k",
    threadId: "t",
    turnId: TurnId.make("turn-1"),
    itemId: ItemId.make("item-1"),
    hash: "h",
    request: {
      _tag: "Command",
      id: "r1",
      itemId: ItemId.make("item-1"),
      command: "ls",
      script: "ls",
      cwd: "/srv",
      extra: false
    },
    shown: "ls",
    expiresAt: null
  } as const

  Live.test("creates its tables once when several processes start together", () =>
    Effect.gen(function* () {
      const url = yield* emptyDatabase
      const stores = yield* Effect.forEach(Array.from({ length: 4 }), () => open(url), {
        concurrency: "unbounded"
      })
      yield* Effect.forEach(stores, (store, index) => store.submit(submission(`k${index}`)), {
        concurrency: "unbounded"
      })
      assert.lengthOf(yield* stores[0]?.turns({}) ?? Effect.succeed([]), 4)
    })
  )

  Live.test("learns of the commits of other processes without a poll, also after its connection broke", () =>
    Effect.gen(function* () {
      const { direct, name, url, wire } = yield* behindProxy
      const writer = yield* open(direct)
      const reader = Store.layer.pipe(
        Layer.provide(PostgresChanges.layer(3_600_000)),
        Layer.provide(PostgresClient.layer({ url }, { applicationName: "reader", maxConnections: 3 }))
      )
      const store = yield* Effect.map(Layer.build(reader), Context.get(Store))
      const sees = (count: number) =>
        store.changes.pipe(
          Stream.mapEffect(() => store.turns({})),
          Stream.takeUntil((rows) => rows.length === count),
          Stream.runDrain
        )
      const listening = Live.until(
        "it listens",
        Effect.map(
          server().query(
            `SELECT 1 FROM pg_stat_activity WHERE application_name = 'reader' AND query LIKE 'LISTEN%'`,
            name
          ),
          (rows) => rows.length === 1
        )
      )
      const both = yield* Effect.forkChild(sees(2), { startImmediately: true })
      yield* listening
      yield* writer.submit(submission("a"))
      yield* wire.cut
      yield* listening
      yield* writer.submit(submission("b"))
      yield* Fiber.join(both)
    })
  )

  Live.test("accepts one of two conflicting answers", () =>
    Effect.gen(function* () {
      const url = yield* emptyDatabase
      const stores = yield* Effect.all([open(url), open(url)])
      const ids = Array.from({ length: 50 }, (_, index) => `a${index}`)
      yield* Effect.forEach(
        ids,
        Effect.fnUntraced(function* (id) {
          yield* stores[0].approvals.ask({ ...approval, id })
          const results = yield* Effect.all(
            [
              stores[0].approvals.decide(id, { _tag: "Accept" }, "ann"),
              stores[1].approvals.decide(id, { _tag: "Decline", reason: "no" }, "bob")
            ],
            { concurrency: "unbounded" }
          )
          assert.sameMembers(results, ["accepted", "already"])
        }),
        { concurrency: 8 }
      )
    })
  )

  Live.test("F12 loses and repeats nothing when the server restarts while turns are written", () =>
    Effect.gen(function* () {
      const url = yield* emptyDatabase
      const store = yield* open(url)
      const keys = Array.from({ length: 150 }, (_, index) => `k${index}`)
      const written = yield* Effect.forEach(
        keys,
        Effect.fnUntraced(function* (key) {
          yield* store.submit(submission(key, `t${key.at(-1)}`))
          const claimed = yield* store.claim(key, "r")
          const call = { turnId: TurnId.make(key), callId: "c", key, tool: "deploy", sideEffect: "once" }
          assert.strictEqual(yield* store.tools.begin(call), "new")
          yield* store.events.append(key, [
            { id: "e", event: { type: "events.omitted", deltas: 1, events: 0, at: 1 } }
          ])
          assert.isNumber(yield* store.owns(key, "r", claimed?.epoch ?? 0))
        }),
        { concurrency: 4, discard: true }
      ).pipe(Effect.forkChild({ startImmediately: true }))
      const restarts = Effect.gen(function* () {
        for (const signal of ["INT", "QUIT", "INT"] as const) {
          const before = (yield* store.turns({ limit: 1000 })).length
          yield* server().restart(signal)
          yield* Live.until(
            "turns are written after the restart",
            Effect.map(store.turns({ limit: 1000 }), (rows) => rows.length > before || before === keys.length)
          )
        }
        return yield* Effect.never
      })
      yield* Effect.raceFirst(Fiber.join(written), restarts)
      const rows = yield* store.turns({ limit: 1000 })
      assert.strictEqual(new Set(rows.map(({ key }) => key)).size, keys.length)
      assert.strictEqual(new Set(rows.map(({ seq, threadId }) => `${threadId} ${seq}`)).size, keys.length)
      for (const key of keys) assert.lengthOf(yield* store.events.after(key, 0), 1)
    })
  )

  Live.test("F12 knows its own decision and intent again when the confirmation was lost", () =>
    Effect.gen(function* () {
      const { name, url, wire } = yield* behindProxy
      const store = yield* open(url)
      yield* store.approvals.ask(approval)
      const row = (sql: string) =>
        Live.until(
          sql,
          Effect.map(server().query(sql, name), (rows) => rows.length === 1)
        )
      yield* wire.mute
      const decided = yield* Effect.forkChild(store.approvals.decide("a", { _tag: "Accept" }, "ann"), {
        startImmediately: true
      })
      yield* row("SELECT 1 FROM codex_approvals WHERE decision IS NOT NULL")
      yield* wire.cut
      assert.strictEqual(yield* Fiber.join(decided), "accepted")
      assert.strictEqual(yield* store.approvals.decide("a", { _tag: "Accept" }, "ann"), "already")
      yield* wire.mute
      const call = {
        turnId: TurnId.make("turn-1"),
        callId: "c",
        key: "k",
        tool: "deploy",
        sideEffect: "once"
      }
      const begun = yield* Effect.forkChild(store.tools.begin(call), { startImmediately: true })
      yield* row("SELECT 1 FROM codex_tool_calls")
      yield* wire.cut
      assert.strictEqual(yield* Fiber.join(begun), "new")
      const second = yield* store.tools.begin(call)
      assert.propertyVal(second, "state", "intent")
    })
  )

  Live.test(
    "F11 claims a turn whose row a frozen worker has locked, and repeats the transaction after it thaws",
    () =>
      Effect.gen(function* () {
        const url = yield* emptyDatabase
        const store = yield* open(url)
        yield* store.submit(submission("k"))
        const sql = yield* Effect.map(
          Layer.build(PostgresClient.layer({ url }, { applicationName: "frozen", maxConnections: 1 })),
          Context.get(SqlClient.SqlClient)
        )
        const [locked, thawed] = yield* Effect.all([Deferred.make<void>(), Deferred.make<void>()])
        let attempts = 0
        const transaction = Effect.gen(function* () {
          attempts++
          yield* sql`update codex_turns set event_seq = event_seq + 1 where key = 'k'`
          yield* Deferred.succeed(locked, undefined)
          yield* Deferred.await(thawed)
          yield* sql`update codex_turns set event_seq = event_seq + 1 where key = 'k'`
        }).pipe(sql.withTransaction, guard)
        const frozen = yield* Effect.forkChild(transaction, { startImmediately: true })
        yield* Deferred.await(locked)
        assert.strictEqual((yield* store.claim("k", "next"))?.runner, "next")
        yield* Deferred.succeed(thawed, undefined)
        yield* Fiber.join(frozen)
        assert.strictEqual(attempts, 2)
        assert.deepStrictEqual(yield* sql`select event_seq::int from codex_turns`, [{ event_seq: 2 }])
      })
  )

  Live.test(
    "F12 fails with StorageUnavailable at its deadline, when the server is down or answers nothing",
    () =>
      Effect.gen(function* () {
        const { url, wire } = yield* behindProxy
        const store = yield* open(url)
        const failing = Effect.flip(store.submit(submission("a"))).pipe(
          Effect.provideService(StorageDeadline, "300 millis")
        )
        yield* wire.freeze
        const silent = yield* failing
        yield* wire.thaw
        yield* server().stop()
        const down = yield* failing
        yield* server().start
        for (const error of [silent, down]) {
          assert.strictEqual(error._tag === "StorageUnavailable" ? error.reason : error._tag, "Unreachable")
          assert.notInclude(`${error} ${JSON.stringify(error)} ${error.stack}`, server().password)
        }
        assert.match(silent.message, /no answer within 300ms/)
        assert.isTrue((yield* store.submit(submission("b"))).inserted)
      })
  )

  Live.test("names why it is refused, without the URL and the password", () =>
    Effect.gen(function* () {
      const secret = "correct-horse"
      const { port } = server()
      const errorOf = (url: string) =>
        open(Redacted.make(url)).pipe(
          Effect.scoped,
          Effect.flip,
          Effect.provideService(StorageDeadline, "300 millis")
        )
      for (const [url, reason] of [
        [`postgres://postgres:${secret}@127.0.0.1:${port}/postgres`, "AccessDenied"],
        [`postgres://postgres:${server().password}@127.0.0.1:${port}/none`, "AccessDenied"],
        [`postgres://postgres:${secret}@127.0.0.1:1/postgres`, "Unreachable"],
        [`postgres://postgres:${secret}@127.0.0.1:99999999/postgres`, "Incompatible"],
        [`postgres://postgres:${secret}@127.0.0.1:${port}/postgres?sslmode=${secret}x`, "Unreachable"],
        [`mysql://postgres:${secret}@127.0.0.1/postgres`, "Incompatible"],
        [`${secret} is no URL`, "Incompatible"]
      ] as const) {
        const error = yield* errorOf(url)
        const text = `${error} ${JSON.stringify(error)} ${error.stack}`
        assert.strictEqual(error.reason, reason, text)
        assert.notInclude(text, `:${secret}@`)
        assert.notInclude(text, server().password)
      }
    })
  )

  Live.test("uses TLS and checks the certificate", () =>
    Effect.gen(function* () {
      const { server: files } = yield* Certificates.make
      const certificate = server().writeFile("server.pem", files.cert)
      const key = server().writeFile("server.key", files.key)
      yield* server().query(`ALTER SYSTEM SET ssl_cert_file = '${certificate}'`)
      yield* server().query(`ALTER SYSTEM SET ssl_key_file = '${key}'`)
      yield* server().query("ALTER SYSTEM SET ssl = on")
      yield* server().restart()
      const url = Redacted.make(`${Redacted.value(yield* emptyDatabase)}?sslmode=require`)
      const unknown = yield* Effect.flip(
        open(url).pipe(Effect.scoped, Effect.provideService(StorageDeadline, "300 millis"))
      )
      assert.match(unknown.message, /certificate/)
      const layer = PostgresStore.layer({ url, tls: { ca: files.ca } })
      const rows = yield* Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql<{ readonly ssl: boolean }>`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`
      ).pipe(Effect.provide(layer))
      assert.deepStrictEqual(rows, [{ ssl: true }])
    })
  )
})
