/** Every way in which something can end otherwise than asked for: one union, each error classified. */
import { BudgetReason } from "./Budget.ts"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { ThreadId, TurnId } from "./Ids.ts"
import * as Turn from "./Turn.ts"

/** What kind of trouble it is, for routing, alerting and retrying. */
export const Class = Schema.Literals([
  "config",
  "engine",
  "protocol",
  "request",
  "auth",
  "transient",
  "quota",
  "timeout",
  "aborted",
  "budget",
  "output",
  "tool",
  "unknown"
])
export type Class = typeof Class.Type

/** Where it happened and what was there by then, usage included. */
const where = {
  threadId: Schema.optionalKey(ThreadId),
  turnId: Schema.optionalKey(TurnId),
  turn: Schema.optionalKey(Turn.Turn)
}

/** There is no codex to run. */
export class CodexNotFound extends Schema.TaggedError<CodexNotFound>()("CodexNotFound", {
  tried: Schema.Array(Schema.String),
  ...where
}) {
  readonly class = "config" as const
  readonly retryable = false
  readonly retryAfter: Duration.Duration | undefined = undefined
  readonly errorType: string = this._tag
  override get message() {
    return `CodexNotFound: no codex binary (tried ${this.tried.join(", ")}); install @openai/codex or set CODEX_PATH`
  }
}

/** The codex that was found is older than the oldest one tested. */
export class CodexVersionUnsupported extends Schema.TaggedError<CodexVersionUnsupported>()(
  "CodexVersionUnsupported",
  {
    version: Schema.String,
    minimum: Schema.String,
    path: Schema.String,
    ...where
  }
) {
  readonly class = "config" as const
  readonly retryable = false
  readonly retryAfter: Duration.Duration | undefined = undefined
  readonly errorType: string = this._tag
  override get message() {
    return `CodexVersionUnsupported: codex ${this.version} at "${this.path}" is older than ${this.minimum}; install a newer @openai/codex`
  }
}

/** The engine did not come up. `detail` is the end of what it said on stderr. */
export class EngineStartFailed extends Schema.TaggedError<EngineStartFailed>()("EngineStartFailed", {
  reason: Schema.Literals(["Timeout", "Exited", "Rejected"]),
  detail: Schema.String,
  ...where
}) {
  readonly class = "engine" as const
  readonly retryable = true
  readonly retryAfter: Duration.Duration | undefined = undefined
  readonly errorType: string = `${this._tag}.${this.reason}`
  override get message() {
    const what = {
      Timeout: "codex app-server did not answer in time",
      Exited: "codex app-server ended while starting",
      Rejected: "codex app-server refused to start a session"
    }
    return `EngineStartFailed: ${what[this.reason]}; run \`codex app-server\` by hand to see why`
  }
}

/** The engine's process ended while it was needed. `stderr` is the end of what it said. */
export class EngineExited extends Schema.TaggedError<EngineExited>()("EngineExited", {
  code: Schema.optionalKey(Schema.Int),
  signal: Schema.optionalKey(Schema.String),
  stderr: Schema.String,
  ...where
}) {
  readonly class = "engine" as const
  readonly retryable = true
  readonly retryAfter: Duration.Duration | undefined = undefined
  readonly errorType: string = this._tag
  override get message() {
    const how =
      this.signal !== undefined
        ? `by ${this.signal}`
        : this.code !== undefined
          ? `with code ${this.code}`
          : ""
    return `EngineExited: codex app-server ended ${how}`.trimEnd() + "; the thread can be resumed by its id"
  }
}

/** The engine and this library no longer understand each other. */
export class ProtocolError extends Schema.TaggedError<ProtocolError>()("ProtocolError", {
  detail: Schema.String,
  ...where
}) {
  readonly class = "protocol" as const
  readonly retryable = false
  readonly retryAfter: Duration.Duration | undefined = undefined
  readonly errorType: string = this._tag
  override get message() {
    return `ProtocolError: ${this.detail}`
  }
}

/** What was asked for cannot be done as asked. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", {
  reason: Schema.Literals(["InputTooLarge", "BadParams", "ThreadNotFound", "Rejected"]),
  method: Schema.String,
  detail: Schema.String,
  ...where
}) {
  readonly class = "request" as const
  readonly retryable = false
  readonly retryAfter: Duration.Duration | undefined = undefined
  readonly errorType: string = `${this._tag}.${this.reason}`
  override get message() {
    return `InvalidRequest: ${this.method}: ${this.detail}`
  }
}

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
    readonly what: string
  }
} = {
  Unauthorized: {
    class: "auth",
    retryable: false,
    what: "the provider refused the credentials; run `codex login` or check the provider's key"
  },
  RateLimited: {
    class: "transient",
    retryable: true,
    what: "the provider's rate limit is reached; try again later"
  },
  UsageLimit: { class: "quota", retryable: false, what: "the account's usage limit is reached" },
  ContextOverflow: {
    class: "request",
    retryable: false,
    what: "the conversation no longer fits the model's context; compact it or start a new thread"
  },
  BadRequest: { class: "request", retryable: false, what: "the provider refused the request" },
  ModelNotFound: { class: "config", retryable: false, what: "the provider does not know the model" },
  Overloaded: { class: "transient", retryable: true, what: "the provider is overloaded; try again later" },
  ServerError: { class: "transient", retryable: true, what: "the provider failed; try again later" },
  Disconnected: {
    class: "transient",
    retryable: true,
    what: "the connection to the provider broke; try again"
  },
  Other: { class: "unknown", retryable: false, what: "codex gave up on the turn" }
}

/**
 * Codex ended the turn as failed. `detail` is Codex's own text, which may quote content; `status` the HTTP status of
 * the provider where there was one.
 */
export class TurnFailed extends Schema.TaggedError<TurnFailed>()("TurnFailed", {
  reason: TurnFailedReason,
  detail: Schema.String,
  status: Schema.optionalKey(Schema.Int),
  /** Milliseconds that the provider asked to wait. */
  retryAfterMs: Schema.optionalKey(Schema.Finite),
  ...where
}) {
  readonly class: Class = turnFailures[this.reason].class
  readonly retryable: boolean = turnFailures[this.reason].retryable
  readonly retryAfter: Duration.Duration | undefined =
    this.retryAfterMs === undefined ? undefined : Duration.millis(this.retryAfterMs)
  readonly errorType: string = `${this._tag}.${this.reason}`
  override get message() {
    const status = this.status === undefined ? "" : ` (HTTP ${this.status})`
    return `TurnFailed: ${turnFailures[this.reason].what}${status}`
  }
}

/** The engine fell silent in the middle of a turn, or forgot to end it. */
export class TurnStalled extends Schema.TaggedError<TurnStalled>()("TurnStalled", {
  detail: Schema.String,
  ...where
}) {
  readonly class = "engine" as const
  readonly retryable = true
  readonly retryAfter: Duration.Duration | undefined = undefined
  readonly errorType: string = this._tag
  override get message() {
    return `TurnStalled: ${this.detail}`
  }
}

/** The turn took longer than it was given; it has been interrupted. */
export class TurnTimedOut extends Schema.TaggedError<TurnTimedOut>()("TurnTimedOut", {
  timeoutMs: Schema.Finite,
  ...where
}) {
  readonly class = "timeout" as const
  readonly retryable = false
  readonly retryAfter: Duration.Duration | undefined = undefined
  readonly errorType: string = this._tag
  override get message() {
    return `TurnTimedOut: the turn did not end within ${Duration.format(Duration.millis(this.timeoutMs))}; give it a longer timeout`
  }
}

/** The turn was interrupted, by a policy's `cancel` or from inside Codex. (An interrupted fiber is interrupted, not failed.) */
export class TurnInterrupted extends Schema.TaggedError<TurnInterrupted>()("TurnInterrupted", {
  by: Schema.Literals(["caller", "policy", "codex"]),
  ...where
}) {
  readonly class = "aborted" as const
  readonly retryable = false
  readonly retryAfter: Duration.Duration | undefined = undefined
  readonly errorType: string = this._tag
  override get message() {
    const who = { caller: "the caller", policy: "an approval policy", codex: "codex" }
    return `TurnInterrupted: ${who[this.by]} stopped the turn`
  }
}

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
  "StorageFailed"
])
export type AttachmentReason = typeof AttachmentReason.Type

const attachmentReasons: { readonly [Reason in AttachmentReason]: string } = {
  NotFound: "there is no such file",
  NotAFile: "it is not a regular file",
  Symlink: "it is a symbolic link, or is reached through one; give the real path",
  OutsideRoot: "it is outside the folder that attachments may come from",
  BadName: "its name cannot be used; give it another one",
  TooLarge: "it is larger than attachments may be; raise the limit or send less",
  TypeNotAllowed: "files of its type are not allowed",
  Changed: "it changed while it was being staged; try again when it is whole",
  Unreadable: "it cannot be read; check its permissions",
  StorageFailed: "it cannot be staged; check the space and permissions of the staging folder"
}

/** A file that is not fit to be sent. `path` is as the caller gave it; `detail` says what was found. */
export class AttachmentRejected extends Schema.TaggedError<AttachmentRejected>()("AttachmentRejected", {
  reason: AttachmentReason,
  path: Schema.String,
  detail: Schema.String,
  ...where
}) {
  readonly class = "request" as const
  readonly retryable = false
  readonly retryAfter: Duration.Duration | undefined = undefined
  readonly errorType: string = `${this._tag}.${this.reason}`
  override get message() {
    return `AttachmentRejected: ${attachmentReasons[this.reason]}`
  }
}

export { BudgetReason } from "./Budget.ts"

const budgetReasons: { readonly [Reason in BudgetReason]: string } = {
  Tokens: "tokens",
  Time: "milliseconds",
  ToolCalls: "tool calls",
  ModelCalls: "model calls"
}

/**
 * A turn, or all turns of a thread together, used more than they were given, and the turn was interrupted. `limit` and
 * `used` are in tokens, milliseconds or calls.
 */
export class BudgetExceeded extends Schema.TaggedError<BudgetExceeded>()("BudgetExceeded", {
  reason: BudgetReason,
  scope: Schema.Literals(["turn", "thread"]),
  limit: Schema.Finite,
  used: Schema.Finite,
  ...where
}) {
  readonly class = "budget" as const
  readonly retryable = false
  readonly retryAfter: Duration.Duration | undefined = undefined
  readonly errorType: string = `${this._tag}.${this.reason}`
  override get message() {
    const what = budgetReasons[this.reason]
    return `BudgetExceeded: the ${this.scope} used ${Math.round(this.used)} of ${this.limit} ${what}; give it a larger budget`
  }
}

/** The last message is not what the output schema asks for. `output` is what came, `detail` what is wrong with it. */
export class OutputInvalid extends Schema.TaggedError<OutputInvalid>()("OutputInvalid", {
  output: Schema.String,
  detail: Schema.String,
  ...where
}) {
  readonly class = "output" as const
  readonly retryable = false
  readonly retryAfter: Duration.Duration | undefined = undefined
  readonly errorType: string = this._tag
  override get message() {
    return "OutputInvalid: the answer does not fit the output schema; its fields `output` and `detail` say how"
  }
}

/** A tool of the caller's failed, and its policy is that the turn fails with it. `detail` is what it failed with. */
export class ToolFailed extends Schema.TaggedError<ToolFailed>()("ToolFailed", {
  tool: Schema.String,
  detail: Schema.String,
  retryable: Schema.Boolean,
  ...where
}) {
  readonly class = "tool" as const
  readonly retryAfter: Duration.Duration | undefined = undefined
  readonly errorType: string = this._tag
  override get message() {
    return `ToolFailed: the tool ${this.tool} failed, and the turn with it`
  }
}

export const CodexError = Schema.Union([
  CodexNotFound,
  CodexVersionUnsupported,
  EngineStartFailed,
  EngineExited,
  ProtocolError,
  InvalidRequest,
  AttachmentRejected,
  TurnFailed,
  TurnStalled,
  TurnTimedOut,
  TurnInterrupted,
  BudgetExceeded,
  OutputInvalid,
  ToolFailed
])
export type CodexError = typeof CodexError.Type

/** Why a thread could not be opened. */
export type StartError =
  | CodexNotFound
  | CodexVersionUnsupported
  | EngineStartFailed
  | EngineExited
  | ProtocolError
  | InvalidRequest

/** Why something that was asked of the engine was not done. */
export type RequestError = EngineExited | ProtocolError | InvalidRequest

/** Why a turn did not complete; an engine that died is started again for the next turn, which may fail as well. */
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

export const isCodexError = Schema.is(CodexError)

/** The exit code that a command line gives for an error. */
export const exitCode = (error: CodexError): number => {
  switch (error._tag) {
    case "CodexNotFound":
    case "CodexVersionUnsupported":
    case "EngineStartFailed":
      return 3
    case "TurnTimedOut":
      return 124
    case "TurnInterrupted":
      return 130
    default:
      return 1
  }
}

/** The same error with what was there when the turn ended. */
export const withTurn = (error: TurnError, turn: Turn.Turn): TurnError => {
  const found = { threadId: turn.threadId, ...(turn.id === "" ? {} : { turnId: turn.id }), turn }
  switch (error._tag) {
    case "CodexNotFound":
      return new CodexNotFound({ ...error, ...found })
    case "CodexVersionUnsupported":
      return new CodexVersionUnsupported({ ...error, ...found })
    case "EngineStartFailed":
      return new EngineStartFailed({ ...error, ...found })
    case "EngineExited":
      return new EngineExited({ ...error, ...found })
    case "ProtocolError":
      return new ProtocolError({ ...error, ...found })
    case "InvalidRequest":
      return new InvalidRequest({ ...error, ...found })
    case "TurnFailed":
      return new TurnFailed({ ...error, ...found })
    case "TurnStalled":
      return new TurnStalled({ ...error, ...found })
    case "TurnTimedOut":
      return new TurnTimedOut({ ...error, ...found })
    case "TurnInterrupted":
      return new TurnInterrupted({ ...error, ...found })
    case "AttachmentRejected":
      return new AttachmentRejected({ ...error, ...found })
    case "BudgetExceeded":
      return new BudgetExceeded({ ...error, ...found })
    case "OutputInvalid":
      return new OutputInvalid({ ...error, ...found })
    case "ToolFailed":
      return new ToolFailed({ ...error, ...found })
  }
}
