/** Turns errors of a database into `StorageUnavailable`. */
import * as Effect from "effect/Effect"
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
  "42501": "ReadOnly",
  "42": "Incompatible",
  "53100": "Full",
  "58030": "IoError",
  "58": "IoError",
  XX001: "Corrupt",
  XX002: "Corrupt"
}

const byTag: Readonly<Partial<Record<SqlError.SqlErrorReason["_tag"], StorageUnavailableReason>>> = {
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
  new StorageUnavailable({ reason: reasonOf(error), detail: error.message })

/** A row that does not match its schema was changed by another program, or its file is damaged. */
export const fromSchema = (table: string) => (error: Schema.SchemaError) =>
  new StorageUnavailable({ reason: "Corrupt", detail: `a row of ${table}: ${error.message}` })

const isOther = <E>(error: E): error is Exclude<E, SqlError.SqlError> => !SqlError.isSqlError(error)

const fromUnknown = (error: unknown): StorageUnavailable =>
  SqlError.isSqlError(error)
    ? fromSql(error)
    : new StorageUnavailable({ reason: "Unreachable", detail: String(error) })

/**
 * Runs the statements of one operation. Their errors become `StorageUnavailable`. They make no spans: the store is read many
 * times a second.
 */
export const guard = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Exclude<E, SqlError.SqlError> | StorageUnavailable, R> =>
  effect.pipe(
    Effect.mapError((error) => (isOther(error) ? error : fromUnknown(error))),
    Effect.provideService(References.TracerEnabled, false)
  )
