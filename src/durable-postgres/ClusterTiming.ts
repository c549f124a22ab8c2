/** The intervals by which workers find out that another worker died, and take over its turns. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { RunnerAddress } from "effect/cluster/RunnerAddress"
import type * as ShardingConfig from "effect/cluster/ShardingConfig"

/** How long a worker may be silent before others take over its turns, unless the options say otherwise. */
export const defaultFailover = Duration.seconds(6)

/** Below this, a worker whose process is busy for a moment loses its turns. */
export const minimumFailover = Duration.seconds(3)

/**
 * The settings of Effect's cluster for a failover within about `failover` plus two seconds. The defaults of the cluster are
 * made for short messages between entities of a big cluster: there a failover takes up to a minute.
 *
 * What happens, and which setting decides how long it takes:
 * - A worker's process dies. The system closes its connections, so PostgreSQL releases its advisory locks at once. The
 *   other workers still assign its shards to it, until a ping fails (`runnerHealthCheckInterval`), or, if it was the worker
 *   that pings the others, until its row in `cluster_runners` is `shardLockExpiration` old.
 * - A worker is frozen or its machine loses its power. Its connections stay open, so PostgreSQL ends the session that holds
 *   the locks when that session was idle for `shardLockExpiration`. The worker refreshes its locks three times within it,
 *   and gives up its turns when a refresh fails. `Store.owns` guards the moment in which both believe to own a turn.
 * - Workers read the list of workers every `refreshAssignmentsInterval`, and try to lock the shards that became theirs
 *   every `entityMessagePollInterval`. A shard that is locked anew has its unanswered messages read at once.
 */
export const shardingConfig = (
  address: RunnerAddress,
  failover: Duration.Duration
): ShardingConfig.ShardingConfig["Service"] => ({
  runnerAddress: Option.some(address),
  runnerListenAddress: Option.none(),
  runnerShardWeight: 1,
  availableShardGroups: ["default"],
  assignedShardGroups: ["default"],
  // Every poll names all shards of a worker. A turn takes seconds to minutes, so few shards spread them well enough.
  shardsPerGroup: 64,
  shardLockExpiration: failover,
  shardLockRefreshInterval: Duration.divideUnsafe(failover, 3),
  shardLockDisableAdvisory: false,
  preemptiveShutdown: true,
  entityMailboxCapacity: 4096,
  entityMailboxMetrics: false,
  maxResidentEntities: 10_000,
  unprocessedMessageBatchSize: 1024,
  entityMaxIdleTime: Duration.minutes(1),
  entityRegistrationTimeout: Duration.minutes(1),
  // A worker that stops interrupts its attempts; the turns go on in their engines. An attempt that does not end in this
  // time is left behind.
  entityTerminationTimeout: Duration.seconds(5),
  entityMessagePollInterval: Duration.seconds(1),
  entityReplyPollInterval: Duration.millis(200),
  sendRetryInterval: Duration.millis(100),
  refreshAssignmentsInterval: Duration.seconds(1),
  // Each worker that joins takes its share of the shards and moves hardly any others, so a wait for more workers saves nothing.
  runnerJoinDebounce: Duration.zero,
  runnerHealthCheckInterval: Duration.seconds(1),
  // The turns of a worker itself need no copy of their messages.
  simulateRemoteSerialization: false
})
