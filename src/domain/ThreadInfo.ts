/** Conversations as they are kept: what is told of one that is not open, and what was said in it. */
import * as Schema from "effect/Schema"
import { ThreadId, TurnId } from "./Ids.ts"
import * as Item from "./Item.ts"

const optionalKey = Schema.optionalKey

/** What is known of a conversation without opening it. Times are in milliseconds since the epoch. */
export class ThreadInfo extends Schema.Opaque<ThreadInfo>()(
  Schema.Struct({
    id: ThreadId,
    /** The name that somebody gave it. */
    name: optionalKey(Schema.String),
    /** How it begins: the first thing that was asked. */
    preview: Schema.String,
    cwd: Schema.String,
    provider: optionalKey(Schema.String),
    createdAt: Schema.Finite,
    updatedAt: Schema.Finite,
    /** The conversation that it was forked from. */
    forkedFrom: optionalKey(ThreadId),
    /** The conversation whose agent started it. */
    parent: optionalKey(ThreadId),
    /** Nothing of it is kept on disk. */
    ephemeral: Schema.Boolean
  })
) {}

/** A turn that was. `duration` is in milliseconds; `error` is the engine's own text of why it failed. */
export class PastTurn extends Schema.Opaque<PastTurn>()(
  Schema.Struct({
    id: TurnId,
    status: Schema.Literals(["completed", "failed", "interrupted", "inProgress"]),
    items: Schema.Array(Item.Item),
    error: optionalKey(Schema.String),
    startedAt: optionalKey(Schema.Finite),
    duration: optionalKey(Schema.Finite)
  })
) {}

/** A conversation with everything that was said in it, oldest turn first. */
export class ThreadHistory extends Schema.Opaque<ThreadHistory>()(
  Schema.Struct({ ...ThreadInfo.fields, turns: Schema.Array(PastTurn) })
) {}

/** Which conversations to list. What is left out does not matter. */
export interface Filter {
  /** Those that were archived, and no others; default: those that were not. */
  readonly archived?: boolean | undefined
  /** Those that work in this folder. */
  readonly cwd?: string | undefined
  /** Those with this text in their title. */
  readonly search?: string | undefined
  /** Also those that other programs started: the Codex command line, editors. Default: only those of app-server clients. */
  readonly everywhere?: boolean | undefined
  readonly sort?: "created" | "updated" | undefined
}

/** A model that the engine offers. */
export class Model extends Schema.Opaque<Model>()(
  Schema.Struct({
    id: Schema.String,
    name: Schema.String,
    description: Schema.String,
    isDefault: Schema.Boolean,
    efforts: Schema.Array(Schema.String),
    defaultEffort: optionalKey(Schema.String),
    /** What may be sent to it: `text`, `image`. */
    inputs: Schema.Array(Schema.String)
  })
) {}
