/** The secret by which workers recognise each other. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import { randomBytes } from "node:crypto"
import { StorageUnavailable } from "../domain/StorageErrors.ts"

const table = "codex_runner_secret"

const migrations = Migrator.fromRecord({
  "0001_create_tables": Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`CREATE TABLE ${sql(table)} (id integer PRIMARY KEY CHECK (id = 1), secret text NOT NULL)`
    yield* sql`INSERT INTO ${sql(table)} VALUES (1, ${randomBytes(32).toString("hex")})`
  })
})

/**
 * Returns the secret that the first worker has put into the database. A program that can read the database can act as a worker
 * anyway: so there is nothing to configure, and nothing that a command line could show.
 */
export const get = Effect.gen(function* () {
  yield* Migrator.make({})({ loader: migrations, table: "codex_runner_migrations" }).pipe(
    Effect.catchTag("MigrationError", (error) =>
      Effect.fail(new StorageUnavailable({ reason: "Incompatible", detail: error.message }))
    )
  )
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ readonly secret: string }>`SELECT secret FROM ${sql(table)} WHERE id = 1`
  return row === undefined
    ? yield* Effect.die(new Error(`the table ${table} is empty`))
    : Redacted.make(Buffer.from(row.secret, "hex"))
})
