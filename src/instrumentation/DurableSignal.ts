/** What happens to durable turns, to connections and to engine hosts, outside the turns themselves. */
import type { SignalEnd } from "./SignalEnd.ts"

/**
 * Why an attempt at a durable turn starts. `submitted`: the first one. `worker_stopped`: a worker that stopped left the turn.
 * `worker_lost`: a worker died, froze or was cut off. `storage_lost`: this worker could not reach the database.
 * `engine_lost`: Codex died while it ran the turn. `machine_lost`: no worker reaches the engine of the thread, so the thread
 * moved to another one; this is no attempt of its own.
 * @since 0.1.0
 * @category models
 */
export type DurableReason =
  | "submitted"
  | "worker_stopped"
  | "worker_lost"
  | "storage_lost"
  | "engine_lost"
  | "machine_lost"

/**
 * The state of a durable turn; `left` is the end of an attempt whose worker leaves the turn to the next one.
 * @since 0.1.0
 * @category models
 */
export type DurableStatus =
  | "submitted"
  | "running"
  | "waiting"
  | "completed"
  | "failed"
  | "interrupted"
  | "left"

/**
 * A worker starts an attempt at a durable turn.
 * @since 0.1.0
 * @category models
 */
export interface DurableStart {
  readonly _tag: "DurableStart"
  readonly at: number
  readonly key: string
  readonly attempt: number
  readonly reason: DurableReason
  /** The time since the submission; only of the first attempt. */
  readonly queueWaitMillis: number | undefined
}

/**
 * A worker finds a durable turn in Codex, where an earlier attempt started it, and does not start it again.
 * @since 0.1.0
 * @category models
 */
export interface DurableAttach {
  readonly _tag: "DurableAttach"
  readonly at: number
  readonly key: string
  readonly found: "running" | "ended"
}

/**
 * A thread moves from an engine that no worker reaches to the engine of this worker.
 * @since 0.1.0
 * @category models
 */
export interface DurableMove {
  readonly _tag: "DurableMove"
  readonly at: number
  readonly key: string
}

/**
 * The outcome of a durable turn is stored. The duration is that since the submission.
 * @since 0.1.0
 * @category models
 */
export interface DurableStop {
  readonly _tag: "DurableStop"
  readonly at: number
  readonly durationMillis: number
  readonly key: string
  readonly status: "completed" | "failed" | "interrupted"
  readonly errorType: string | undefined
}

/**
 * How many turns of a team have a status, or how many requests of a team wait for an answer, and the age of the oldest.
 * @since 0.1.0
 * @category models
 */
export interface DurableCount {
  /** `undefined` for the requests. */
  readonly status: "submitted" | "running" | "waiting" | undefined
  readonly team: string | undefined
  readonly count: number
  readonly oldestMillis: number
}

/**
 * What waits and runs in the database. A worker emits it at the interval of the metrics.
 * @since 0.1.0
 * @category models
 */
export interface QueueUpdate {
  readonly _tag: "QueueUpdate"
  readonly at: number
  readonly counts: ReadonlyArray<DurableCount>
}

/**
 * A worker takes the lock of a database file, or another worker has it (`refused`); or another worker took a turn over from
 * this one (`lost`).
 * @since 0.1.0
 * @category models
 */
export interface StateLock {
  readonly _tag: "StateLock"
  readonly at: number
  readonly result: "taken" | "refused" | "lost"
}

/**
 * A connection to an engine that broke works again, or is given up.
 * @since 0.1.0
 * @category models
 */
export interface Reconnect {
  readonly _tag: "Reconnect"
  readonly at: number
  readonly durationMillis: number
  readonly end: SignalEnd
}

/**
 * This program has started an engine host, found a running one (`attach`), drained it or stopped it.
 * @since 0.1.0
 * @category models
 */
export interface HostStop {
  readonly _tag: "HostStop"
  readonly at: number
  readonly durationMillis: number
  readonly operation: "start" | "attach" | "drain" | "stop"
  readonly end: SignalEnd
}

/**
 * The state of a Codex process of an engine host; `restarting`: Codex has ended and is about to start again.
 * @since 0.1.0
 * @category models
 */
export type HostProcessState = "running" | "draining" | "restarting"

/**
 * What an engine host does. A program that uses the host emits it at the interval of the metrics.
 * @since 0.1.0
 * @category models
 */
export interface HostUpdate {
  readonly _tag: "HostUpdate"
  readonly at: number
  readonly processes: Readonly<Record<HostProcessState, number>>
  /** `undefined` where the system does not show the connections. */
  readonly clients: number | undefined
  readonly restarts: number
}
