/** A `SqlClient` over Node's own SQLite: one connection, WAL, prepared statements, transactions that write from their start. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"
import * as NodeTimers from "../../internal/NodeTimers.ts"

/** Options of the client. */
export interface SqliteOptions {
  /** The path of the file, or `:memory:`. */
  readonly path: string
  /** How long a statement waits for another process that writes, in milliseconds. Default: 10,000. */
  readonly busyTimeoutMillis?: number | undefined
  /** How many prepared statements are kept. Default: 200. */
  readonly cachedStatements?: number | undefined
  /** For tests: the maximum size of the file in pages of 4,096 bytes, as if the disk were full then. */
  readonly maxPages?: number | undefined
}

/** The client with its database, whose `PRAGMA data_version` shows the commits of other connections. */
export class Sqlite extends Context.Service<
  Sqlite,
  {
    readonly path: string
    readonly database: DatabaseSync
  }
>()("effect-codex/durable/Sqlite") {}

/** Adds `errno`, which Effect's classification reads; Node calls it `errcode`. */
const withErrno = (cause: unknown): unknown =>
  cause instanceof Error && "errcode" in cause ? Object.assign(cause, { errno: cause.errcode }) : cause

/** Classifies an error of SQLite. */
export const failure = (cause: unknown, operation: string): SqlError =>
  new SqlError({
    reason: classifySqliteError(withErrno(cause), {
      message: cause instanceof Error ? cause.message : String(cause),
      operation
    })
  })

const isBusy = ({ reason }: SqlError): boolean => reason._tag === "LockTimeoutError"

const toInput = (value: unknown): SQLInputValue => {
  switch (typeof value) {
    case "string":
    case "number":
    case "bigint":
      return value
    case "boolean":
      return value ? 1 : 0
    case "undefined":
      return null
    default:
      if (value === null || value instanceof Uint8Array) return value
      if (value instanceof Date) return value.toISOString()
      throw new TypeError("SQLite has no type for this value")
  }
}

type Transform = (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined

/** How long SQLite itself waits, which blocks the process. Longer waits are asynchronous. */
const blockingMillis = 20

const open = Effect.fnUntraced(function* (options: SqliteOptions) {
  // Imported here, because Node 22 prints a warning when the module loads.
  const { DatabaseSync } = yield* Effect.promise(() => import("node:sqlite"))
  return yield* Effect.acquireRelease(
    Effect.try({
      try: () => {
        const database = new DatabaseSync(options.path, { timeout: 5000, enableForeignKeyConstraints: true })
        try {
          database.exec("PRAGMA journal_mode = WAL")
          // A commit is on the disk when it returns: a decision that was reported as accepted survives a loss of power.
          database.exec("PRAGMA synchronous = FULL")
          database.exec(`PRAGMA busy_timeout = ${blockingMillis}`)
          if (options.maxPages !== undefined) database.exec(`PRAGMA max_page_count = ${options.maxPages}`)
          return database
        } catch (error) {
          database.close()
          throw error
        }
      },
      catch: (cause) => failure(cause, "open")
    }),
    (database) => Effect.sync(() => database.close())
  )
})

const makeConnection = (database: DatabaseSync, options: SqliteOptions): Connection => {
  const { busyTimeoutMillis = 10_000, cachedStatements = 200 } = options
  const prepared = new Map<string, StatementSync>()

  /** Keeps the statements that were used last. */
  const prepare = (sql: string): StatementSync => {
    const statement = prepared.get(sql) ?? database.prepare(sql)
    prepared.delete(sql)
    prepared.set(sql, statement)
    if (prepared.size > cachedStatements) {
      const [oldest] = prepared.keys()
      if (oldest !== undefined) prepared.delete(oldest)
    }
    return statement
  }

  /**
   * Runs a statement, and again while another process holds the write lock. A statement in a transaction is not repeated:
   * the transaction holds the lock from its start.
   */
  const attempt = <A>(operation: string, run: (safeIntegers: boolean) => A): Effect.Effect<A, SqlError> =>
    Effect.withFiber((fiber) => {
      const safeIntegers = fiber.getRef(SqlClient.SafeIntegers)
      const once = Effect.try({
        try: () => run(safeIntegers),
        catch: (cause) => failure(cause, operation)
      })
      const retry = (waited: number): Effect.Effect<A, SqlError> =>
        Effect.catchIf(
          once,
          (error) => isBusy(error) && !database.isTransaction && waited < busyTimeoutMillis,
          () => {
            const pause = 5 + Math.random() * 20
            return Effect.andThen(
              NodeTimers.sleep(pause),
              Effect.suspend(() => retry(waited + pause + blockingMillis))
            )
          }
        )
      return retry(0)
    })

  const rows = (sql: string, params: ReadonlyArray<unknown>, transform: Transform, cache: boolean) => {
    const found = attempt("execute", (safeIntegers) => {
      const statement = cache ? prepare(sql) : database.prepare(sql)
      statement.setReadBigInts(safeIntegers)
      statement.setReturnArrays(false)
      return statement.all(...params.map(toInput))
    })
    return transform === undefined ? found : Effect.map(found, transform)
  }

  const values = (sql: string, params: ReadonlyArray<unknown>, cache: boolean) =>
    attempt("execute", (safeIntegers): ReadonlyArray<ReadonlyArray<unknown>> => {
      const statement = cache ? prepare(sql) : database.prepare(sql)
      statement.setReadBigInts(safeIntegers)
      // Objects would lose a column whose name another column has too.
      statement.setReturnArrays(true)
      return statement.all(...params.map(toInput)).map((row) => Object.values(row))
    })

  return {
    execute: (sql, params, transform) => rows(sql, params, transform, true),
    executeRaw: (sql, params) =>
      attempt("execute", () => {
        const statement = prepare(sql)
        statement.setReturnArrays(false)
        return statement.columns().length === 0
          ? statement.run(...params.map(toInput))
          : statement.all(...params.map(toInput))
      }),
    executeValues: (sql, params) => values(sql, params, true),
    executeValuesUnprepared: (sql, params) => values(sql, params, false),
    executeUnprepared: (sql, params, transform) => rows(sql, params, transform, false),
    // SQLite shares its connection: a cursor that stays open would hold back the checkpoints of all.
    executeStream: (sql, params, transform) =>
      Stream.unwrap(Effect.map(rows(sql, params, transform, true), (found) => Stream.fromIterable(found)))
  }
}

/** Makes a client with one connection, which closes with the scope. */
export const make = Effect.fnUntraced(function* (
  options: SqliteOptions
): Effect.fn.Return<Context.Context<SqlClient.SqlClient | Sqlite>, SqlError, Scope.Scope> {
  const database = yield* open(options)
  const acquirers = SqlClient.makeSqliteAcquirers({
    connection: Effect.succeed(makeConnection(database, options)),
    semaphore: yield* Semaphore.make(1),
    isTransaction: () => database.isTransaction
  })
  const client = yield* SqlClient.make({
    ...acquirers,
    compiler: Statement.makeCompilerSqlite(),
    driver: "node-sqlite",
    // A transaction that begins to write later can find that another process wrote since its first read.
    beginTransaction: "BEGIN IMMEDIATE",
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    prepareTransactionControls: true,
    spanAttributes: [
      ["db.system.name", "sqlite"],
      ["db.namespace", options.path]
    ]
  }).pipe(Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make))
  return Context.make(SqlClient.SqlClient, client).pipe(
    Context.add(Sqlite, Sqlite.of({ path: options.path, database }))
  )
})
