/** Two processes that answer the same approvals at the same time. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as PostgresStore from "../../src/durable-postgres/PostgresStore.ts"
import { decline } from "../../src/domain/ApprovalDecision.ts"
import { hash } from "../../src/domain/ApprovalRequestHash.ts"
import type { StateLocked, StorageUnavailable } from "../../src/domain/StorageErrors.ts"
import { ItemId, TurnId } from "../../src/domain/Ids.ts"
import { Durable } from "../../src/durable/Durable.ts"
import { layerRunner } from "../../src/durable/store/SqliteStore.ts"
import { Store } from "../../src/durable/store/Store.ts"
import { answerAll, ids, layerClient, request } from "../support/durableAnswers.ts"
import * as Postgres from "../support/postgres.ts"

const other = fileURLToPath(new URL("../support/durableAnswers.ts", import.meta.url))

const temporary = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync("/var/tmp/effect-codex-race-")),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

const askAll = Effect.gen(function* () {
  const store = yield* Store
  const sql = yield* SqlClient.SqlClient
  // Another process waits for the write lock of SQLite, so all of them come at once.
  yield* sql.withTransaction(
    Effect.forEach(ids, (id) =>
      store.approvals.ask({
        id,
        key: "a",
        threadId: "t",
        turnId: TurnId.make("turn"),
        itemId: ItemId.make("item"),
        hash: hash(request),
        request,
        shown: "run npm publish",
        expiresAt: null
      })
    )
  )
})

/** Has two processes answer all approvals of a database, one of them accepting and one declining. */
const race = Effect.fnUntraced(function* (
  database: string,
  store: Layer.Layer<Store | SqlClient.SqlClient, StorageUnavailable | StateLocked>
) {
  yield* Effect.provide(askAll, store)
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [other], {
        env: { ...process.env, ANSWERS_DATABASE: database },
        stdio: ["pipe", "pipe", "inherit"]
      })
    ),
    (child) => Effect.sync(() => void child.kill("SIGKILL"))
  )
  let output = ""
  child.stdout.on("data", (bytes: Buffer) => {
    output += bytes.toString()
  })
  yield* Effect.promise(() => once(child.stdout, "data"))
  const ended = once(child, "close")
  const here = yield* Effect.gen(function* () {
    const durable = yield* Durable
    child.stdin.end("go\n")
    return yield* answerAll(durable, decline("no"), "here")
  }).pipe(Effect.provide(layerClient(database)))
  yield* Effect.promise(() => ended)
  const there: ReadonlyArray<string> = JSON.parse(output.slice(output.indexOf("[")))

  // Each approval was accepted from exactly one of them.
  assert.sameMembers([...here, ...there], ids)
  const rows = yield* Effect.provide(
    Durable.use(({ approvals }) => approvals.list({ pending: false, limit: ids.length })),
    Layer.fresh(layerClient(database))
  )
  assert.lengthOf(rows, ids.length)
  const won = new Set(here)
  for (const { decidedBy, decision, id } of rows) {
    assert.strictEqual(decidedBy, won.has(id) ? "here" : "there")
    assert.strictEqual(decision?._tag, won.has(id) ? "Decline" : "Accept")
  }
})

describe("approvals of durable turns", () => {
  it.live("F17 accept one of two conflicting answers of two processes, a thousand times", () =>
    Effect.gen(function* () {
      const path = join(yield* temporary, "turns.db")
      yield* race(path, layerRunner({ path }))
    }).pipe(Effect.scoped)
  )

  describe.skipIf(Postgres.skipped("two answers to one approval in PostgreSQL"))("in PostgreSQL", () => {
    const { emptyDatabase } = Postgres.forTests()
    it.live("F17 accept one of two conflicting answers of two processes, a thousand times", () =>
      Effect.gen(function* () {
        const url = yield* emptyDatabase
        yield* race(Redacted.value(url), PostgresStore.layer({ url }))
      }).pipe(Effect.scoped)
    )
  })
})
