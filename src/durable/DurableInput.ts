/** The parts of a durable turn that are stored: its input, the options of its thread, and its own options. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { ApprovalMode, Sandbox } from "../domain/ThreadSettings.ts"

const { optionalKey } = Schema
const detail = optionalKey(Schema.Literals(["auto", "low", "high", "original"]))

const part = Schema.Union([
  Schema.TaggedStruct("Text", { text: Schema.String }),
  Schema.TaggedStruct("Image", { url: Schema.String, detail }),
  Schema.TaggedStruct("LocalImage", { path: Schema.String, detail }),
  Schema.TaggedStruct("Audio", { url: Schema.String }),
  Schema.TaggedStruct("LocalAudio", { path: Schema.String }),
  Schema.TaggedStruct("Skill", { name: Schema.String, path: Schema.String }),
  Schema.TaggedStruct("Mention", { name: Schema.String, path: Schema.String })
])

/**
 * The input of a durable turn: text, or the parts of `Turn.TurnInput` that can be stored. A staged attachment
 * cannot be stored, because it belongs to one process: name a file by its path instead.
 * @since 0.1.0
 * @category schemas
 */
export const DurableInput = Schema.Union([Schema.String, Schema.Array(part)])
/**
 * The input of a durable turn.
 * @since 0.1.0
 * @category models
 */
export type DurableInput = typeof DurableInput.Type

/** A budget, with its time in milliseconds. */
const budget = Schema.Struct({
  tokens: optionalKey(Schema.Finite),
  timeMillis: optionalKey(Schema.Finite),
  toolCalls: optionalKey(Schema.Finite),
  modelCalls: optionalKey(Schema.Finite),
  usd: optionalKey(Schema.Finite)
})

/**
 * The options of a durable thread: the part of `Codex.ThreadOptions` that can be stored. They hold from the first turn of the
 * thread. A later turn that names options changes only what it names.
 * @since 0.1.0
 * @category schemas
 */
export const DurableThreadOptions = Schema.Struct({
  cwd: optionalKey(Schema.String),
  model: optionalKey(Schema.String),
  effort: optionalKey(Schema.String),
  summary: optionalKey(Schema.Literals(["auto", "concise", "detailed", "none"])),
  serviceTier: optionalKey(Schema.String),
  sandbox: optionalKey(Sandbox),
  network: optionalKey(Schema.Boolean),
  writableRoots: optionalKey(Schema.Array(Schema.String)),
  additionalDirectories: optionalKey(Schema.Array(Schema.String)),
  permissionProfile: optionalKey(Schema.String),
  approvalMode: optionalKey(ApprovalMode),
  reviewer: optionalKey(Schema.Literals(["user", "auto_review"])),
  instructions: optionalKey(Schema.String),
  baseInstructions: optionalKey(Schema.String),
  provider: optionalKey(Schema.String),
  webSearch: optionalKey(Schema.Literals(["disabled", "cached", "indexed", "live"])),
  terminals: optionalKey(Schema.Literals(["keep", "end"])),
  mode: optionalKey(Schema.Literals(["default", "plan"])),
  subAgents: optionalKey(Schema.Literals(["interrupt", "await"])),
  config: optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  source: optionalKey(Schema.String),
  workflow: optionalKey(Schema.String),
  group: optionalKey(Schema.String)
})
/**
 * The options of a durable thread.
 * @since 0.1.0
 * @category models
 */
export interface DurableThreadOptions extends Schema.Schema.Type<typeof DurableThreadOptions> {}

/**
 * What a runner does with a turn whose engine died: `continue` it with a message that says what happened, or `fail` it with
 * `TurnOutcomeUnknown`.
 * @since 0.1.0
 * @category schemas
 */
export const Recovery = Schema.Literals(["continue", "fail"])
/**
 * What a runner does with a turn whose engine died.
 * @since 0.1.0
 * @category models
 */
export type Recovery = typeof Recovery.Type

/** The stored options of one turn. Absent options are those of the runner. */
export const StoredTurnOptions = Schema.Struct({
  timeoutMillis: optionalKey(Schema.Finite),
  budget: optionalKey(budget),
  recovery: optionalKey(Recovery)
})
/** The stored options of one turn. */
export interface StoredTurnOptions extends Schema.Schema.Type<typeof StoredTurnOptions> {}

/** Returns a duration in milliseconds; an infinite one is absent, because JSON has no number for it. */
export const millisOf = (duration: Duration.Input): number | undefined => {
  const millis = Duration.toMillis(Duration.fromInputUnsafe(duration))
  return Number.isFinite(millis) ? millis : undefined
}
