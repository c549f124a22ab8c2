/** Effect's cluster over PostgreSQL: the engine that runs the workflow of each turn on one of several workers. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ClusterWorkflowEngine from "effect/cluster/ClusterWorkflowEngine"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as Runners from "effect/cluster/Runners"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as SocketRunner from "effect/cluster/SocketRunner"
import * as SqlMessageStorage from "effect/cluster/SqlMessageStorage"
import * as SqlRunnerStorage from "effect/cluster/SqlRunnerStorage"
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import type * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import { InvalidRequest } from "../domain/EngineErrors.ts"
import type { StorageUnavailable } from "../domain/StorageErrors.ts"
import * as StorageFailure from "../durable/store/StorageFailure.ts"
import * as ClusterTiming from "./ClusterTiming.ts"
import * as PostgresClient from "./PostgresClient.ts"
import * as RunnerSecret from "./RunnerSecret.ts"
import * as RunnerTransport from "./RunnerTransport.ts"

/**
 * Options of one of several workers of a PostgreSQL database.
 * @since 0.1.0
 * @category options
 */
export interface ClusterOptions extends PostgresClient.PostgresOptions {
  /**
   * Where this worker listens for the others. Default: a free port of loopback, for workers on one machine. On several
   * machines set `host` to the address of this machine, and `advertisedHost` if the others reach it by another name. Only
   * programs that can read the database get past the handshake, and the connection is encrypted.
   */
  readonly listen?:
    | { readonly host?: string; readonly port?: number; readonly advertisedHost?: string }
    | undefined
  /** How long a worker may be silent before others take over its turns. Default: 6 seconds; at least 3. */
  readonly failover?: Duration.Input | undefined
}

/**
 * Provides the workflow engine of one worker. Its pool is its own, so that a burst of turns cannot keep the worker from
 * refreshing its locks.
 */
export const layer = (
  options: ClusterOptions
): Layer.Layer<WorkflowEngine.WorkflowEngine, StorageUnavailable | InvalidRequest> =>
  Layer.unwrap(
    Effect.map(StorageFailure.guard(RunnerSecret.get), (secret) => {
      const failover = Duration.max(
        Duration.fromInputUnsafe(options.failover ?? ClusterTiming.defaultFailover),
        ClusterTiming.minimumFailover
      )
      const { advertisedHost, host = "127.0.0.1", port = 0 } = options.listen ?? {}
      const config = Layer.effect(
        ShardingConfig.ShardingConfig,
        Effect.map(RunnerTransport.OwnAddress, (address) => ClusterTiming.shardingConfig(address, failover))
      )
      const server = RunnerTransport.layerServer(secret, { host, port, advertisedHost }).pipe(
        Layer.catchTag("SocketServerError", (error) =>
          Layer.effectContext(Effect.fail(cannotListen(host, port, error)))
        )
      )
      return ClusterWorkflowEngine.layer.pipe(
        Layer.provide(SocketRunner.layer),
        Layer.provide(RunnerHealth.layerPing.pipe(Layer.provide(Runners.layerRpc))),
        Layer.provide(RunnerTransport.layerClient(secret)),
        Layer.provide(SqlMessageStorage.layer.pipe(Layer.provide(NodeCrypto.layerDigest))),
        Layer.provide(SqlRunnerStorage.layer),
        Layer.provide(config),
        Layer.provide(server),
        Layer.provide(RpcSerialization.layerSchemaBinary()),
        Layer.catchTag("SqlError", (error) => Layer.effectContext(Effect.fail(StorageFailure.fromSql(error))))
      )
    })
  ).pipe(
    Layer.provide(
      PostgresClient.layer(options, { applicationName: "effect-codex worker", maxConnections: 5 })
    )
  )

const cannotListen = (host: string, port: number, error: { readonly message: string }) =>
  new InvalidRequest({
    reason: "BadParams",
    method: "durable/listen",
    detail: `cannot listen on ${host}:${port} for other workers: ${error.message}`
  })
