/**
 * What happens in a turn, from which spans, metrics, log records and observers are derived. Signals contain no content:
 * no prompt, message, argument, output, command or path.
 *
 * Times are in milliseconds: `at` since the epoch, `durationMillis` by the monotonic clock of the turn.
 */
import type * as ApprovalDecision from "../domain/ApprovalDecision.ts"
import type * as ApprovalRequest from "../domain/ApprovalRequest.ts"
import type * as CodexError from "../domain/CodexError.ts"
import type * as Item from "../domain/Item.ts"
import type * as Turn from "../domain/Turn.ts"
import type { Sandbox } from "../domain/TurnOptions.ts"
import type * as DurableSignal from "./DurableSignal.ts"
import type { SignalEnd } from "./SignalEnd.ts"

export type * from "./DurableSignal.ts"
export { background, interrupted, ok, type SignalEnd } from "./SignalEnd.ts"

/**
 * How a turn ended.
 * @since 0.1.0
 * @category models
 */
export type TurnEnd = "completed" | "interrupted" | CodexError.TurnError

/**
 * A turn starts.
 * @since 0.1.0
 * @category models
 */
export interface TurnStart {
  readonly _tag: "TurnStart"
  readonly at: number
}

/**
 * A turn ends.
 * @since 0.1.0
 * @category models
 */
export interface TurnStop {
  readonly _tag: "TurnStop"
  readonly at: number
  readonly durationMillis: number
  readonly end: TurnEnd
  readonly usage: Turn.Usage
  readonly time: Turn.TurnTime
  readonly modelCalls: number
  readonly toolCalls: number
  /** The cost in US dollars without sub-agents, whose turns have their own. `undefined` without a price of the model. */
  readonly cost?: number | undefined
  /** What the turn left out of its result to bound its memory. */
  readonly omittedItems?: number | undefined
  readonly omittedCharacters?: number | undefined
}

/**
 * A model request starts.
 * @since 0.1.0
 * @category models
 */
export interface ModelStart {
  readonly _tag: "ModelStart"
  readonly at: number
  /** Whether this turn has compacted the conversation before this request. */
  readonly compacted: boolean
}

/**
 * The end of a model request, or of one attempt at it. Without exact times it is emitted when its usage is known.
 * @since 0.1.0
 * @category models
 */
export interface ModelStop {
  readonly _tag: "ModelStop"
  readonly startedAt: number
  readonly at: number
  readonly durationMillis: number
  /** From the start to the first token. */
  readonly timeToFirstTokenMillis: number | undefined
  /** The times between consecutive chunks of output. */
  readonly chunkGapsMillis: ReadonlyArray<number>
  readonly responseId: string | undefined
  readonly finishReason: "stop" | "tool_calls" | undefined
  readonly usage: Turn.Usage | undefined
  /** The cost of `usage` in US dollars. `undefined` without a usage or without a price of the model. */
  readonly cost?: number | undefined
  readonly end: SignalEnd
}

/**
 * A command, an edit or a tool call starts. The wait for approval is not part of it.
 * @since 0.1.0
 * @category models
 */
export interface ToolStart {
  readonly _tag: "ToolStart"
  readonly at: number
  readonly callId: string
  readonly tool: string
}

/**
 * A command, an edit or a tool call ends.
 * @since 0.1.0
 * @category models
 */
export interface ToolStop {
  readonly _tag: "ToolStop"
  readonly at: number
  readonly durationMillis: number
  readonly callId: string
  readonly tool: string
  /** `extension` for a tool of an MCP server; `undefined` if no item reported the type. */
  readonly type: "function" | "extension" | undefined
  readonly mcpServer: string | undefined
  /** The kinds of its file operations, without duplicates. */
  readonly operations: ReadonlyArray<Item.FileOperation>
  readonly omittedCharacters?: number | undefined
  readonly end: SignalEnd
}

/**
 * The end of a command that ran, with or without an approval request.
 * @since 0.1.0
 * @category models
 */
export interface CommandStop {
  readonly _tag: "CommandStop"
  readonly startedAt: number
  readonly at: number
  readonly durationMillis: number
  readonly callId: string
  /** The base name of the executable. */
  readonly executable: string
  readonly exitCode: number | undefined
  readonly omittedCharacters?: number | undefined
  readonly end: SignalEnd
}

/**
 * The agent asks for an approval.
 * @since 0.1.0
 * @category models
 */
export interface ApprovalStart {
  readonly _tag: "ApprovalStart"
  readonly at: number
  readonly requestId: string
  readonly callId: string
  readonly kind: ApprovalRequest.ApprovalKind
}

/**
 * A request for approval is decided, or its turn ends.
 * @since 0.1.0
 * @category models
 */
export interface ApprovalStop {
  readonly _tag: "ApprovalStop"
  readonly at: number
  readonly durationMillis: number
  readonly requestId: string
  readonly callId: string
  readonly kind: ApprovalRequest.ApprovalKind
  readonly decision: ApprovalDecision.DecisionName
  readonly source: ApprovalDecision.ApprovalSource
  readonly policy: string | undefined
}

/**
 * Tokens of one request, or the sum of several: updates are throttled, and no token is lost.
 * @since 0.1.0
 * @category models
 */
export interface UsageUpdated {
  readonly _tag: "UsageUpdated"
  readonly at: number
  readonly usage: Turn.Usage
}

/**
 * The size of the turn's diff so far: bytes, lines added and removed. Updates are throttled.
 * @since 0.1.0
 * @category models
 */
export interface DiffUpdated {
  readonly _tag: "DiffUpdated"
  readonly at: number
  readonly bytes: number
  readonly added: number
  readonly removed: number
}

/**
 * One operation on one file, with its size in bytes and its lines if they are known.
 * @since 0.1.0
 * @category models
 */
export interface FileOperationKind {
  readonly kind: Item.FileOperation
  readonly bytes: number | undefined
  readonly added: number | undefined
  readonly removed: number | undefined
}

/**
 * The file operations of a tool call that ran to its end.
 * @since 0.1.0
 * @category models
 */
export interface FileOperations {
  readonly _tag: "FileOperations"
  readonly at: number
  readonly callId: string
  readonly operations: ReadonlyArray<FileOperationKind>
}

/**
 * The lines of an applied patch.
 * @since 0.1.0
 * @category models
 */
export interface FilesChanged {
  readonly _tag: "FilesChanged"
  readonly at: number
  readonly added: number
  readonly removed: number
}

/**
 * A stage of a compaction; `interrupted` if the turn ends during it.
 * @since 0.1.0
 * @category models
 */
export interface Compaction {
  readonly _tag: "Compaction"
  readonly at: number
  readonly stage: "started" | "completed" | "interrupted"
  /** The time since its start, if Codex reported the start. */
  readonly durationMillis: number | undefined
}

/**
 * A failed request is retried. `attempt` is 1 for the first retry.
 * @since 0.1.0
 * @category models
 */
export interface Retry {
  readonly _tag: "Retry"
  readonly at: number
  readonly attempt: number
  readonly errorType: string
  readonly status: number | undefined
}

/**
 * The first output of a retried request, or its failure. The duration includes the wait and the model's own time to its
 * first output, because no engine reports them separately.
 * @since 0.1.0
 * @category models
 */
export interface RetryStop {
  readonly _tag: "RetryStop"
  readonly startedAt: number
  readonly at: number
  readonly durationMillis: number
  readonly attempt: number
  /** The error type of the previous attempt. */
  readonly errorType: string
  readonly status: number | undefined
  readonly end: SignalEnd
}

/**
 * The engine did not start, or a thread could not be opened, after `durationMillis`.
 * @since 0.1.0
 * @category models
 */
export interface StartFailed {
  readonly _tag: "StartFailed"
  readonly at: number
  readonly durationMillis: number
  readonly what: "engine" | "thread"
  /** `undefined` for a defect. */
  readonly error: CodexError.CodexError | undefined
  readonly errorType: string
}

/**
 * How much of a limit of the account is used in one of its windows, in percent, and when the window resets.
 * @since 0.1.0
 * @category models
 */
export interface LimitUpdated {
  readonly _tag: "LimitUpdated"
  readonly at: number
  readonly limit: string
  readonly window: "primary" | "secondary"
  readonly usedPercent: number
  readonly resetsAt: number | undefined
}

/**
 * Staging, or removing staged files, starts.
 * @since 0.1.0
 * @category models
 */
export interface AttachmentStart {
  readonly _tag: "AttachmentStart"
  readonly at: number
  readonly stage: "stage" | "cleanup"
}

/**
 * The staging of files, or the cleanup of the staging directory, ends.
 * @since 0.1.0
 * @category models
 */
export interface AttachmentStop {
  readonly _tag: "AttachmentStop"
  readonly at: number
  readonly durationMillis: number
  readonly stage: "stage" | "cleanup"
  /** The number of files and their total size; 0 after a failure. */
  readonly files: number
  readonly bytes: number
  readonly end: SignalEnd
}

/**
 * A command of `codex.exec` starts.
 * @since 0.1.0
 * @category models
 */
export interface ExecStart {
  readonly _tag: "ExecStart"
  readonly at: number
  /** The base name of the executable. */
  readonly executable: string
}

/**
 * A command of `codex.exec` ends.
 * @since 0.1.0
 * @category models
 */
export interface ExecStop {
  readonly _tag: "ExecStop"
  readonly at: number
  readonly durationMillis: number
  readonly executable: string
  /** Absent if the command did not run to its end. */
  readonly exitCode: number | undefined
  readonly sandbox: Sandbox
  readonly end: SignalEnd
}

/**
 * Everything that telemetry learns of a turn, told apart by `_tag`. Times (`at`) are in milliseconds since the epoch.
 * @since 0.1.0
 * @category models
 */
export type Signal =
  | TurnStart
  | TurnStop
  | ModelStart
  | ModelStop
  | ToolStart
  | ToolStop
  | CommandStop
  | ApprovalStart
  | ApprovalStop
  | UsageUpdated
  | DiffUpdated
  | FileOperations
  | FilesChanged
  | Compaction
  | Retry
  | RetryStop
  | StartFailed
  | LimitUpdated
  | AttachmentStart
  | AttachmentStop
  | ExecStart
  | ExecStop
  | DurableSignal.DurableStart
  | DurableSignal.DurableAttach
  | DurableSignal.DurableMove
  | DurableSignal.DurableStop
  | DurableSignal.QueueUpdate
  | DurableSignal.StateLock
  | DurableSignal.Reconnect
  | DurableSignal.HostStop
  | DurableSignal.HostUpdate
