/** The errors of the HTTP API: one class per status, all with the same JSON body. docs/service.md lists what has which. */
import * as Schema from "effect/Schema"
import * as CodexError from "../domain/CodexError.ts"

const body = {
  /** The `error.type`: the tag of the library's error, and its reason if it has one, such as `TurnFailed.RateLimited`. */
  error: Schema.String,
  class: CodexError.Class,
  /** What happened and what to do next. Secrets are masked; the detail that Codex gave is left out. */
  message: Schema.String,
  /** Whether the same request may succeed later. */
  retryable: Schema.Boolean,
  /** How long the provider asked to wait, in milliseconds. */
  retryAfterMs: Schema.optionalKey(Schema.Finite)
}

/**
 * 400: the request does not have the documented form.
 * @since 0.1.0
 * @category errors
 */
export class BadRequest extends Schema.TaggedError<BadRequest>()("BadRequest", body, {
  httpApiStatus: 400
}) {}
/**
 * 401: the request does not say who sends it, or the sender is unknown.
 * @since 0.1.0
 * @category errors
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", body, {
  httpApiStatus: 401
}) {}
/**
 * 403: the app does not let this user do this.
 * @since 0.1.0
 * @category errors
 */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", body, { httpApiStatus: 403 }) {}
/**
 * 404: there is no such thread, turn or request, or it belongs to another user.
 * @since 0.1.0
 * @category errors
 */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", body, { httpApiStatus: 404 }) {}
/**
 * 409: the thread runs a turn, or the request is already decided.
 * @since 0.1.0
 * @category errors
 */
export class Conflict extends Schema.TaggedError<Conflict>()("Conflict", body, { httpApiStatus: 409 }) {}
/**
 * 412: the hash of an answer belongs to another request than the one that waits.
 * @since 0.1.0
 * @category errors
 */
export class PreconditionFailed extends Schema.TaggedError<PreconditionFailed>()("PreconditionFailed", body, {
  httpApiStatus: 412
}) {}
/**
 * 413: the body or the input is too large.
 * @since 0.1.0
 * @category errors
 */
export class PayloadTooLarge extends Schema.TaggedError<PayloadTooLarge>()("PayloadTooLarge", body, {
  httpApiStatus: 413
}) {}
/**
 * 422: the request has the right form, but cannot be carried out.
 * @since 0.1.0
 * @category errors
 */
export class Unprocessable extends Schema.TaggedError<Unprocessable>()("Unprocessable", body, {
  httpApiStatus: 422
}) {}
/**
 * 429: a limit of this server or of the provider is reached.
 * @since 0.1.0
 * @category errors
 */
export class TooManyRequests extends Schema.TaggedError<TooManyRequests>()("TooManyRequests", body, {
  httpApiStatus: 429
}) {}
/**
 * 500: a fault of the server or of its configuration.
 * @since 0.1.0
 * @category errors
 */
export class InternalError extends Schema.TaggedError<InternalError>()("InternalError", body, {
  httpApiStatus: 500
}) {}
/**
 * 502: the provider or Codex failed.
 * @since 0.1.0
 * @category errors
 */
export class BadGateway extends Schema.TaggedError<BadGateway>()("BadGateway", body, {
  httpApiStatus: 502
}) {}
/**
 * 503: Codex does not start, the server is full, or it shuts down.
 * @since 0.1.0
 * @category errors
 */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", body, {
  httpApiStatus: 503
}) {}
/**
 * 504: the turn took too long.
 * @since 0.1.0
 * @category errors
 */
export class GatewayTimeout extends Schema.TaggedError<GatewayTimeout>()("GatewayTimeout", body, {
  httpApiStatus: 504
}) {}

const classes = [
  BadRequest,
  Unauthorized,
  Forbidden,
  NotFound,
  Conflict,
  PreconditionFailed,
  PayloadTooLarge,
  Unprocessable,
  TooManyRequests,
  InternalError,
  BadGateway,
  Unavailable,
  GatewayTimeout
] as const
/**
 * Any error of the HTTP API.
 * @since 0.1.0
 * @category models
 */
export type HttpError = InstanceType<(typeof classes)[number]>
/**
 * The schema of one of the errors, by name, so that declarations which contain it stay short.
 * @since 0.1.0
 * @category models
 */
export interface HttpErrorSchema extends Schema.Codec<
  HttpError,
  ErrorBody & { readonly _tag: HttpError["_tag"] }
> {}

/**
 * Every error that an endpoint can return.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { HttpError } from "effect-codex/http"
 * import { HttpApiEndpoint } from "effect/http-api"
 *
 * // An endpoint of the app's own that fails as the group does.
 * const summary = HttpApiEndpoint.get("summary", "/summary", { error: HttpError.all })
 * ```
 */
export const all: ReadonlyArray<HttpErrorSchema> = classes

const byStatus = {
  400: BadRequest,
  401: Unauthorized,
  403: Forbidden,
  404: NotFound,
  409: Conflict,
  412: PreconditionFailed,
  413: PayloadTooLarge,
  422: Unprocessable,
  429: TooManyRequests,
  500: InternalError,
  502: BadGateway,
  503: Unavailable,
  504: GatewayTimeout
} as const
/**
 * The statuses of errors.
 * @since 0.1.0
 * @category models
 */
export type ErrorStatus = keyof typeof byStatus

/**
 * The fields of an error's body.
 * @since 0.1.0
 * @category models
 */
export interface ErrorBody {
  readonly error: string
  readonly class: CodexError.Class
  readonly message: string
  readonly retryable: boolean
  readonly retryAfterMs?: number
}

/**
 * Makes the error with this status.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { HttpError } from "effect-codex/http"
 *
 * const busy = HttpError.make(503, { error: "Busy", class: "engine", message: "try again later", retryable: true })
 * ```
 */
export const make = (status: ErrorStatus, body: ErrorBody): HttpError => new byStatus[status](body)

const requestStatus = {
  ThreadNotFound: 404,
  TurnNotFound: 404,
  NoTurnRunning: 409,
  InputTooLarge: 413,
  BadParams: 400,
  Rejected: 422,
  AgentWritable: 500,
  BadConfig: 500,
  McpServerFailed: 502
} as const satisfies { readonly [Reason in CodexError.InvalidRequest["reason"]]: ErrorStatus }

const turnStatus = {
  MissingKey: 500,
  Unauthorized: 502,
  RateLimited: 429,
  UsageLimit: 429,
  ContextOverflow: 422,
  BadRequest: 502,
  ModelNotFound: 502,
  Overloaded: 503,
  ServerError: 502,
  Disconnected: 502,
  Other: 502
} as const satisfies { readonly [Reason in CodexError.TurnFailedReason]: ErrorStatus }

/**
 * Returns the status of an error of the library.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { CodexError } from "effect-codex"
 * import { HttpError } from "effect-codex/http"
 *
 * HttpError.statusOf(new CodexError.TurnInterrupted({ by: "caller" }))
 * ```
 */
export const statusOf = (error: CodexError.CodexError): ErrorStatus => {
  switch (error._tag) {
    case "InvalidRequest":
      return requestStatus[error.reason]
    case "TurnFailed":
      return turnStatus[error.reason]
    case "CodexNotFound":
    case "CodexVersionUnsupported":
    case "EngineStartFailed":
    case "EngineExited":
    case "EngineUnreachable":
    case "WorkspaceMissing":
    case "IncompatibleJournal":
    case "StateLocked":
    case "StorageUnavailable":
      return 503
    case "ThreadBusy":
    case "TurnInterrupted":
    case "KeyReused":
      return 409
    case "AttachmentRejected":
    case "BudgetExceeded":
      return 422
    case "TurnTimedOut":
    case "CommandTimedOut":
      return 504
    case "ProtocolError":
    case "TurnStalled":
    case "OutputInvalid":
    case "ToolFailed":
    case "TurnOutcomeUnknown":
    case "ToolOutcomeUnknown":
      return 502
  }
}
