/** Maps Codex's errors of turns and requests to this library's errors. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as CodexError from "../../domain/CodexError.ts"
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
const decodeErrorBody = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ error: Schema.Struct({ message: Schema.String }) }))
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

// Codex reports a broken stream and an error body of the provider both as "other"; only the text distinguishes them.
const otherReason = (detail: string): CodexError.TurnFailedReason => {
  if (/stream (?:disconnected|closed)|connection (?:closed|reset|refused)|idle timeout/i.test(detail))
    return "Disconnected"
  return Option.isSome(decodeErrorBody(detail)) ? "BadRequest" : "Other"
}

/** Whether a turn ends after this error if Codex does not retry. */
export const endsTurn = (wire: typeof Protocol.TurnError.Type): boolean =>
  !nonFatalErrors.has(infoOf(wire.codexErrorInfo).name)

/** Classifies Codex's error of a turn. Without `origin`, it does not know when a limit resets. */
export const classify = (
  wire: typeof Protocol.TurnError.Type,
  origin?: ResetTime.TextOrigin
): CodexError.TurnFailed => {
  const { name, status } = infoOf(wire.codexErrorInfo)
  const detail = [wire.message, wire.additionalDetails ?? ""].filter((part) => part !== "").join(": ")
  const reason =
    (status === undefined ? undefined : statusReason(status)) ?? reasons.get(name) ?? otherReason(detail)
  const retryAfterMillis = ResetTime.waitMillis(detail)
  const resetsAt = reason === "UsageLimit" ? ResetTime.resetsAt(detail, origin) : undefined
  return new CodexError.TurnFailed({
    reason,
    detail,
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }),
    ...(resetsAt === undefined ? {} : { resetsAt })
  })
}

/** Maps the error of a request about a thread. `end` returns why the process ended. */
export const fromRpcError = (
  method: string,
  error: JsonRpcConnection.RpcRequestError,
  end: () => CodexError.EngineExited | CodexError.ProtocolError,
  threadId?: ThreadId
): CodexError.RequestError => {
  switch (error._tag) {
    case "ConnectionClosed":
      return end()
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
      const reason = error.inputTooLarge
        ? "InputTooLarge"
        : /thread not (?:found|loaded)|no rollout found|not found: thread/i.test(error.text)
          ? "ThreadNotFound"
          : error.code === -32602
            ? "BadParams"
            : "Rejected"
      return new CodexError.InvalidRequest({ reason, method, detail: error.text })
    }
  }
}
