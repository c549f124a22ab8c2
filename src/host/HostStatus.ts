/** What an engine host does now. */
import * as Schema from "effect/Schema"
import { join } from "node:path"
import { version } from "../internal/version.ts"
import type { Load } from "./HostedCodex.ts"
import type { Generation } from "./HostState.ts"

/**
 * One Codex process of a host.
 * @since 0.1.0
 * @category schemas
 */
export const HostGeneration = Schema.Struct({
  /** Counts the processes of a host from 1. */
  id: Schema.Int,
  pid: Schema.optionalKey(Schema.Int),
  codexVersion: Schema.optionalKey(Schema.String),
  /** The path of its socket. */
  socket: Schema.String,
  startedAt: Schema.Finite,
  /** Whether it takes no new turns and ends when its running turns have ended. */
  draining: Schema.Boolean,
  /** Absent if Codex does not answer. */
  threads: Schema.optionalKey(Schema.Int),
  runningTurns: Schema.optionalKey(Schema.Int),
  clients: Schema.optionalKey(Schema.Int)
})
/**
 * One Codex process of a host.
 * @since 0.1.0
 * @category models
 */
export type HostGeneration = typeof HostGeneration.Type

/**
 * The state of an engine host. Times are milliseconds since the epoch.
 * @since 0.1.0
 * @category schemas
 */
export const HostStatus = Schema.Struct({
  /** The process of the supervisor. */
  pid: Schema.Int,
  libraryVersion: Schema.String,
  /** The version of the Codex that takes new turns, and its socket. Absent while Codex does not run. */
  codexVersion: Schema.optionalKey(Schema.String),
  socket: Schema.optionalKey(Schema.String),
  startedAt: Schema.Finite,
  uptimeMillis: Schema.Finite,
  /** Connected programs. Absent where the system does not show them. */
  clients: Schema.optionalKey(Schema.Int),
  threads: Schema.Int,
  runningTurns: Schema.Int,
  /** How often Codex ended by itself and was started again. */
  restarts: Schema.Int,
  /** When Codex is started again, if it has ended, and why it did not start the last time. */
  retryAt: Schema.optionalKey(Schema.Finite),
  failure: Schema.optionalKey(Schema.String),
  generations: Schema.Array(HostGeneration)
})
/**
 * The state of an engine host. Times are milliseconds since the epoch.
 * @since 0.1.0
 * @category models
 */
export type HostStatus = typeof HostStatus.Type

export const encode = Schema.encodeSync(HostStatus)
export const decode = Schema.decodeUnknownOption(HostStatus)

interface Facts {
  readonly pid: number
  readonly startedAt: number
  readonly now: number
  readonly restarts: number
  readonly retry: { readonly at: number; readonly failure: string } | undefined
  readonly directory: string
  readonly generations: ReadonlyArray<readonly [Generation, Load | undefined]>
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

export const make = (facts: Facts): HostStatus => {
  const { directory, now, pid, restarts, retry, startedAt } = facts
  const loads = facts.generations.flatMap(([, load]) => (load === undefined ? [] : [load]))
  const clients = loads.flatMap(({ clients }) => (clients === undefined ? [] : [clients]))
  const generations = facts.generations.map(([generation, load]): HostGeneration => ({
    id: generation.id,
    ...(generation.process === undefined ? {} : { pid: generation.process.pid }),
    ...(generation.codexVersion === undefined ? {} : { codexVersion: generation.codexVersion }),
    socket: join(directory, generation.socket),
    startedAt: generation.startedAt,
    draining: generation.draining,
    ...load
  }))
  const current = generations.findLast(({ draining }) => !draining)
  return {
    pid,
    libraryVersion: version,
    ...(current?.codexVersion === undefined ? {} : { codexVersion: current.codexVersion }),
    ...(current === undefined ? {} : { socket: current.socket }),
    startedAt,
    uptimeMillis: now - startedAt,
    ...(clients.length === 0 ? {} : { clients: sum(clients) }),
    threads: sum(loads.map(({ threads }) => threads)),
    runningTurns: sum(loads.map(({ runningTurns }) => runningTurns)),
    restarts,
    ...(retry === undefined || retry.at === 0 ? {} : { retryAt: retry.at }),
    ...(retry === undefined || retry.failure === "" ? {} : { failure: retry.failure }),
    generations
  }
}
