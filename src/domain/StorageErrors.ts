/** Errors of the database of durable turns. */
import * as Schema from "effect/Schema"
import * as ReasonText from "../internal/ReasonText.ts"
import { make } from "./ErrorClass.ts"

/**
 * Another process already runs the turns of this SQLite file. `pid` is its process id, 0 if it is not known, as for a process in another container.
 * @since 0.1.0
 * @category errors
 */
export class StateLocked extends make<StateLocked>()(
  "StateLocked",
  { path: Schema.String, pid: Schema.Natural },
  ({ path, pid }) => ({
    class: "config",
    retryable: true,
    happened: `another runner${pid === 0 ? "" : `, process ${pid},`} has the durable turns in ${ReasonText.quoted(path)}`,
    nextStep: "stop that runner, or use PostgreSQL to run several"
  })
) {}

/**
 * Why the database of durable turns cannot be used.
 * @since 0.1.0
 * @category schemas
 */
export const StorageUnavailableReason = Schema.Literals([
  "Unreachable",
  "AccessDenied",
  "Busy",
  "Full",
  "ReadOnly",
  "IoError",
  "Corrupt",
  "Incompatible",
  "Unsafe"
])
/**
 * Why the database of durable turns cannot be used.
 * @since 0.1.0
 * @category models
 */
export type StorageUnavailableReason = typeof StorageUnavailableReason.Type

const storageReasons: {
  readonly [Reason in StorageUnavailableReason]: {
    readonly class: "transient" | "config"
    readonly happened: string
    readonly nextStep: string
  }
} = {
  Unreachable: {
    class: "transient",
    happened: "cannot reach the database of durable turns",
    nextStep: "check its address and that it runs"
  },
  AccessDenied: {
    class: "config",
    happened: "the database of durable turns refuses this user",
    nextStep: "check the user, the password and the name of the database"
  },
  Busy: {
    class: "transient",
    happened: "the database of durable turns is locked by another transaction",
    nextStep: "try again later, or end the program that keeps the transaction open"
  },
  Full: {
    class: "transient",
    happened: "the database of durable turns has no space left",
    nextStep: "free space on its disk, or prune it with `effect-codex db prune`"
  },
  ReadOnly: {
    class: "config",
    happened: "the database of durable turns cannot be written",
    nextStep:
      "check the permissions of the file, its directory and its file system, or those of the database user"
  },
  IoError: {
    class: "transient",
    happened: "the system failed to read or write the database of durable turns",
    nextStep: "check the disk and the log of the system"
  },
  Corrupt: {
    class: "config",
    happened: "the database of durable turns is damaged",
    nextStep: "restore a backup of it, or move it away to start with an empty one"
  },
  Incompatible: {
    class: "config",
    happened: "the database of durable turns does not fit this version of effect-codex",
    nextStep: "use the version that wrote it, or another database"
  },
  Unsafe: {
    class: "config",
    happened: "the file of durable turns is not safe to use",
    nextStep: "choose a file in a directory that only this user can access and the agent cannot write"
  }
}

/**
 * The database of durable turns cannot be used. The call that fails with it has written nothing, unless the connection broke at the
 * moment of its commit: repeat the call, which finds what it has written. `detail` is the error of
 * the database or of the system.
 * @since 0.1.0
 * @category errors
 */
export class StorageUnavailable extends make<StorageUnavailable>()(
  "StorageUnavailable",
  { reason: StorageUnavailableReason, detail: Schema.String },
  ({ detail, reason }) => ({
    class: storageReasons[reason].class,
    retryable: storageReasons[reason].class === "transient",
    happened: storageReasons[reason].happened,
    reason: ReasonText.reason(detail),
    nextStep: storageReasons[reason].nextStep
  })
) {}

/**
 * A durable turn already has this key, with another input, thread or options. Nothing was submitted.
 * @since 0.1.0
 * @category errors
 */
export class KeyReused extends make<KeyReused>()("KeyReused", { key: Schema.String }, ({ key }) => ({
  class: "request",
  retryable: false,
  happened: `the key ${ReasonText.quoted(key)} belongs to a durable turn with another input`,
  nextStep: "use another key, or the same input to find the first turn"
})) {}
