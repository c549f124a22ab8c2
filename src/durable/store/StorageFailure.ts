/** Turns errors of a database into `StorageUnavailable`, and repeats what a lost connection has stopped. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as References from "effect/References"
import type * as Schema from "effect/Schema"
import * as SqlError from "effect/sql/SqlError"
import { StorageUnavailable, type StorageUnavailableReason } from "../../domain/StorageErrors.ts"

/** SQLite's primary result codes. */
const bySqliteCode: Readonly<Partial<Record<number, StorageUnavailableReason>>> = {
  1: "Incompatible",
  3: "ReadOnly",
  5: "Busy",
  6: "Busy",
  8: "ReadOnly",
  10: "IoError",
  11: "Corrupt",
  13: "Full",
  14: "Unreachable",
  26: "Corrupt"
}

/** PostgreSQL's SQLSTATE codes, or their classes. */
const bySqlState: Readonly<Partial<Record<string, StorageUnavailableReason>>> = {
  "25006": "ReadOnly",
  "28": "AccessDenied",
  "3D000": "AccessDenied",
  "40": "Busy",
  "42501": "ReadOnly",
  "42": "Incompatible",
  "53100": "Full",
  "58030": "IoError",
  "58": "IoError",
  XX001: "Corrupt",
  XX002: "Corrupt"
}

const byTag: Readonly<Partial<Record<SqlError.SqlErrorReason["_tag"], StorageUnavailableReason>>> = {
  AuthenticationError: "AccessDenied",
  AuthorizationError: "ReadOnly",
  SqlSyntaxError: "Incompatible",
  DeadlockError: "Busy",
  SerializationError: "Busy",
  LockTimeoutError: "Busy",
  StatementTimeoutError: "Busy"
}

/** Returns the code of an error of a driver, which may be the cause of another error. */
const codeOf = (cause: unknown, depth = 0): string | number | undefined => {
  if (typeof cause !== "object" || cause === null || depth > 4) return undefined
  if ("errcode" in cause && typeof cause.errcode === "number") return cause.errcode
  if ("code" in cause && typeof cause.code === "string" && /^[0-9A-Z]{5}$/.test(cause.code)) return cause.code
  return "cause" in cause ? codeOf(cause.cause, depth + 1) : undefined
}

/** Returns the message of the error at the bottom, which says what happened: those above say in which step it did. */
const messageOf = (error: unknown, depth = 0): string | undefined => {
  if (typeof error !== "object" || error === null || depth > 6) return undefined
  const below = "cause" in error ? messageOf(error.cause, depth + 1) : undefined
  return below ?? ("message" in error && typeof error.message === "string" ? error.message : undefined)
}

/** Returns why the database failed. An unknown failure counts as unreachable, which callers may retry. */
const reasonOf = ({ reason }: SqlError.SqlError): StorageUnavailableReason => {
  const code = codeOf(reason.cause)
  const found =
    typeof code === "number"
      ? bySqliteCode[code & 0xff]
      : code === undefined
        ? undefined
        : (bySqlState[code] ?? bySqlState[code.slice(0, 2)])
  return found ?? byTag[reason._tag] ?? "Unreachable"
}

export const fromSql = (error: SqlError.SqlError): StorageUnavailable =>
  new StorageUnavailable({ reason: reasonOf(error), detail: messageOf(error) ?? error.message })

/** A row that does not match its schema was changed by another program, or its file is damaged. */
export const fromSchema = (table: string) => (error: Schema.SchemaError) =>
  new StorageUnavailable({ reason: "Corrupt", detail: `a row of ${table}: ${error.message}` })

const isOther = <E>(error: E): error is Exclude<E, SqlError.SqlError> => !SqlError.isSqlError(error)

const fromUnknown = (error: unknown): StorageUnavailable =>
  SqlError.isSqlError(error)
    ? fromSql(error)
    : new StorageUnavailable({ reason: "Unreachable", detail: String(error) })

/**
 * How long an operation is repeated while the database cannot be reached: it restarts, or the connection was cut. After this
 * time the operation fails with `StorageUnavailable`. Default: 30 seconds.
 * @since 0.1.0
 * @category references
 */
export const StorageDeadline = Context.Reference<Duration.Input>("effect-codex/durable/StorageDeadline", {
  defaultValue: () => "30 seconds"
})

/**
 * SQLSTATE codes after which the same statements can succeed: a lost connection (08), a conflict of transactions (40), too
 * many connections (53300), a server that stops or starts (57P), a session that ended because it was idle (57P05), also
 * within a transaction (25P03).
 */
const passing = /^(08...|25P03|40001|40P01|53300|57P0[1235])$/

const isPassing = (error: unknown): boolean => {
  if (!SqlError.isSqlError(error)) return false
  const code = codeOf(error.reason.cause)
  // SQLite waits for a lock itself, and its other failures stay.
  if (typeof code === "number") return false
  return code === undefined ? error.reason._tag === "ConnectionError" : passing.test(code)
}

/** Often at first, because a restart takes a second, and then once a second. */
const retries = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("1 second")])

/**
 * Runs the statements of one operation. Their errors become `StorageUnavailable`. A lost connection repeats the operation
 * until `StorageDeadline`: so an operation must be one statement or one transaction that may run twice, because a connection
 * can break after the commit and before its confirmation. They make no spans: the store is read many times a second.
 */
export const guard = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Exclude<E, SqlError.SqlError> | StorageUnavailable, R> =>
  Effect.flatMap(StorageDeadline, (deadline) => {
    let last: StorageUnavailable | undefined
    return effect.pipe(
      // The rollback of a transaction whose connection broke dies with the error of the database.
      Effect.catchDefect((defect) =>
        SqlError.isSqlError(defect) ? Effect.fail(defect) : Effect.die(defect)
      ),
      Effect.retry({
        while: (error) => {
          if (!isPassing(error)) return false
          last = fromUnknown(error)
          return true
        },
        schedule: retries
      }),
      Effect.mapError((error) => (isOther(error) ? error : fromUnknown(error))),
      Effect.provideService(References.TracerEnabled, false),
      abandonAfter(deadline, () => last ?? noAnswer(Duration.fromInputUnsafe(deadline)))
    )
  })

/**
 * Fails at a deadline and leaves the operation behind. A connection that is open but dead answers nothing for minutes, and a
 * transaction on it cannot be interrupted meanwhile: its rollback waits for an answer too.
 */
const abandonAfter =
  <E2>(deadline: Duration.Input, orElse: () => E2) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | E2, R> =>
    Effect.flatMap(Effect.forkDetach(effect, { startImmediately: true }), (fiber) =>
      Fiber.join(fiber).pipe(
        Effect.timeoutOrElse({ duration: deadline, orElse: () => Effect.fail(orElse()) }),
        Effect.ensuring(Effect.sync(() => fiber.interruptUnsafe()))
      )
    )

const noAnswer = (deadline: Duration.Duration): StorageUnavailable =>
  new StorageUnavailable({ reason: "Unreachable", detail: `no answer within ${Duration.format(deadline)}` })
