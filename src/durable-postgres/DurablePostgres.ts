/** The client of durable turns in PostgreSQL. */
import * as Layer from "effect/Layer"
import type { StorageUnavailable } from "../domain/StorageErrors.ts"
import { Durable } from "../durable/Durable.ts"
import type { PostgresOptions } from "./PostgresClient.ts"
import * as PostgresStore from "./PostgresStore.ts"

export type { PostgresOptions } from "./PostgresClient.ts"

/**
 * Submits, watches and answers turns in a PostgreSQL database. It needs no engine and no connection to a worker. The first
 * program creates the tables. Fails with `StorageUnavailable` if the database cannot be reached for 30 seconds; the URL is in
 * no error and no span. Needs the package `@effect/sql-pg`.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { Durable } from "effect-codex/durable"
 * import { DurablePostgres } from "effect-codex/durable/postgres"
 *
 * const url = Redacted.make(process.env["DATABASE_URL"] ?? "")
 * const submitted = Durable.use(({ submit }) => submit("Fix the build", { key: "build-1842", cwd: "/srv/app" })).pipe(
 *   Effect.provide(DurablePostgres.layer({ url }))
 * )
 * ```
 */
export const layer = (options: PostgresOptions): Layer.Layer<Durable, StorageUnavailable> =>
  Durable.layer.pipe(Layer.provide(PostgresStore.layerClient(options)))
