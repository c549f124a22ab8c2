/**
 * What happened in a turn, told once: spans, metrics, log lines and observers are all made of these. No content is in
 * them: no prompt, message, argument, output, command or path.
 *
 * Times are in milliseconds: `at` since the epoch, `duration` by the monotonic clock of the turn.
 */
import type * as ApprovalDecision from "../domain/ApprovalDecision.ts"
import type * as ApprovalRequest from "../domain/ApprovalRequest.ts"
import type * as CodexError from "../domain/CodexError.ts"
import type * as Item from "../domain/Item.ts"
import type * as Turn from "../domain/Turn.ts"

/** How something ended: well, with an error by its type, or because its turn was interrupted. */
export type SignalEnd =
  | { readonly _tag: "Ok" }
  | { readonly _tag: "Error"; readonly errorType: string; readonly status?: number | undefined }
  | { readonly _tag: "Interrupted" }

export const ok: SignalEnd = { _tag: "Ok" }
export const interrupted: SignalEnd = { _tag: "Interrupted" }

/** How a turn ended. */
export type TurnEnd = "completed" | "interrupted" | CodexError.TurnError

export interface TurnStart {
  readonly _tag: "TurnStart"
  readonly at: number
}

export interface TurnStop {
  readonly _tag: "TurnStop"
  readonly at: number
  readonly duration: number
  readonly end: TurnEnd
  readonly usage: Turn.Usage
  readonly time: Turn.TurnTime
  readonly modelCalls: number
  readonly toolCalls: number
}

export interface ModelStart {
  readonly _tag: "ModelStart"
  readonly at: number
  /** The conversation was compacted before, in this turn. */
  readonly compacted: boolean
}

/** A request to the model, or one attempt at it. Without exact bounds it is told when its usage is known. */
export interface ModelStop {
  readonly _tag: "ModelStop"
  readonly startedAt: number
  readonly at: number
  readonly duration: number
  /** From the start to the first token, in milliseconds. */
  readonly timeToFirstToken: number | undefined
  /** Between one piece of output and the next, in milliseconds. */
  readonly chunkGaps: ReadonlyArray<number>
  readonly responseId: string | undefined
  readonly finishReason: "stop" | "tool_calls" | undefined
  readonly usage: Turn.Usage | undefined
  readonly end: SignalEnd
}

export interface ToolStart {
  readonly _tag: "ToolStart"
  readonly at: number
  readonly callId: string
  readonly tool: string
}

export interface ToolStop {
  readonly _tag: "ToolStop"
  readonly at: number
  readonly duration: number
  readonly callId: string
  readonly tool: string
  /** `extension` for a tool of an MCP server; nothing where no item told. */
  readonly type: "function" | "extension" | undefined
  readonly mcpServer: string | undefined
  /** What it was to do with files: each kind once. */
  readonly operations: ReadonlyArray<Item.FileOperation>
  readonly end: SignalEnd
}

/** A command that ran, approved or unasked. */
export interface CommandStop {
  readonly _tag: "CommandStop"
  readonly startedAt: number
  readonly at: number
  readonly duration: number
  readonly callId: string
  /** The base name of what ran. */
  readonly executable: string
  readonly exitCode: number | undefined
  readonly end: SignalEnd
}

export interface ApprovalStart {
  readonly _tag: "ApprovalStart"
  readonly at: number
  readonly requestId: string
  readonly callId: string
  readonly kind: ApprovalRequest.ApprovalKind
}

export interface ApprovalStop {
  readonly _tag: "ApprovalStop"
  readonly at: number
  readonly duration: number
  readonly requestId: string
  readonly callId: string
  readonly kind: ApprovalRequest.ApprovalKind
  readonly decision: ApprovalDecision.ApprovalDecision["_tag"]
  readonly source: ApprovalDecision.ApprovalSource
  readonly policy: string | undefined
}

/** Tokens of one request, or of several: it is told only so often, and nothing of it is lost. */
export interface UsageUpdated {
  readonly _tag: "UsageUpdated"
  readonly at: number
  readonly usage: Turn.Usage
}

/** The change that the turn has made so far, by its size: bytes of the diff, lines added and removed. Told only so often. */
export interface DiffUpdated {
  readonly _tag: "DiffUpdated"
  readonly at: number
  readonly bytes: number
  readonly added: number
  readonly removed: number
}

/** What was done with one file. Its size in bytes and its lines are there where they are known. */
export interface FileOperationKind {
  readonly kind: Item.FileOperation
  readonly bytes: number | undefined
  readonly added: number | undefined
  readonly removed: number | undefined
}

/** What a tool that ran to its end did with files, one for each time. */
export interface FileOperations {
  readonly _tag: "FileOperations"
  readonly at: number
  readonly callId: string
  readonly operations: ReadonlyArray<FileOperationKind>
}

/** A patch that was applied. */
export interface FilesChanged {
  readonly _tag: "FilesChanged"
  readonly at: number
  readonly added: number
  readonly removed: number
}

/** The conversation is summarised; `interrupted` is a turn that ended meanwhile. */
export interface Compaction {
  readonly _tag: "Compaction"
  readonly at: number
  readonly stage: "started" | "completed" | "interrupted"
  /** Since it started, where that was told. */
  readonly duration: number | undefined
}

/** A request failed and is made again: for the `attempt`th time, the first one not counted. */
export interface Retry {
  readonly _tag: "Retry"
  readonly at: number
  readonly attempt: number
  readonly errorType: string
  readonly status: number | undefined
}

/**
 * The first that was heard of a request that is made again, or that it failed too. The wait before it and the model's
 * own time to its first output are in it: no engine tells them apart.
 */
export interface RetryStop {
  readonly _tag: "RetryStop"
  readonly startedAt: number
  readonly at: number
  readonly duration: number
  readonly attempt: number
  /** What the attempt before it failed with. */
  readonly errorType: string
  readonly status: number | undefined
  readonly end: SignalEnd
}

/** The engine did not come up, or a conversation could not be opened; `duration` is how long it was tried. */
export interface StartFailed {
  readonly _tag: "StartFailed"
  readonly at: number
  readonly duration: number
  readonly what: "engine" | "thread"
  /** Nothing for a defect. */
  readonly error: CodexError.CodexError | undefined
  readonly errorType: string
}

/** Input files are staged, or removed again. */
export interface AttachmentStart {
  readonly _tag: "AttachmentStart"
  readonly at: number
  readonly stage: "stage" | "cleanup"
}

export interface AttachmentStop {
  readonly _tag: "AttachmentStop"
  readonly at: number
  readonly duration: number
  readonly stage: "stage" | "cleanup"
  /** How many files there were and what they hold together; 0 of what failed. */
  readonly files: number
  readonly bytes: number
  readonly end: SignalEnd
}

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
  | AttachmentStart
  | AttachmentStop
