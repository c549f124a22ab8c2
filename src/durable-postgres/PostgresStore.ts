/** The store of durable turns in PostgreSQL. */
import * as Layer from "effect/Layer"
import { Store } from "../durable/store/Store.ts"
import * as PostgresChanges from "./PostgresChanges.ts"
import * as PostgresClient from "./PostgresClient.ts"

const defaultConnections = 10

/** Connects, runs the migrations and makes the queries. Several processes can start at once. */
export const layer = (options: PostgresClient.PostgresOptions) =>
  Store.layer.pipe(
    Layer.provideMerge(PostgresChanges.layer()),
    Layer.provideMerge(
      PostgresClient.layer(options, {
        applicationName: "effect-codex",
        // One waits for notifications.
        maxConnections: (options.maxConnections ?? defaultConnections) + 1
      })
    )
  )
