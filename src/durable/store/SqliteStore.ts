/** The store in a SQLite file: of a runner, which holds the lock of the file, and of a client, which does not. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as SqlClient from "effect/sql/SqlClient"
import { StorageUnavailable, type StateLocked } from "../../domain/StorageErrors.ts"
import * as ChangeFeed from "./ChangeFeed.ts"
import * as Migrations from "./Migrations.ts"
import * as SqliteClient from "./SqliteClient.ts"
import * as StateFile from "./StateFile.ts"
import * as StateLock from "./StateLock.ts"
import * as StorageFailure from "./StorageFailure.ts"
import { Store } from "./Store.ts"

/** What a SQLite file provides. */
export type SqliteServices = SqlClient.SqlClient | SqliteClient.Sqlite | ChangeFeed.ChangeFeed

/** Reads every page of the file, so that a runner does not work for hours on a damaged one. */
const check = Effect.gen(function* () {
  const { database } = yield* SqliteClient.Sqlite
  const found = yield* Effect.try({
    try: () => database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"],
    catch: (cause) => StorageFailure.fromSql(SqliteClient.failure(cause, "check"))
  })
  if (found !== "ok") return yield* new StorageUnavailable({ reason: "Corrupt", detail: String(found) })
})

const open = Effect.fnUntraced(function* (options: SqliteClient.SqliteOptions, runner: boolean) {
  const path = yield* StateFile.prepare(options.path)
  return yield* SqliteClient.make({ ...options, path }).pipe(
    Effect.mapError(StorageFailure.fromSql),
    Effect.tap((context) =>
      Effect.andThen(runner ? check : Effect.void, Migrations.run).pipe(Effect.provideContext(context))
    ),
    Effect.catch(StateFile.withCopy(path))
  )
})

const layerOf = (options: SqliteClient.SqliteOptions, runner: boolean) =>
  ChangeFeed.layerSqlite.pipe(Layer.provideMerge(Layer.effectContext(open(options, runner))))

/** Opens or creates the file without the lock. */
export const layerClient = (
  options: SqliteClient.SqliteOptions
): Layer.Layer<SqliteServices, StorageUnavailable> => layerOf(options, false)

/**
 * The store of a runner, with the client for the tables of the workflow engine. Holds the lock of the file until its
 * scope closes.
 */
export const layerRunner = (
  options: SqliteClient.SqliteOptions
): Layer.Layer<Store | SqliteServices, StateLocked | StorageUnavailable> =>
  Store.layer.pipe(
    Layer.provideMerge(layerOf(options, true)),
    // The lock comes first: a second runner does not touch the file.
    Layer.provide(Layer.effectDiscard(StateLock.hold(options.path)))
  )
