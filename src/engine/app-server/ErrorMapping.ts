/** Maps Codex's errors of turns and requests to this library's errors. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as CodexError from "../../domain/CodexError.ts"
import * as ReasonText from "../../internal/ReasonText.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as JsonRpcConnection from "./JsonRpcConnection.ts"
import type * as Protocol from "./Protocol.ts"
import * as ResetTime from "./ResetTime.ts"

/** Failure reasons by Codex's error name. The text of the error classifies `other`. */
export const reasons: ReadonlyMap<string, CodexError.TurnFailedReason> = new Map<
  string,
  CodexError.TurnFailedReason
>([
  ["contextWindowExceeded", "ContextOverflow"],
  ["usageLimitExceeded", "UsageLimit"],
  ["sessionBudgetExceeded", "UsageLimit"],
  ["rateLimitExceeded", "RateLimited"],
  ["serverOverloaded", "Overloaded"],
  ["policyCapacityUnavailable", "Overloaded"],
  ["flexUnavailable", "Overloaded"],
  ["modelNotFound", "ModelNotFound"],
  ["internalServerError", "ServerError"],
  ["unauthorized", "Unauthorized"],
  ["badRequest", "BadRequest"],
  ["httpConnectionFailed", "Disconnected"],
  ["responseStreamConnectionFailed", "Disconnected"],
  ["responseStreamDisconnected", "Disconnected"],
  ["responseTooManyFailedAttempts", "Disconnected"],
  ["inferenceHookDenied", "Other"],
  ["cyberPolicy", "Other"],
  ["misalignmentPolicyViolation", "Other"],
  ["tooManyDenials", "Other"],
  ["sandboxError", "Other"]
])

/** Names of errors that concern a request made during the turn; the turn itself continues. */
export const nonFatalErrors: ReadonlySet<string> = new Set(["activeTurnNotSteerable", "threadRollbackFailed"])

/** Returns the failure reason for an HTTP status of the model provider. The status is more precise than the name. */
export const statusReason = (status: number): CodexError.TurnFailedReason | undefined => {
  if (status === 401 || status === 403) return "Unauthorized"
  if (status === 429) return "RateLimited"
  if (status === 503) return "Overloaded"
  if (status >= 500) return "ServerError"
  return status >= 400 ? "BadRequest" : undefined
}

const decodeHttpInfo = Schema.decodeUnknownOption(
  Schema.Record(
    Schema.String,
    Schema.Struct({ httpStatusCode: Schema.optionalKey(Schema.NullOr(Schema.Int)) })
  )
)
interface Info {
  readonly name: string
  readonly status: number | undefined
}

const infoOf = (info: unknown): Info => {
  if (typeof info === "string") return { name: info, status: undefined }
  const [first] = Object.entries(Option.getOrElse(decodeHttpInfo(info), () => ({})))
  if (first === undefined) return { name: "other", status: undefined }
  const [name, { httpStatusCode }] = first
  return { name, status: httpStatusCode ?? undefined }
}

// Codex reports a missing key, a broken stream and an error body of the provider as "other"; only the text distinguishes them.
const otherReason = (detail: string): CodexError.TurnFailedReason => {
  if (/^missing environment variable/i.test(detail)) return "MissingKey"
  if (/stream (?:disconnected|closed)|connection (?:closed|reset|refused)|idle timeout/i.test(detail))
    return "Disconnected"
  return ReasonText.bodyMessage(detail) === undefined ? "Other" : "BadRequest"
}

/** Whether a turn ends after this error if Codex does not retry. */
export const endsTurn = (wire: typeof Protocol.TurnError.Type): boolean =>
  !nonFatalErrors.has(infoOf(wire.codexErrorInfo).name)

/** Where the text of an error comes from. `mask` masks secrets in it. */
export interface ErrorOrigin {
  /** When the text arrived, in milliseconds since the epoch, and 0 if that is not known. */
  readonly at: number
  /** The time zone of Codex, if it is not that of this process. */
  readonly timeZone?: string | undefined
  readonly mask?: ((text: string) => string) | undefined
}

/** Classifies Codex's error of a turn. Without `origin`, it does not know when a limit resets. */
export const classify = (
  wire: typeof Protocol.TurnError.Type,
  origin?: ErrorOrigin
): CodexError.TurnFailed => {
  const { name, status } = infoOf(wire.codexErrorInfo)
  const details = wire.additionalDetails ?? ""
  // The text of a retry only counts the attempts, or says that Codex waits; the reason is in the details.
  const message = details !== "" && /^reconnecting\b[^:]*$/i.test(wire.message) ? "" : wire.message
  const detail = [message, details].filter((part) => part !== "").join(": ")
  const reason =
    (status === undefined ? undefined : statusReason(status)) ??
    (/currently experiencing high demand/i.test(detail) ? "ServerError" : undefined) ??
    reasons.get(name) ??
    otherReason(detail)
  const retryAfterMillis = ResetTime.waitMillis(detail)
  const resetsAt =
    reason === "UsageLimit"
      ? ResetTime.resetsAt(detail, origin && { at: origin.at, timeZone: origin.timeZone })
      : undefined
  return new CodexError.TurnFailed({
    reason,
    detail: origin?.mask?.(detail) ?? detail,
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }),
    ...(resetsAt === undefined ? {} : { resetsAt })
  })
}

/** Maps the error of a request about a thread. `end` returns why the process ended. */
export const fromRpcError = (
  method: string,
  error: JsonRpcConnection.RpcRequestError,
  end: () => CodexError.EngineExited | CodexError.EngineUnreachable | CodexError.ProtocolError,
  threadId?: ThreadId
): CodexError.RequestError => {
  switch (error._tag) {
    case "ConnectionClosed":
      return end()
    case "RequestRefused":
      return new CodexError.InvalidRequest({
        reason: "Rejected",
        method,
        detail: "the caller refused to send it"
      })
    case "RequestTimeout":
      return new CodexError.ProtocolError({ detail: `codex app-server did not answer ${method} in time` })
    case "RpcError": {
      const { text } = error
      // Codex has no code for it (openai/codex#40571).
      if (/already has an active writer/i.test(text))
        return new CodexError.ThreadBusy({
          method,
          detail: text,
          ...(threadId === undefined ? {} : { threadId })
        })
      return new CodexError.InvalidRequest({ reason: requestReason(error), method, detail: text })
    }
  }
}

/** Texts of Codex that have no code of their own. */
const requestTexts: ReadonlyArray<readonly [text: RegExp, reason: CodexError.InvalidRequestReason]> = [
  [/thread not (?:found|loaded)|no rollout found|not found: thread/i, "ThreadNotFound"],
  [/failed to load configuration/i, "BadConfig"],
  [/required MCP servers failed to initialize/i, "McpServerFailed"]
]

const requestReason = ({
  code,
  inputTooLarge,
  text
}: JsonRpcConnection.RpcError): CodexError.InvalidRequestReason =>
  inputTooLarge
    ? "InputTooLarge"
    : (requestTexts.find(([pattern]) => pattern.test(text))?.[1] ??
      (code === -32602 ? "BadParams" : "Rejected"))

/** Reasons of a start that failed, by the text that Codex writes before it ends. */
const startTexts: ReadonlyArray<readonly [text: RegExp, reason: "BadHome" | "BadConfig"]> = [
  [/CODEX_HOME points to|failed to initialize sqlite state|\(os error (?:13|28|30)\)/, "BadHome"],
  [/failed to load configuration|error loading config|config\.toml|failed to parse overrides/i, "BadConfig"]
]

/** A shell and the dynamic linker end with these codes if they cannot run a program. */
const cannotRun: ReadonlySet<number | undefined> = new Set([126, 127])

/** Returns the error of a process that ended while it started. */
export const startFailed = (
  end: CodexError.EngineExited | CodexError.EngineUnreachable | CodexError.ProtocolError,
  paths: { readonly binary: string; readonly home: string }
): CodexError.EngineStartFailed => {
  if (end._tag !== "EngineExited")
    return new CodexError.EngineStartFailed({ reason: "Exited", detail: end.detail })
  const { code, stderr: detail } = end
  const reason = startTexts.find(([pattern]) => pattern.test(detail))?.[1]
  if (reason === "BadHome") return new CodexError.EngineStartFailed({ reason, detail, path: paths.home })
  if (reason !== undefined) return new CodexError.EngineStartFailed({ reason, detail })
  return cannotRun.has(code)
    ? new CodexError.EngineStartFailed({ reason: "NotExecutable", detail, path: paths.binary })
    : new CodexError.EngineStartFailed({ reason: "Exited", detail })
}
