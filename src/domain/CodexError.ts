/** All errors of the library, as one tagged union with class and retryability. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { BudgetReason } from "./Budget.ts"
import { type Class, make } from "./ErrorClass.ts"
import type * as Turn from "./Turn.ts"

export { Class, type ErrorClass, type ErrorInfo } from "./ErrorClass.ts"

/** No codex binary was found. */
export class CodexNotFound extends make<CodexNotFound>()(
  "CodexNotFound",
  { tried: Schema.Array(Schema.String) },
  ({ tried }) => ({
    class: "config",
    retryable: false,
    message: `no codex binary (tried ${tried.join(", ")}); install @openai/codex or set CODEX_PATH`
  })
) {}

/** The codex binary is older than the oldest version tested. */
export class CodexVersionUnsupported extends make<CodexVersionUnsupported>()(
  "CodexVersionUnsupported",
  { version: Schema.String, minimum: Schema.String, path: Schema.String },
  ({ minimum, path, version }) => ({
    class: "config",
    retryable: false,
    message: `codex ${version} at "${path}" is older than ${minimum}; install a newer @openai/codex`
  })
) {}

const startFailures = {
  Timeout: "codex app-server did not answer in time",
  Exited: "codex app-server ended while starting",
  Rejected: "codex app-server refused to start a session"
}

/** The engine did not start. `detail` is the end of its stderr. */
export class EngineStartFailed extends make<EngineStartFailed>()(
  "EngineStartFailed",
  { reason: Schema.Literals(["Timeout", "Exited", "Rejected"]), detail: Schema.String },
  ({ reason }) => ({
    class: "engine",
    retryable: true,
    message: `${startFailures[reason]}; run \`codex app-server\` by hand to see why`
  })
) {}

/** The engine's process ended while a thread needed it. `stderr` is the end of its stderr. */
export class EngineExited extends make<EngineExited>()(
  "EngineExited",
  { code: Schema.optionalKey(Schema.Int), signal: Schema.optionalKey(Schema.String), stderr: Schema.String },
  ({ code, signal }) => {
    const how = signal !== undefined ? ` by ${signal}` : code !== undefined ? ` with code ${code}` : ""
    return {
      class: "engine",
      retryable: true,
      message: `codex app-server ended${how}; the thread can be resumed by its id`
    }
  }
) {}

/** The engine sent something that this library does not understand, or the reverse. */
export class ProtocolError extends make<ProtocolError>()(
  "ProtocolError",
  { detail: Schema.String },
  ({ detail }) => ({ class: "protocol", retryable: false, message: detail })
) {}

/**
 * The request is invalid, or the engine refused it. `AgentWritable`: the sandbox of a turn would let the agent write a
 * directory in which this process keeps files.
 */
export class InvalidRequest extends make<InvalidRequest>()(
  "InvalidRequest",
  {
    reason: Schema.Literals(["InputTooLarge", "BadParams", "ThreadNotFound", "Rejected", "AgentWritable"]),
    method: Schema.String,
    detail: Schema.String
  },
  ({ detail, method }) => ({ class: "request", retryable: false, message: `${method}: ${detail}` })
) {}

/** Another process has the thread open for writing: Codex allows one writer for each stored thread. */
export class ThreadBusy extends make<ThreadBusy>()(
  "ThreadBusy",
  { method: Schema.String, detail: Schema.String },
  ({ detail, method }) => ({
    class: "engine",
    retryable: true,
    message: `${method}: another process has the thread open; close it there, or try again later (${detail})`
  })
) {}

export const TurnFailedReason = Schema.Literals([
  "Unauthorized",
  "RateLimited",
  "UsageLimit",
  "ContextOverflow",
  "BadRequest",
  "ModelNotFound",
  "Overloaded",
  "ServerError",
  "Disconnected",
  "Other"
])
export type TurnFailedReason = typeof TurnFailedReason.Type

const turnFailures: {
  readonly [Reason in TurnFailedReason]: {
    readonly class: Class
    readonly retryable: boolean
    readonly message: string
  }
} = {
  Unauthorized: {
    class: "auth",
    retryable: false,
    message: "the provider refused the credentials; run `codex login` or check the provider's key"
  },
  RateLimited: {
    class: "transient",
    retryable: true,
    message: "the provider's rate limit is reached; try again later"
  },
  UsageLimit: { class: "quota", retryable: false, message: "the account's usage limit is reached" },
  ContextOverflow: {
    class: "request",
    retryable: false,
    message: "the conversation no longer fits the model's context; compact it or start a new thread"
  },
  BadRequest: { class: "request", retryable: false, message: "the provider refused the request" },
  ModelNotFound: { class: "config", retryable: false, message: "the provider does not know the model" },
  Overloaded: { class: "transient", retryable: true, message: "the provider is overloaded; try again later" },
  ServerError: { class: "transient", retryable: true, message: "the provider failed; try again later" },
  Disconnected: {
    class: "transient",
    retryable: true,
    message: "the connection to the provider broke; try again"
  },
  Other: { class: "unknown", retryable: false, message: "codex gave up on the turn" }
}

/** Returns the time in UTC to the minute. A number that is no time must not make the message throw. */
const resetText = (millis: number): string => {
  const date = new Date(millis)
  return Number.isNaN(date.getTime()) ? "an unknown time" : `${date.toISOString().slice(0, 16)}Z`
}

/**
 * Codex ended the turn as failed. `detail` is Codex's own text, which may quote content. `status` is the provider's HTTP
 * status, if Codex reports one.
 */
export class TurnFailed extends make<TurnFailed>()(
  "TurnFailed",
  {
    reason: TurnFailedReason,
    detail: Schema.String,
    status: Schema.optionalKey(Schema.Int),
    /** How long the provider asked to wait. */
    retryAfterMillis: Schema.optionalKey(Schema.Finite),
    /**
     * For `UsageLimit`: when the limit resets, in milliseconds since the epoch, if Codex's text says so. Codex cuts the
     * seconds. `Retry.untilReset` waits for it.
     */
    resetsAt: Schema.optionalKey(Schema.Finite)
  },
  ({ reason, resetsAt, retryAfterMillis, status }) => {
    const { message, ...failure } = turnFailures[reason]
    const reset = resetsAt === undefined ? "" : `; it resets at ${resetText(resetsAt)}`
    return {
      ...failure,
      retryAfter: retryAfterMillis === undefined ? undefined : Duration.millis(retryAfterMillis),
      message: `${message}${reset}${status === undefined ? "" : ` (HTTP ${status})`}`
    }
  }
) {}

/** The engine stopped sending events in the middle of a turn, or did not end it. */
export class TurnStalled extends make<TurnStalled>()(
  "TurnStalled",
  { detail: Schema.String },
  ({ detail }) => ({ class: "engine", retryable: true, message: detail })
) {}

/** The turn exceeded its timeout and was interrupted. */
export class TurnTimedOut extends make<TurnTimedOut>()(
  "TurnTimedOut",
  { timeoutMillis: Schema.Finite },
  ({ timeoutMillis }) => ({
    class: "timeout",
    retryable: false,
    message: `the turn did not end within ${Duration.format(Duration.millis(timeoutMillis))}; give it a longer timeout`
  })
) {}

/** The command of `codex.exec` exceeded its timeout and was ended. */
export class CommandTimedOut extends make<CommandTimedOut>()(
  "CommandTimedOut",
  { timeoutMillis: Schema.Finite },
  ({ timeoutMillis }) => ({
    class: "timeout",
    retryable: false,
    message: `the command did not end within ${Duration.format(Duration.millis(timeoutMillis))}; give it a longer timeout`
  })
) {}

const interrupters = { caller: "the caller", policy: "an approval policy", codex: "codex" }

/**
 * The caller (`thread.interrupt`), a policy's `cancel` or Codex interrupted the turn. A fiber that is interrupted ends as
 * interrupted instead, not with this error.
 */
export class TurnInterrupted extends make<TurnInterrupted>()(
  "TurnInterrupted",
  { by: Schema.Literals(["caller", "policy", "codex"]) },
  ({ by }) => ({ class: "aborted", retryable: false, message: `${interrupters[by]} stopped the turn` })
) {}

export const AttachmentReason = Schema.Literals([
  "NotFound",
  "NotAFile",
  "Symlink",
  "OutsideRoot",
  "BadName",
  "TooLarge",
  "TypeNotAllowed",
  "Changed",
  "Unreadable",
  "StorageFailed",
  "AgentWritable"
])
export type AttachmentReason = typeof AttachmentReason.Type

const attachmentReasons: { readonly [Reason in AttachmentReason]: string } = {
  NotFound: "there is no such file",
  NotAFile: "it is not a regular file",
  Symlink: "it is a symbolic link, or is reached through one; give the real path",
  OutsideRoot: "it is outside the directory that attachments may come from",
  BadName: "its name cannot be used; give it another one",
  TooLarge: "it is larger than attachments may be; raise the limit or send less",
  TypeNotAllowed: "files of its type are not allowed",
  Changed: "it changed while it was being staged; try again when it is whole",
  Unreadable: "it cannot be read; check its permissions",
  StorageFailed: "it cannot be staged; check the space and permissions of the staging directory",
  AgentWritable: "the agent could replace it; stage files in a directory that the thread cannot write"
}

/** A file cannot be staged as an attachment. `path` is the caller's spelling; `detail` says what was found. */
export class AttachmentRejected extends make<AttachmentRejected>()(
  "AttachmentRejected",
  { reason: AttachmentReason, path: Schema.String, detail: Schema.String },
  ({ reason }) => ({ class: "request", retryable: false, message: attachmentReasons[reason] })
) {}

export { BudgetReason } from "./Budget.ts"

const budgetUnits = {
  Tokens: "tokens",
  Time: "milliseconds",
  ToolCalls: "tool calls",
  ModelCalls: "model calls",
  Cost: "US dollars"
} as const satisfies { readonly [Reason in BudgetReason]: string }

/** A turn, or all turns of a thread together, exceeded the budget, and the turn was interrupted. */
export class BudgetExceeded extends make<BudgetExceeded>()(
  "BudgetExceeded",
  {
    reason: BudgetReason,
    scope: Schema.Literals(["turn", "thread"]),
    /** The budget in `unit`: tokens for `Tokens`, milliseconds for `Time`, calls for `ToolCalls` and `ModelCalls`, US dollars for `Cost`. */
    limit: Schema.Finite,
    /** The use in the same unit. */
    used: Schema.Finite
  },
  ({ limit, reason, scope, used }) => ({
    class: "budget",
    retryable: false,
    message: `the ${scope} used ${reason === "Cost" ? Number(used.toFixed(4)) : Math.round(used)} of ${limit} ${budgetUnits[reason]}; give it a larger budget`
  })
) {
  /** The unit of `limit` and `used`. */
  get unit(): (typeof budgetUnits)[BudgetReason] {
    return budgetUnits[this.reason]
  }
}

/** The last message does not match the output schema. `output` is the message, `detail` the mismatch. */
export class OutputInvalid extends make<OutputInvalid>()(
  "OutputInvalid",
  { output: Schema.String, detail: Schema.String },
  () => ({
    class: "output",
    retryable: false,
    message:
      "the answer does not match the output schema; the fields `output` and `detail` of the error show why"
  })
) {}

/** One of the caller's tools failed, and its policy fails the turn with it. `detail` is the tool's error. */
export class ToolFailed extends make<ToolFailed>()(
  "ToolFailed",
  { tool: Schema.String, detail: Schema.String, retryable: Schema.Boolean },
  ({ retryable, tool }) => ({
    class: "tool",
    retryable,
    message: `the tool ${tool} failed, and the turn with it`
  })
) {}

/**
 * Every error of the library. Encode and decode errors with this schema and not with that of one class: only this one
 * writes `retryAfterMs` and `timeoutMs`, the names that recorded errors have.
 */
export const CodexError = Schema.Union([
  CodexNotFound,
  CodexVersionUnsupported,
  EngineStartFailed,
  EngineExited,
  ProtocolError,
  InvalidRequest,
  ThreadBusy,
  AttachmentRejected,
  TurnFailed.pipe(Schema.encodeKeys({ retryAfterMillis: "retryAfterMs" })),
  TurnStalled,
  TurnTimedOut.pipe(Schema.encodeKeys({ timeoutMillis: "timeoutMs" })),
  CommandTimedOut.pipe(Schema.encodeKeys({ timeoutMillis: "timeoutMs" })),
  TurnInterrupted,
  BudgetExceeded,
  OutputInvalid,
  ToolFailed
])
export type CodexError = typeof CodexError.Type

/** Errors of opening a thread. */
export type StartError =
  | CodexNotFound
  | CodexVersionUnsupported
  | EngineStartFailed
  | EngineExited
  | ProtocolError
  | InvalidRequest
  | ThreadBusy

/** Errors of a request to the engine. */
export type RequestError = EngineExited | ProtocolError | InvalidRequest | ThreadBusy

/** Errors of a turn. The library restarts an engine that ended for the next turn, so start errors are among them. */
export type TurnError =
  | StartError
  | AttachmentRejected
  | TurnFailed
  | TurnStalled
  | TurnTimedOut
  | TurnInterrupted
  | BudgetExceeded
  | OutputInvalid
  | ToolFailed

/** Whether a value is an error of the library. */
export const isCodexError = Schema.is(CodexError)

/** The exit code of a command line that fails with this error. */
export const exitCode = (error: CodexError): number => {
  switch (error._tag) {
    case "CodexNotFound":
    case "CodexVersionUnsupported":
    case "EngineStartFailed":
      return 3
    case "TurnTimedOut":
    case "CommandTimedOut":
      return 124
    case "TurnInterrupted":
      return 130
    default:
      return 1
  }
}

/**
 * @internal Adds the turn to an error. The constructor decodes its fields, and so would copy every item of the turn: a turn
 * that ran for hours would block the event loop. The turn is therefore set afterwards.
 */
export const withTurn = (error: TurnError, turn: Turn.Turn): TurnError => {
  const { turn: _, ...fields } = error
  const added = { threadId: turn.threadId, ...(turn.id === "" ? {} : { turnId: turn.id }) }
  const copy: TurnError = Reflect.construct(error.constructor, [{ ...fields, ...added }])
  return Object.assign(copy, { turn })
}
