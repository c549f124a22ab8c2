/** Turns errors of the library into errors of `effect/ai`. */
import * as DateTime from "effect/DateTime"
import * as AiError from "effect/ai/AiError"
import type * as CodexError from "../domain/CodexError.ts"

/**
 * What the metadata of an `AiError` says about the error of this library.
 * @since 0.1.0
 * @category errors
 */
export type CodexErrorMetadata = {
  /** The `error.type` of this library, for example `TurnFailed.RateLimited`. */
  readonly errorType: string
  readonly class: CodexError.ErrorInfo["class"]
  readonly threadId?: string | null
  readonly turnId?: string | null
}

const metadataOf = ({ class: kind, errorType, threadId, turnId }: CodexError.CodexError) => ({
  codex: { errorType, class: kind, threadId: threadId ?? null, turnId: turnId ?? null }
})

const turnFailed = (error: CodexError.TurnFailed): AiError.AiErrorReason => {
  const metadata = metadataOf(error)
  const description = error.message
  switch (error.reason) {
    case "MissingKey":
      return new AiError.AuthenticationError({ kind: "MissingKey", description, metadata })
    case "Unauthorized":
      return new AiError.AuthenticationError({
        kind:
          error.status === 403 ? "InsufficientPermissions" : error.status === 401 ? "InvalidKey" : "Unknown",
        description,
        metadata
      })
    case "RateLimited":
      return new AiError.RateLimitError({ retryAfter: error.retryAfter, metadata })
    case "UsageLimit":
      return new AiError.QuotaExhaustedError({
        resetAt: error.resetsAt === undefined ? undefined : resetTime(error.resetsAt),
        metadata
      })
    case "ContextOverflow":
    case "BadRequest":
    case "ModelNotFound":
      return /content[_ ](policy|filter)|usage policy|invalid_prompt/i.test(error.detail)
        ? new AiError.ContentPolicyError({ description, metadata })
        : new AiError.InvalidRequestError({
            description,
            metadata,
            ...(error.reason === "ModelNotFound" ? { parameter: "model" } : {})
          })
    case "Overloaded":
    case "ServerError":
    case "Disconnected":
      return new AiError.InternalProviderError({ description, metadata })
    case "Other":
      return new AiError.UnknownError({ description, metadata })
  }
}

/** A number that is no time must not make the error throw. */
const resetTime = (millis: number): DateTime.Utc | undefined =>
  Number.isNaN(new Date(millis).getTime()) ? undefined : DateTime.makeUnsafe(millis)

const reasonOf = (error: CodexError.CodexError): AiError.AiErrorReason => {
  const metadata = metadataOf(error)
  const description = error.message
  switch (error._tag) {
    case "TurnFailed":
      return turnFailed(error)
    case "InvalidRequest":
    case "AttachmentRejected":
    case "KeyReused":
      return new AiError.InvalidRequestError({ description, metadata })
    case "OutputInvalid":
      return new AiError.StructuredOutputError({ description, responseText: error.output, metadata })
    case "EngineExited":
    case "EngineUnreachable":
    case "EngineStartFailed":
    case "ProtocolError":
    case "ThreadBusy":
    case "TurnStalled":
    case "StateLocked":
    case "StorageUnavailable":
      return error.retryable
        ? new AiError.InternalProviderError({ description, metadata })
        : new AiError.UnknownError({ description, metadata })
    case "TurnTimedOut":
    case "CommandTimedOut":
    case "TurnInterrupted":
    case "BudgetExceeded":
    case "CodexNotFound":
    case "CodexVersionUnsupported":
    case "ToolFailed":
    case "TurnOutcomeUnknown":
    case "ToolOutcomeUnknown":
    case "WorkspaceMissing":
    case "IncompatibleJournal":
      return new AiError.UnknownError({ description, metadata })
  }
}

/** The method of `LanguageModel` that failed. */
export type ModelMethod = "generateText" | "streamText"

/** Makes an error with the error of this library as the cause of its reason. */
export const make = (
  method: ModelMethod,
  reason: AiError.AiErrorReason,
  cause?: unknown
): AiError.AiError => {
  // A reason has no field for a cause, so the native property of errors holds it. It is not encoded.
  if (cause !== undefined && reason.cause === undefined)
    Object.defineProperty(reason, "cause", { value: cause, configurable: true, writable: true })
  return AiError.make({ module: "CodexLanguageModel", method, reason })
}

/** Turns an error of the library into an `AiError`, whose reason has it as its cause. */
export const fromCodexError =
  (method: ModelMethod) =>
  (error: CodexError.CodexError): AiError.AiError =>
    make(method, reasonOf(error), error)

/** An option or a prompt that Codex cannot run. */
export const invalidRequest = (
  method: ModelMethod,
  parameter: string,
  description: string
): AiError.AiError => make(method, new AiError.InvalidRequestError({ parameter, description }))
