/**
 * The schema of the JSON of events: one object per line of `--json`, and the data of one Server-Sent Event. Version 1 of the
 * format: later versions of the library can add types and fields, and change none. docs/events.md documents each type.
 */
import * as Schema from "effect/Schema"
import * as ApprovalDecision from "./ApprovalDecision.ts"
import { Class } from "./ErrorClass.ts"
import { ItemId, ThreadId, TurnId } from "./Ids.ts"
import { ItemLine, typed } from "./ItemLine.ts"
import { RequestLine } from "./RequestLine.ts"
import { Review } from "./Review.ts"
import * as Turn from "./Turn.ts"

export * from "./ItemLine.ts"
export * from "./RequestLine.ts"

/**
 * The version of the format. It changes when a reader of the previous version would misread a line.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { EventJson } from "effect-codex"
 *
 * const header = { version: EventJson.formatVersion }
 * ```
 */
export const formatVersion = 1

const { optionalKey } = Schema
const { cases } = Turn.EngineEvent
const at = Schema.Finite

const engineLines = [
  typed("turn.started", cases.TurnStarted.fields),
  typed("message.delta", cases.MessageDelta.fields),
  typed("reasoning.delta", cases.ReasoningDelta.fields),
  typed("plan.delta", cases.PlanDelta.fields),
  typed("output.delta", cases.OutputDelta.fields),
  Schema.Struct({ type: Schema.Literal("item.started"), item: ItemLine, at }),
  Schema.Struct({ type: Schema.Literal("item.completed"), item: ItemLine, at }),
  typed("tool.requested", cases.ToolRequested.fields),
  typed("tool.returned", cases.ToolReturned.fields),
  typed("tool.progress", cases.ToolProgress.fields),
  typed("model.responded", cases.ModelResponded.fields),
  typed("usage.updated", cases.UsageUpdated.fields),
  typed("plan.updated", cases.PlanUpdated.fields),
  typed("diff.updated", cases.DiffUpdated.fields),
  typed("retrying", cases.Retrying.fields),
  Schema.Struct({ type: Schema.Literal("approval.requested"), request: RequestLine, at }),
  Schema.Struct({
    type: Schema.Literal("approval.decided"),
    requestId: Schema.String,
    itemId: ItemId,
    decision: ApprovalDecision.DecisionName,
    reason: optionalKey(Schema.String),
    policy: optionalKey(Schema.String),
    given: optionalKey(Schema.toEncoded(ApprovalDecision.ApprovalAnswer)),
    kept: optionalKey(Schema.Boolean),
    source: ApprovalDecision.ApprovalSource,
    at
  }),
  typed("connection.restored", cases.ConnectionRestored.fields),
  typed("unknown", cases.Unknown.fields)
] as const

/** Why a turn did not complete. `reason` is null for errors without reasons. The CLI and the HTTP API name them alike. */
const failureLine = Schema.Struct({
  _tag: Schema.String,
  reason: Schema.NullOr(Schema.String),
  class: Class,
  retryable: Schema.Boolean,
  message: Schema.String
})

/** The last line of a turn. Everything is null that is not known, because the turn did not get that far. */
const endFields = {
  threadId: Schema.NullOr(ThreadId),
  turnId: Schema.NullOr(TurnId),
  message: Schema.NullOr(Schema.String),
  usage: Schema.NullOr(Turn.Usage),
  cost: optionalKey(Schema.Finite),
  review: optionalKey(Review),
  time: Schema.NullOr(Schema.toEncoded(Turn.TurnTime))
}

const eventLine = Schema.Union([
  ...engineLines,
  Schema.Struct({
    type: Schema.Literal("agent.event"),
    threadId: ThreadId,
    turnId: TurnId,
    event: Schema.Union(engineLines),
    at
  }),
  Schema.Struct({
    type: Schema.Literal("events.omitted"),
    deltas: Schema.Natural,
    events: Schema.Natural,
    at
  }),
  Schema.Struct({ type: Schema.Literal("turn.completed"), ...endFields, error: Schema.Null }),
  Schema.Struct({ type: Schema.Literal("turn.failed"), ...endFields, error: failureLine }),
  Schema.Struct({ type: Schema.Literal("turn.interrupted"), ...endFields, error: failureLine })
])
type EventLineUnion = typeof eventLine
/**
 * The type of the schema, by name, so that declarations which contain it stay short.
 * @since 0.1.0
 * @category models
 */
export interface EventLineSchema extends EventLineUnion {}

/**
 * An event of a turn as JSON, told apart by `type`. The last one is `turn.completed`, `turn.failed` or `turn.interrupted`.
 * @since 0.1.0
 * @category schemas
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { EventJson } from "effect-codex"
 *
 * // Reads a line that `effect-codex run --json` printed.
 * const decodeLine = Schema.decodeEffect(Schema.fromJsonString(EventJson.EventLine))
 * ```
 */
export const EventLine: EventLineSchema = eventLine
export type EventLine = typeof EventLine.Type
