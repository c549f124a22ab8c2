/** The store of a runner in a SQLite file. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as SqlClient from "effect/sql/SqlClient"
import type { StateLocked, StorageUnavailable } from "../../domain/StorageErrors.ts"
import * as ChangeFeed from "./ChangeFeed.ts"
import * as SqliteClient from "./SqliteClient.ts"
import * as StorageFailure from "./StorageFailure.ts"
import { Store } from "./Store.ts"

/** @internal Opens the file and announces its commits. */
export const layerClient = (
  options: SqliteClient.SqliteOptions
): Layer.Layer<SqlClient.SqlClient | SqliteClient.Sqlite | ChangeFeed.ChangeFeed, StorageUnavailable> =>
  ChangeFeed.layerSqlite.pipe(
    Layer.provideMerge(
      Layer.effectContext(SqliteClient.make(options).pipe(Effect.mapError(StorageFailure.fromSql)))
    )
  )

/**
 * @internal The store of a runner, with the client for the tables of the workflow engine. Holds the lock of the file until its
 * scope closes.
 */
export const layerRunner = (
  options: SqliteClient.SqliteOptions
): Layer.Layer<Store | SqlClient.SqlClient | ChangeFeed.ChangeFeed, StateLocked | StorageUnavailable> =>
  Store.layer.pipe(Layer.provideMerge(layerClient(options)))
