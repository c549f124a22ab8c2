/** One turn of a conversation: what goes in, what happens meanwhile, what comes out. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as ApprovalDecision from "./ApprovalDecision.ts"
import * as ApprovalRequest from "./ApprovalRequest.ts"
import type { Attachment } from "../attachment/Attachments.ts"
import type { Budget } from "./Budget.ts"
import type { TurnError } from "./CodexError.ts"
import { ItemId, ThreadId, TurnId } from "./Ids.ts"
import * as Item from "./Item.ts"

/**
 * Tokens. Counts are inclusive: `cachedInput` and `cacheWrite` are part of `input`, `reasoning` part of `output`; never
 * add them. `cacheWrite` is absent where the engine does not tell what went into the provider's cache.
 */
export const Usage = Schema.Struct({
  input: Schema.Natural,
  cachedInput: Schema.Natural,
  cacheWrite: Schema.optionalKey(Schema.Natural),
  output: Schema.Natural,
  reasoning: Schema.Natural
})
export type Usage = typeof Usage.Type

export const noUsage: Usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 }

/**
 * Where the time of a turn went, in milliseconds; the four parts sum to `total`. Where things overlap, time belongs to
 * approval before tools before thinking before overhead.
 */
export const TurnTime = Schema.Struct({
  total: Schema.Finite,
  thinking: Schema.Finite,
  tools: Schema.Finite,
  approval: Schema.Finite,
  overhead: Schema.Finite
})
export type TurnTime = typeof TurnTime.Type

/**
 * What a turn came to. One that `run` returns has completed; the one that an error carries is what was there when it
 * ended. `message` is the last message of the agent, `diff` a unified diff of everything the turn changed, and
 * `sideEffects` says whether a command, an edit or a tool already ran: nothing should be repeated blindly once one did.
 */
export const Turn = Schema.Struct({
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
export type Turn = typeof Turn.Type

/**
 * What the caller sends: text as it is, or parts. An image by its `url` is fetched by the provider, or is a `data:` URL;
 * a local image is read by Codex. A staged attachment is an image to the model if its type is one, and else a file
 * that the model is told the path of.
 */
export type TurnInput = string | ReadonlyArray<InputPart>
export type InputPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly url: string }
  | { readonly type: "local_image"; readonly path: string }
  | { readonly type: "attachment"; readonly attachment: Attachment }

/**
 * How one turn is run. `model`, `effort`, `sandbox` and `cwd` are kept by Codex for the later turns of the thread too.
 */
export interface TurnOptions {
  /**
   * The longest that the turn may take, each attempt at it for itself; at its end the turn is interrupted and fails with
   * `TurnTimedOut`.
   */
  readonly timeout?: Duration.Input | undefined
  readonly model?: string | undefined
  readonly effort?: string | undefined
  readonly sandbox?: Sandbox | undefined
  /** The folder to work in. */
  readonly cwd?: string | undefined
  /**
   * What the last message has to be: the agent is told the schema, and its answer is decoded. An answer that does not
   * fit fails the turn with `OutputInvalid`, which carries it.
   */
  readonly output?: Schema.Codec<unknown, unknown> | undefined
  /** What the turn may use, all attempts at it together; beyond it the turn is interrupted and fails with `BudgetExceeded`. */
  readonly budget?: Budget | undefined
  /**
   * When to try again by itself: only errors that are retryable, and only while no command, edit or tool that is more
   * than reading has run; a wait that the provider asked for is kept. What the agent has heard it is not told again.
   */
  readonly retry?: Schedule.Schedule<unknown, TurnError> | undefined
  /** Whether the turn is seen by telemetry; default: as `Sampling.Enabled` says, which is yes. */
  readonly telemetry?: boolean | undefined
}

/** What commands may reach without asking. */
export type Sandbox = "read-only" | "workspace-write" | "danger-full-access"

/** A turn whose last message was asked to be of a schema, and what it said. */
export type TurnWithOutput<A> = Turn & { readonly output: A }

/** The timeout of a turn that names none: 30 minutes. */
export const DefaultTimeout = Context.Reference<Duration.Duration>("effect-codex/Turn/DefaultTimeout", {
  defaultValue: () => Duration.minutes(30)
})

const at = Schema.Finite

/**
 * What happens in a turn, in the order it happened. `at` is in milliseconds since the epoch, with fractions.
 *
 * `ToolRequested`, `ToolReturned` and `ModelResponded` are the exact bounds of tool calls and model requests; an engine
 * that cannot tell leaves them out. `Unknown` is what a newer Codex says and this version does not know.
 */
const said = {
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
export const EngineEvent = Schema.TaggedUnion(said)
export type EngineEvent = typeof EngineEvent.Type

export const TurnEvent = Schema.TaggedUnion({
  ...said,
  /** What happens in a turn of a sub-agent, which is of a thread of its own. */
  AgentEvent: { threadId: ThreadId, turnId: TurnId, event: EngineEvent, at },
  TurnCompleted: { turn: Turn, at }
})
export type TurnEvent = typeof TurnEvent.Type

/** The text of an input, without what is no text. */
export const text = (input: TurnInput): string =>
  typeof input === "string"
    ? input
    : input.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n")
