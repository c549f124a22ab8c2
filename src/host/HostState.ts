/** The state file of an engine host: its processes, so that any later process finds them again. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import type * as CodexError from "../domain/CodexError.ts"
import * as SafeFile from "../internal/SafeFile.ts"
import * as HostDirectory from "./HostDirectory.ts"

/** A process by pid and start time (`ProcessIdentity`), because the system reuses pids. */
const Process = Schema.Struct({
  // 0 and negative numbers are groups of processes for the system.
  pid: Schema.Int.check(Schema.isGreaterThan(0)),
  started: Schema.String,
  boot: Schema.String,
  namespace: Schema.String,
  host: Schema.String
})

/** One `codex app-server` process of a host. */
export const Generation = Schema.Struct({
  /** Counts the processes of a host from 1. */
  id: Schema.Int.check(Schema.isGreaterThan(0)),
  /** Missing for a moment, until the process has started. */
  process: Schema.optionalKey(Process),
  /** The name of its socket in the directory of the host. */
  socket: Schema.String.check(Schema.isPattern(/^codex-\d+-[0-9a-f]{8}\.sock$/)),
  /** The mark in the environment of the process and of its commands. Everything with this mark is ended with the process. */
  mark: Schema.String.check(Schema.isPattern(/^host-[0-9a-f]{24}$/)),
  /** Whether Codex has answered. */
  ready: Schema.Boolean,
  /** Whether Codex refuses new turns, and ends when its running turns have ended. */
  draining: Schema.Boolean,
  codexVersion: Schema.optionalKey(Schema.String),
  /** Identifies the program file, so that an update of it is noticed. */
  binary: Schema.String,
  startedAt: Schema.Finite
})
export type Generation = typeof Generation.Type

export const HostState = Schema.Struct({
  format: Schema.Literal(1),
  supervisor: Process,
  libraryVersion: Schema.String,
  /** Whether a service manager runs the supervisor. Then only the service manager replaces it. */
  isService: Schema.Boolean,
  /** The settings for Codex, as a digest. */
  settings: Schema.String,
  startedAt: Schema.Finite,
  /** How often Codex ended by itself and was started again. */
  restarts: Schema.Int,
  /** When Codex is started again, in milliseconds since the epoch, while the supervisor waits for it. */
  retryAt: Schema.optionalKey(Schema.Finite),
  /** Why Codex did not start the last time. */
  failure: Schema.optionalKey(Schema.String),
  generations: Schema.Array(Generation)
})
export type HostState = typeof HostState.Type

const name = "host.json"
const maxBytes = 256 * 1024
const decode = Schema.decodeUnknownOption(HostState)
const decodeOther = Schema.decodeUnknownOption(
  Schema.Struct({ format: Schema.Int, libraryVersion: Schema.String })
)

const parse = (directory: string): unknown => {
  try {
    return JSON.parse(SafeFile.read(join(directory, name), { maxBytes }).toString("utf8"))
  } catch {
    return undefined
  }
}

/** Returns the stored state. Returns `undefined` if the file is missing or damaged. Fails if another version wrote it. */
export const read = (directory: string): Effect.Effect<HostState | undefined, CodexError.EngineStartFailed> =>
  Effect.suspend(() => {
    const value = parse(directory)
    const state = Option.getOrUndefined(decode(value))
    const other = state === undefined ? Option.getOrUndefined(decodeOther(value)) : undefined
    return other === undefined || other.format === 1
      ? Effect.succeed(state)
      : Effect.fail(
          HostDirectory.badHost(
            directory,
            `effect-codex ${other.libraryVersion} runs its host, with a state that this version does not know; use that version, or another directory`
          )
        )
  })

/** Replaces the state at once: a reader gets the old one or the new one. Throws errors of the system. */
export const write = (directory: string, state: HostState): void => {
  const temporary = join(directory, `${name}.${randomBytes(4).toString("hex")}`)
  SafeFile.write(temporary, Buffer.from(`${JSON.stringify(state)}\n`), "create")
  SafeFile.rename(temporary, join(directory, name))
}

export const remove = (directory: string): void => SafeFile.remove(join(directory, name))

/** Returns the process that takes new turns. */
export const current = (state: HostState): Generation | undefined =>
  state.generations.findLast(({ draining }) => !draining)
