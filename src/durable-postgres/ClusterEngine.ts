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
import * as ClusterTiming from "./ClusterTiming.ts"
import * as PostgresClient from "./PostgresClient.ts"
import * as RunnerSecret from "./RunnerSecret.ts"
import * as RunnerTransport from "./RunnerTransport.ts"

/** Options of one worker of a cluster. */
export interface ClusterOptions extends PostgresClient.PostgresOptions {
  /** Where this worker listens for the others. Default: a free port of loopback, for workers on one machine. */
  readonly listen?: {
    readonly host?: string
    readonly port?: number
    readonly advertisedHost?: string
  }
  /** How long a worker may be silent before others take over its turns. Default: 6 seconds; at least 3. */
  readonly failover?: Duration.Input
}

/**
 * Provides the workflow engine of one worker. Its pool is its own, so that a burst of turns cannot keep the worker from
 * refreshing its locks.
 */
export const layer = (options: ClusterOptions) =>
  Layer.unwrap(
    Effect.map(RunnerSecret.get, (secret) => {
      const failover = Duration.max(
        Duration.fromInputUnsafe(options.failover ?? ClusterTiming.defaultFailover),
        ClusterTiming.minimumFailover
      )
      const config = Layer.effect(
        ShardingConfig.ShardingConfig,
        Effect.map(RunnerTransport.OwnAddress, (address) => ClusterTiming.shardingConfig(address, failover))
      )
      const health = RunnerHealth.layerPing.pipe(Layer.provide(Runners.layerRpc))
      return ClusterWorkflowEngine.layer.pipe(
        Layer.provideMerge(SocketRunner.layer),
        Layer.provide(health),
        Layer.provide(RunnerTransport.layerClient(secret)),
        Layer.provideMerge(SqlMessageStorage.layer.pipe(Layer.provide(NodeCrypto.layerDigest))),
        Layer.provide(SqlRunnerStorage.layer),
        Layer.provide(config),
        Layer.provide(
          RunnerTransport.layerServer(secret, {
            host: options.listen?.host ?? "127.0.0.1",
            port: options.listen?.port ?? 0,
            advertisedHost: options.listen?.advertisedHost
          })
        ),
        Layer.provide(RpcSerialization.layerSchemaBinary())
      )
    })
  ).pipe(
    Layer.provide(
      PostgresClient.layer(options, { applicationName: "effect-codex worker", maxConnections: 5 })
    )
  )
