/** All errors of the library, as one tagged union with class and retryability. */
import * as Schema from "effect/Schema"
import * as ReasonText from "../internal/ReasonText.ts"
import { BudgetReason } from "./Budget.ts"
import {
  IncompatibleJournal,
  ToolOutcomeUnknown,
  TurnOutcomeUnknown,
  WorkspaceMissing
} from "./DurableErrors.ts"
import {
  CodexNotFound,
  CodexVersionUnsupported,
  EngineExited,
  EngineStartFailed,
  EngineUnreachable,
  InvalidRequest,
  ProtocolError,
  ThreadBusy
} from "./EngineErrors.ts"
import { make } from "./ErrorClass.ts"
import { KeyReused, StateLocked, StorageUnavailable } from "./StorageErrors.ts"
import type * as Turn from "./Turn.ts"
import { CommandTimedOut, TurnFailed, TurnInterrupted, TurnStalled, TurnTimedOut } from "./TurnErrors.ts"

export * from "./DurableErrors.ts"
export * from "./EngineErrors.ts"
export { Class, type ErrorClass, type ErrorInfo } from "./ErrorClass.ts"
export * from "./StorageErrors.ts"
export * from "./TurnErrors.ts"

/**
 * Why a file cannot be staged.
 * @since 0.1.0
 * @category schemas
 */
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

const attachmentReasons: {
  readonly [Reason in AttachmentReason]: readonly [reason: string, nextStep: string]
} = {
  NotFound: ["there is no such file", "give the path of a file that exists"],
  NotAFile: ["it is not a regular file", "give the path of a regular file"],
  Symlink: ["it is a symbolic link, or is reached through one", "give the real path"],
  OutsideRoot: [
    "it is outside the directory that attachments may come from",
    "copy it there, or allow its directory"
  ],
  BadName: ["its name cannot be used", "give it another name"],
  TooLarge: ["it is larger than attachments may be", "raise the limit, or send less"],
  TypeNotAllowed: ["files of its type are not allowed", "allow the type, or convert the file"],
  Changed: ["it changed while it was being staged", "try again when it is completely written"],
  Unreadable: ["it cannot be read", "check its permissions"],
  StorageFailed: ["it cannot be staged", "check the space and permissions of the staging directory"],
  AgentWritable: ["the agent could replace it", "stage files in a directory that the thread cannot write"]
}

/**
 * A file cannot be staged as an attachment. `path` is the caller's spelling; `detail` says what was found.
 * @since 0.1.0
 * @category errors
 */
export class AttachmentRejected extends make<AttachmentRejected>()(
  "AttachmentRejected",
  { reason: AttachmentReason, path: Schema.String, detail: Schema.String },
  ({ detail, path, reason }) => {
    const [found, nextStep] = attachmentReasons[reason]
    const more = ReasonText.reason(detail)
    return {
      class: "request",
      retryable: false,
      happened: `cannot attach ${ReasonText.quoted(path)}`,
      reason: more === "" || more === found ? found : `${found} (${more})`,
      nextStep
    }
  }
) {}

export { BudgetReason } from "./Budget.ts"

const budgetUnits = {
  Tokens: "tokens",
  Time: "milliseconds",
  ToolCalls: "tool calls",
  ModelCalls: "model calls",
  Cost: "US dollars"
} as const satisfies { readonly [Reason in BudgetReason]: string }

/**
 * A turn, or all turns of a thread together, exceeded the budget, and the turn was interrupted.
 * @since 0.1.0
 * @category errors
 */
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
    happened: `the ${scope} used ${reason === "Cost" ? Number(used.toFixed(4)) : Math.round(used)} of ${limit} ${budgetUnits[reason]}`,
    nextStep: "give it a larger budget"
  })
) {
  /** The unit of `limit` and `used`. */
  get unit(): (typeof budgetUnits)[BudgetReason] {
    return budgetUnits[this.reason]
  }
}

/**
 * The last message does not match the output schema. `output` is the message, `detail` the mismatch.
 * @since 0.1.0
 * @category errors
 */
export class OutputInvalid extends make<OutputInvalid>()(
  "OutputInvalid",
  { output: Schema.String, detail: Schema.String },
  () => ({
    class: "output",
    retryable: false,
    happened: "the answer does not match the output schema",
    nextStep: "see the fields `output` and `detail` of the error, and simplify the schema or the task"
  })
) {}

/**
 * One of the caller's tools failed, and its policy fails the turn with it. `detail` is the tool's error.
 * @since 0.1.0
 * @category errors
 */
export class ToolFailed extends make<ToolFailed>()(
  "ToolFailed",
  { tool: Schema.String, detail: Schema.String, retryable: Schema.Boolean },
  ({ detail, retryable, tool }) => ({
    class: "tool",
    retryable,
    happened: `the tool ${tool} failed, and the turn with it`,
    reason: ReasonText.reason(detail),
    nextStep: "correct the tool or its input, or give the failure to the model"
  })
) {}

/**
 * Every error of the library. Encode and decode errors with this schema and not with that of one class: only this one
 * writes `retryAfterMs` and `timeoutMs`, the names that recorded errors have.
 * @since 0.1.0
 * @category schemas
 */
export const CodexError = Schema.Union([
  CodexNotFound,
  CodexVersionUnsupported,
  EngineStartFailed,
  EngineExited,
  EngineUnreachable,
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
  ToolFailed,
  TurnOutcomeUnknown,
  ToolOutcomeUnknown,
  WorkspaceMissing,
  IncompatibleJournal,
  StateLocked,
  StorageUnavailable,
  KeyReused
])
export type CodexError = typeof CodexError.Type

/**
 * Errors of opening a thread.
 * @since 0.1.0
 * @category models
 */
export type StartError =
  | CodexNotFound
  | CodexVersionUnsupported
  | EngineStartFailed
  | EngineExited
  | EngineUnreachable
  | ProtocolError
  | InvalidRequest
  | ThreadBusy

/**
 * Errors of a request to the engine.
 * @since 0.1.0
 * @category models
 */
export type RequestError = EngineExited | EngineUnreachable | ProtocolError | InvalidRequest | ThreadBusy

/**
 * Errors of a turn. The library restarts an engine that ended for the next turn, so start errors are among them.
 * @since 0.1.0
 * @category models
 */
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
  | ToolOutcomeUnknown
  | StorageUnavailable

/**
 * Whether a value is an error of the library.
 * @since 0.1.0
 * @category guards
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { CodexError } from "effect-codex"
 *
 * const orUndefined = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
 *   Effect.catchIf(effect, CodexError.isCodexError, (error) =>
 *     Effect.as(Effect.logWarning(error.message), undefined)
 *   )
 * ```
 */
export const isCodexError = Schema.is(CodexError)

/**
 * The exit code of a command line that fails with this error.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Console, Effect } from "effect"
 * import { Codex, CodexError } from "effect-codex"
 *
 * const program = Codex.use(({ startThread }) => startThread()).pipe(
 *   Effect.flatMap((thread) => thread.run("Fix the build")),
 *   Effect.scoped,
 *   Effect.catch((error) =>
 *     Effect.andThen(
 *       Console.error(error.message),
 *       Effect.sync(() => (process.exitCode = CodexError.exitCode(error)))
 *     )
 *   )
 * )
 * ```
 */
export const exitCode = (error: CodexError): number => {
  switch (error._tag) {
    case "CodexNotFound":
    case "CodexVersionUnsupported":
    case "EngineStartFailed":
    case "StateLocked":
    case "StorageUnavailable":
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
