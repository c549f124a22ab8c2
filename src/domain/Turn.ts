/** A turn of a conversation: its events and its result. */
import * as Schema from "effect/Schema"
import * as ApprovalDecision from "./ApprovalDecision.ts"
import * as ApprovalRequest from "./ApprovalRequest.ts"
import { ItemId, ThreadId, TurnId } from "./Ids.ts"
import * as Item from "./Item.ts"
import * as Review from "./Review.ts"

/**
 * Token counts. They are inclusive: `cachedInput` and `cacheWrite` are part of `input`, and `reasoning` is part of
 * `output`, so do not add them. `cacheWrite`, the input that the provider wrote to its cache, is absent if the engine does
 * not report it.
 * @since 0.1.0
 * @category schemas
 */
export class Usage extends Schema.Opaque<Usage>()(
  Schema.Struct({
    input: Schema.Natural,
    cachedInput: Schema.Natural,
    cacheWrite: Schema.optionalKey(Schema.Natural),
    output: Schema.Natural,
    reasoning: Schema.Natural
  })
) {}

/**
 * No tokens: the start of a sum.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Turn } from "effect-codex"
 *
 * const add = (a: Turn.Usage, b: Turn.Usage): Turn.Usage => ({
 *   input: a.input + b.input,
 *   cachedInput: a.cachedInput + b.cachedInput,
 *   output: a.output + b.output,
 *   reasoning: a.reasoning + b.reasoning
 * })
 * const total = (turns: ReadonlyArray<Turn.Turn>) => turns.map(({ usage }) => usage).reduce(add, Turn.noUsage)
 * ```
 */
export const noUsage: Usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 }

/**
 * The duration of a turn and its parts. `totalMillis` is the sum of the four parts, to the last bit. Where phases overlap, time
 * counts as approval before tools, tools before thinking, and thinking before overhead.
 *
 * These are numbers and not `Duration`s, because a `Duration` rounds fractions of milliseconds to nanoseconds: the parts
 * would no longer sum to the total, and the encoded JSON would change. In JSON the names have no suffix.
 * @since 0.1.0
 * @category schemas
 */
export class TurnTime extends Schema.Opaque<TurnTime>()(
  Schema.Struct({
    totalMillis: Schema.Finite,
    thinkingMillis: Schema.Finite,
    toolsMillis: Schema.Finite,
    approvalMillis: Schema.Finite,
    overheadMillis: Schema.Finite
  }).pipe(
    Schema.encodeKeys({
      totalMillis: "total",
      thinkingMillis: "thinking",
      toolsMillis: "tools",
      approvalMillis: "approval",
      overheadMillis: "overhead"
    })
  )
) {}

/**
 * The state of one step of a plan.
 * @since 0.1.0
 * @category schemas
 */
export const PlanStatus = Schema.Literals(["pending", "inProgress", "completed"])
export type PlanStatus = typeof PlanStatus.Type

/**
 * The agent's list of what it does in a turn, and why it changed the list last.
 * @since 0.1.0
 * @category schemas
 */
export class TurnPlan extends Schema.Opaque<TurnPlan>()(
  Schema.Struct({
    steps: Schema.Array(Schema.Struct({ step: Schema.String, status: PlanStatus })),
    explanation: Schema.optionalKey(Schema.String)
  })
) {}

/**
 * How much of the model's context the conversation fills, in tokens: `used` by the last model request of the turn and its
 * answer. `size` is absent if Codex does not know the size of the model's context.
 * @since 0.1.0
 * @category schemas
 */
export class ContextWindow extends Schema.Opaque<ContextWindow>()(
  Schema.Struct({ used: Schema.Natural, size: Schema.optionalKey(Schema.Natural) })
) {}

/**
 * The result of a turn. A turn that `run` returns is complete; the turn of an error is its state at the end.
 *
 * `message` is the agent's answer: its last message that is not a comment on its work or a part of an answer, or "" if
 * there is none. `items` is everything that the turn produced, and `diff` a unified diff of all files that the turn
 * changed. `sideEffects` is whether a command, an edit or a tool that is not read-only ran, also if Codex reported no
 * item for it: repeating such a turn may repeat its effects. `plan` is the agent's last list of steps, if it made one; the
 * plan that plan mode proposes is an item, `Plan`. `review` is the result of a code review; absent from other turns.
 *
 * `context` is absent if no model request has reported its usage. `cost` is in US dollars and includes sub-agents; it is
 * absent if the price of a model that the turn used is not known (`Prices`).
 *
 * `attempts` is how often the turn ran; absent if once. `usage`, `cost`, `time`, `modelCalls`, `toolCalls` and `sideEffects` are those
 * of all attempts together, and the waits between them are overhead. Everything else is that of the last attempt.
 *
 * `omittedItems` is how many of the oldest items the turn dropped, and `omittedCharacters` how much it left out of its
 * other items, its message and its diff, to bound its memory (`ContentLimits`). They are absent if nothing is left out.
 * @since 0.1.0
 * @category schemas
 */
export class Turn extends Schema.Opaque<Turn>()(
  Schema.Struct({
    id: TurnId,
    threadId: ThreadId,
    message: Schema.String,
    items: Schema.Array(Item.Item),
    usage: Usage,
    diff: Schema.String,
    plan: Schema.optionalKey(TurnPlan),
    review: Schema.optionalKey(Review.Review),
    time: TurnTime,
    modelCalls: Schema.Natural,
    toolCalls: Schema.Natural,
    sideEffects: Schema.Boolean,
    context: Schema.optionalKey(ContextWindow),
    cost: Schema.optionalKey(Schema.Finite),
    attempts: Schema.optionalKey(Schema.Natural),
    omittedItems: Schema.optionalKey(Schema.Natural),
    omittedCharacters: Schema.optionalKey(Schema.Natural)
  })
) {}

const at = Schema.Finite

/**
 * The events of a turn, in order. `at` is in milliseconds since the epoch, with fractions.
 *
 * `ToolRequested`, `ToolReturned` and `ModelResponded` are the exact bounds of tool calls and model requests. An engine
 * that does not know them omits these events. `nested` names the tools that a script of the model calls, where the tool is
 * one that runs scripts. `Unknown` is a notification that this version does not know.
 */
const eventFields = {
  TurnStarted: { threadId: ThreadId, turnId: TurnId, rootTurnId: Schema.optionalKey(TurnId), at },
  MessageDelta: { itemId: ItemId, delta: Schema.String, at },
  ReasoningDelta: { itemId: ItemId, delta: Schema.String, at },
  /** A part of the plan that plan mode proposes. The completed item has the whole text, which may differ. */
  PlanDelta: { itemId: ItemId, delta: Schema.String, at },
  OutputDelta: { itemId: ItemId, delta: Schema.String, at },
  ItemStarted: { item: Item.Item, at },
  ItemCompleted: { item: Item.Item, at },
  ToolRequested: {
    callId: ItemId,
    tool: Schema.String,
    nested: Schema.optionalKey(Schema.Array(Schema.String)),
    at
  },
  ToolReturned: { callId: ItemId, at },
  /** The progress of a call of one of the caller's tools, in the tool's own words: at most 4,000 characters. */
  ToolProgress: { callId: ItemId, tool: Schema.String, text: Schema.String, at },
  ModelResponded: { responseId: Schema.String, usage: Schema.optionalKey(Usage), at },
  /** The usage of a model request. `contextWindow` is the size of the model's context in tokens. */
  UsageUpdated: { usage: Usage, contextWindow: Schema.optionalKey(Schema.Natural), at },
  /** The agent changed its list of steps. */
  PlanUpdated: { plan: TurnPlan, at },
  DiffUpdated: { diff: Schema.String, at },
  /** Codex retries a model request that failed. `detail` is Codex's reason, with secrets masked. */
  Retrying: {
    errorType: Schema.String,
    status: Schema.optionalKey(Schema.Int),
    detail: Schema.optionalKey(Schema.String),
    at
  },
  ApprovalRequested: { request: ApprovalRequest.ApprovalRequest, at },
  ApprovalDecided: {
    requestId: Schema.String,
    itemId: ItemId,
    decision: ApprovalDecision.ApprovalDecision,
    source: ApprovalDecision.ApprovalSource,
    at
  },
  /**
   * The connection to an engine on a socket broke at `lostAt` and works again. The text deltas in between are missing; the
   * other events follow, with the times at which they happened.
   */
  ConnectionRestored: { lostAt: Schema.Finite, at },
  Unknown: { method: Schema.String, payload: Schema.Unknown, at }
}

const engineEvent = Schema.TaggedUnion(eventFields)
type EngineEventUnion = typeof engineEvent
/**
 * The type of the schema, by name, so that declarations which contain it stay short.
 * @since 0.1.0
 * @category models
 */
export interface EngineEventSchema extends EngineEventUnion {}

/**
 * An event that an engine emits: every event except the end, which the runtime derives.
 * @since 0.1.0
 * @category schemas
 */
export const EngineEvent: EngineEventSchema = engineEvent
export type EngineEvent = typeof EngineEvent.Type

const turnEvent = Schema.TaggedUnion({
  ...eventFields,
  /** An event of a turn of a sub-agent, which has its own thread. */
  AgentEvent: { threadId: ThreadId, turnId: TurnId, event: EngineEvent, at },
  /**
   * The stream dropped events because its consumer is slower than the turn, and they would have filled memory: text deltas
   * first, then other events. The completed items hold the text of dropped deltas, and the result of the turn all items.
   */
  EventsOmitted: { deltas: Schema.Natural, events: Schema.Natural, at },
  TurnCompleted: { turn: Turn, at }
})
type TurnEventUnion = typeof turnEvent
/**
 * The type of the schema, by name, so that declarations which contain it stay short.
 * @since 0.1.0
 * @category models
 */
export interface TurnEventSchema extends TurnEventUnion {}

/**
 * An event of a turn, as `Thread.stream` delivers it. `TurnCompleted` is the last one, unless the stream fails.
 * @since 0.1.0
 * @category schemas
 */
export const TurnEvent: TurnEventSchema = turnEvent
export type TurnEvent = typeof TurnEvent.Type
