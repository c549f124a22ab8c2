/** The store of durable turns in PostgreSQL. */
import type * as PgClient from "@effect/sql-pg/PgClient"
import * as Layer from "effect/Layer"
import type * as SqlClient from "effect/sql/SqlClient"
import type { StorageUnavailable } from "../domain/StorageErrors.ts"
import type { ChangeFeed } from "../durable/store/ChangeFeed.ts"
import { Store } from "../durable/store/Store.ts"
import * as PostgresChanges from "./PostgresChanges.ts"
import * as PostgresClient from "./PostgresClient.ts"

const defaultConnections = 10

type PostgresServices = PgClient.PgClient | SqlClient.SqlClient | ChangeFeed

/** Connects on first use, and announces commits. */
export const layerClient = (
  options: PostgresClient.PostgresOptions
): Layer.Layer<PostgresServices, StorageUnavailable> =>
  PostgresChanges.layer().pipe(
    Layer.provideMerge(
      PostgresClient.layer(options, {
        applicationName: "effect-codex",
        // One waits for notifications.
        maxConnections: (options.maxConnections ?? defaultConnections) + 1
      })
    )
  )

/** The same with the store of a runner. Several processes can start at once: one of them runs the migrations. */
export const layer = (
  options: PostgresClient.PostgresOptions
): Layer.Layer<Store | PostgresServices, StorageUnavailable> =>
  Store.layer.pipe(Layer.provideMerge(layerClient(options)))
