/** One turn of a conversation: what goes in, what happens meanwhile, what comes out. */
import * as Schema from "effect/Schema"
import * as ApprovalDecision from "./ApprovalDecision.ts"
import * as ApprovalRequest from "./ApprovalRequest.ts"
import { ItemId, ThreadId, TurnId } from "./Ids.ts"
import * as Item from "./Item.ts"

/**
 * Tokens. Counts are inclusive: `cachedInput` and `cacheWrite` are part of `input`, `reasoning` part of `output`; never
 * add them. `cacheWrite` is absent where the engine does not tell what went into the provider's cache.
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

export const noUsage: Usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 }

/**
 * Where the time of a turn went, in milliseconds; the four parts sum to `total`. Where things overlap, time belongs to
 * approval before tools before thinking before overhead.
 */
export class TurnTime extends Schema.Opaque<TurnTime>()(
  Schema.Struct({
    total: Schema.Finite,
    thinking: Schema.Finite,
    tools: Schema.Finite,
    approval: Schema.Finite,
    overhead: Schema.Finite
  })
) {}

/**
 * What a turn came to. One that `run` returns has completed; the one that an error carries is what was there when it
 * ended. `message` is the last message of the agent, `diff` a unified diff of everything the turn changed, and
 * `sideEffects` says whether a command, an edit or a tool already ran: nothing should be repeated blindly once one did.
 */
export class Turn extends Schema.Opaque<Turn>()(
  Schema.Struct({
    id: TurnId,
    threadId: ThreadId,
    message: Schema.String,
    items: Schema.Array(Item.Item),
    usage: Usage,
    diff: Schema.String,
    time: TurnTime,
    modelCalls: Schema.Natural,
    toolCalls: Schema.Natural,
    sideEffects: Schema.Boolean
  })
) {}

const at = Schema.Finite

/**
 * What happens in a turn, in the order it happened. `at` is in milliseconds since the epoch, with fractions.
 *
 * `ToolRequested`, `ToolReturned` and `ModelResponded` are the exact bounds of tool calls and model requests; an engine
 * that cannot tell leaves them out. `Unknown` is what a newer Codex says and this version does not know.
 */
const eventFields = {
  TurnStarted: { threadId: ThreadId, turnId: TurnId, rootTurnId: Schema.optionalKey(TurnId), at },
  MessageDelta: { itemId: ItemId, delta: Schema.String, at },
  ReasoningDelta: { itemId: ItemId, delta: Schema.String, at },
  OutputDelta: { itemId: ItemId, delta: Schema.String, at },
  ItemStarted: { item: Item.Item, at },
  ItemCompleted: { item: Item.Item, at },
  ToolRequested: { callId: ItemId, tool: Schema.String, at },
  ToolReturned: { callId: ItemId, at },
  /** How far a call of one of the caller's tools is, in its own words: at most 4,000 characters. */
  ToolProgress: { callId: ItemId, tool: Schema.String, text: Schema.String, at },
  ModelResponded: { responseId: Schema.String, usage: Schema.optionalKey(Usage), at },
  UsageUpdated: { usage: Usage, at },
  DiffUpdated: { diff: Schema.String, at },
  Retrying: { errorType: Schema.String, status: Schema.optionalKey(Schema.Int), at },
  ApprovalRequested: { request: ApprovalRequest.ApprovalRequest, at },
  ApprovalDecided: {
    requestId: Schema.String,
    itemId: ItemId,
    decision: ApprovalDecision.ApprovalDecision,
    source: ApprovalDecision.ApprovalSource,
    at
  },
  Unknown: { method: Schema.String, payload: Schema.Unknown, at }
}

/** What an engine may say: everything but the end, which the runtime makes of it. */
export const EngineEvent = Schema.TaggedUnion(eventFields)
export type EngineEvent = typeof EngineEvent.Type

export const TurnEvent = Schema.TaggedUnion({
  ...eventFields,
  /** What happens in a turn of a sub-agent, which is of a thread of its own. */
  AgentEvent: { threadId: ThreadId, turnId: TurnId, event: EngineEvent, at },
  TurnCompleted: { turn: Turn, at }
})
export type TurnEvent = typeof TurnEvent.Type
