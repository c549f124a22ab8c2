/** One of several workers of a PostgreSQL database. */
import * as Layer from "effect/Layer"
import type * as Tool from "effect/ai/Tool"
import type { Codex } from "../Codex.ts"
import type { InvalidRequest } from "../domain/EngineErrors.ts"
import type { StorageUnavailable } from "../domain/StorageErrors.ts"
import { DurableRunner, HasOthers, type RunnerOptions } from "../durable/runner/DurableRunner.ts"
import * as ClusterEngine from "./ClusterEngine.ts"
import * as PostgresStore from "./PostgresStore.ts"

export type { ClusterOptions } from "./ClusterEngine.ts"

/**
 * Runs turns of a PostgreSQL database, together with the other workers of the database: each turn runs on one of them, and
 * when a worker dies or is cut off, the others continue its turns within seconds. Give all workers the same engine behind a
 * socket (`AppServer.layerSocket`): a turn goes on there while it changes its worker. Fails with `StorageUnavailable` if the
 * database cannot be reached, and with `InvalidRequest` if the port of `listen` is taken.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Effect, Layer, Redacted } from "effect"
 * import { AppServer, Codex } from "effect-codex"
 * import { DurableRunnerPostgres } from "effect-codex/durable/postgres"
 *
 * const Worker = DurableRunnerPostgres.layer({ url: Redacted.make(process.env["DATABASE_URL"] ?? "") }).pipe(
 *   Layer.provide(Codex.layer),
 *   Layer.provide(AppServer.layerSocket({ path: "/run/user/1000/codex.sock" }))
 * )
 * const main = Effect.never.pipe(Effect.provide(Worker))
 * ```
 */
export const layer = <
  Tools extends Record<string, Tool.Any> = {},
  ToolServices = never,
  PolicyServices = never
>(
  options: ClusterEngine.ClusterOptions & RunnerOptions<Tools, ToolServices, PolicyServices>
): Layer.Layer<
  DurableRunner,
  StorageUnavailable | InvalidRequest,
  Codex | ToolServices | PolicyServices | Tool.HandlerServices<Tools[keyof Tools]>
> =>
  DurableRunner.layer(options).pipe(
    Layer.provide(Layer.succeed(HasOthers, true)),
    Layer.provide(ClusterEngine.layer(options)),
    Layer.provide(PostgresStore.layer(options))
  )
