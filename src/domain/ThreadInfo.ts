/** Stored threads: their metadata, their history, and the models that Codex offers. */
import * as Schema from "effect/Schema"
import { ThreadId, TurnId } from "./Ids.ts"
import * as Item from "./Item.ts"

const optionalKey = Schema.optionalKey

/**
 * Metadata of a stored thread. Times are in milliseconds since the epoch.
 * @since 0.1.0
 * @category schemas
 */
export class ThreadInfo extends Schema.Opaque<ThreadInfo>()(
  Schema.Struct({
    id: ThreadId,
    /** The name that `renameThread` or a person set. */
    name: optionalKey(Schema.String),
    /** The beginning of the first input. */
    preview: Schema.String,
    cwd: Schema.String,
    provider: optionalKey(Schema.String),
    createdAt: Schema.Finite,
    updatedAt: Schema.Finite,
    /** The thread that this thread is a copy of. */
    forkedFrom: optionalKey(ThreadId),
    /** The thread whose agent started this thread. */
    parent: optionalKey(ThreadId),
    /** Codex stores nothing of the thread on disk. */
    ephemeral: Schema.Boolean
  })
) {}

/**
 * A turn of a stored thread. `error` is Codex's own text, which may quote content.
 * @since 0.1.0
 * @category schemas
 */
export class PastTurn extends Schema.Opaque<PastTurn>()(
  Schema.Struct({
    id: TurnId,
    status: Schema.Literals(["completed", "failed", "interrupted", "inProgress"]),
    items: Schema.Array(Item.Item),
    error: optionalKey(Schema.String),
    startedAt: optionalKey(Schema.Finite),
    durationMillis: optionalKey(Schema.Finite)
  }).pipe(Schema.encodeKeys({ durationMillis: "duration" }))
) {}

/**
 * A stored thread with its turns, oldest first.
 * @since 0.1.0
 * @category schemas
 */
export class ThreadHistory extends Schema.Opaque<ThreadHistory>()(
  Schema.Struct({ ...ThreadInfo.fields, turns: Schema.Array(PastTurn) })
) {}

/**
 * Selects the threads to list. An omitted field does not restrict the list.
 * @since 0.1.0
 * @category models
 */
export interface Filter {
  /** Lists archived threads only. Default: threads that are not archived. */
  readonly archived?: boolean | undefined
  /** Lists threads with this working directory. */
  readonly cwd?: string | undefined
  /** Lists threads with this text in their title. */
  readonly search?: string | undefined
  /** Includes threads of other programs: the Codex command line, editors. Default: threads of app-server clients only. */
  readonly everywhere?: boolean | undefined
  /** The time to sort by, newest first. */
  readonly sort?: "created" | "updated" | undefined
}

/**
 * A model that Codex offers.
 * @since 0.1.0
 * @category schemas
 */
export class Model extends Schema.Opaque<Model>()(
  Schema.Struct({
    id: Schema.String,
    name: Schema.String,
    description: Schema.String,
    isDefault: Schema.Boolean,
    efforts: Schema.Array(Schema.String),
    defaultEffort: optionalKey(Schema.String),
    /** The kinds of input that the model accepts: `text`, `image`. */
    inputs: Schema.Array(Schema.String)
  })
) {}
