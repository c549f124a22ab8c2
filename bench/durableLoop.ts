/**
 * What `durable` compares durable turns with: a loop by hand that stores rows in the same database. A client inserts a row. A
 * worker polls for new rows, claims them, runs each turn and writes its outcome. The client polls for the outcome. It has no
 * queue of a thread, no approvals, no events and no recovery: a turn whose worker dies is lost.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import * as PostgresClient from "../src/durable-postgres/PostgresClient.ts"
import * as SqliteClient from "../src/durable/store/SqliteClient.ts"

/** How often the worker and the client look, as often as a durable client looks at a SQLite file. */
const poll = "50 millis"

/** The database: a URL of PostgreSQL, or the path of a SQLite file. */
export const layerSql = (database: string): Layer.Layer<SqlClient.SqlClient> =>
  database.startsWith("postgres:")
    ? Layer.orDie(
        PostgresClient.layer(
          { url: Redacted.make(database) },
          { applicationName: "bench", maxConnections: 10 }
        )
      )
    : Layer.orDie(Layer.effectContext(SqliteClient.make({ path: database })))

export const createTable = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`create table if not exists loop_turns (key text primary key, status text not null, input text not null, output text)`
})

export const submit = Effect.fnUntraced(function* (key: string, input: string) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`insert into loop_turns (key, status, input) values (${key}, 'submitted', ${input})`
})

/** Waits for the outcome of a turn. */
export const await_ = Effect.fnUntraced(function* (key: string) {
  const sql = yield* SqlClient.SqlClient
  while (true) {
    const [row] = yield* sql<{
      readonly output: string | null
    }>`select output from loop_turns where key = ${key}`
    if (typeof row?.output === "string") return row.output
    yield* Effect.sleep(poll)
  }
})

/** Runs the turns of the table for ever. */
export const work = Effect.fnUntraced(function* (run: (input: string) => Effect.Effect<string>) {
  const sql = yield* SqlClient.SqlClient
  while (true) {
    const rows = yield* sql<{
      readonly key: string
      readonly input: string
    }>`update loop_turns set status = 'running' where status = 'submitted' returning key, input`
    yield* Effect.forEach(rows, ({ input, key }) =>
      run(input).pipe(
        Effect.flatMap(
          (output) => sql`update loop_turns set status = 'ended', output = ${output} where key = ${key}`
        ),
        Effect.forkScoped
      )
    )
    yield* Effect.sleep(poll)
  }
})
