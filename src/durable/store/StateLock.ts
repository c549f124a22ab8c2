/**
 * The lock of the runner of a SQLite file: a transaction that stays open in a small database beside it. The system ends it
 * with its process, also after SIGKILL, and a stopped process keeps it. The row in that database says who holds it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { DatabaseSync } from "node:sqlite"
import { StateLocked, type StorageUnavailable } from "../../domain/StorageErrors.ts"
import * as EmitSignal from "../../instrumentation/EmitSignal.ts"
import * as SqliteClient from "./SqliteClient.ts"
import * as StateFile from "./StateFile.ts"
import * as StorageFailure from "./StorageFailure.ts"

const isBusy = (error: unknown): boolean =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number"
    ? (error.errcode & 0xff) === 5
    : false

/** Begins a transaction that writes. Returns false if another connection has one. */
const begin = (database: DatabaseSync): boolean => {
  try {
    database.exec("begin immediate")
    return true
  } catch (error) {
    if (isBusy(error)) return false
    throw error
  }
}

const holderOf = (database: DatabaseSync): number => {
  try {
    const pid = database.prepare("select pid from holder").get()?.["pid"]
    return typeof pid === "number" ? pid : 0
  } catch {
    // The holder writes its row at this moment.
    return 0
  }
}

/** Takes the lock, or returns false. */
const take = (database: DatabaseSync): boolean => {
  if (!begin(database)) return false
  database.exec("create table if not exists holder (pid integer not null)")
  database.exec("delete from holder")
  database.prepare("insert into holder (pid) values (?)").run(process.pid)
  // Others can read the row only after a commit. A runner that comes between the two transactions has the lock.
  database.exec("commit")
  return begin(database)
}

/** Holds the lock of a file until the scope closes. Fails with the pid of the process that has it. */
export const hold = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<void, StateLocked | StorageUnavailable, Scope.Scope> {
  if (path === ":memory:") return
  const file = yield* StateFile.prepare(`${path}.lock`)
  const { DatabaseSync } = yield* Effect.promise(() => import("node:sqlite"))
  const attempt = <A>(run: () => A) =>
    Effect.try({ try: run, catch: (cause) => StorageFailure.fromSql(SqliteClient.failure(cause, "lock")) })
  const database = yield* Effect.acquireRelease(
    attempt(() => new DatabaseSync(file, { timeout: 0 })),
    (database) => Effect.sync(() => database.close())
  )
  const isTaken = yield* attempt(() => take(database))
  const at = yield* EmitSignal.now
  yield* EmitSignal.emit({ _tag: "StateLock", at, result: isTaken ? "taken" : "refused" })
  if (!isTaken) return yield* new StateLocked({ path, pid: holderOf(database) })
})
