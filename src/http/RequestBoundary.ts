/** What holds for every request of the HTTP API: the size of its body, and errors with the documented body. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ByteSize from "effect/ByteSize"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpApiError from "effect/http-api/HttpApiError"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import type { unhandled } from "effect/Types"
import * as HttpError from "./HttpError.ts"
import * as HttpLimits from "./HttpLimits.ts"

type BoundaryError = HttpError.BadRequest | HttpError.PayloadTooLarge | HttpError.InternalError

/**
 * Limits the body, and gives malformed requests and defects the documented body. A defect is logged and not shown: its message
 * can contain anything.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { CodexGroup, RequestBoundary } from "effect-codex/http"
 * import { HttpApi } from "effect/http-api"
 *
 * // The same limits and error bodies for all groups of the app.
 * const Api = HttpApi.make("app").add(CodexGroup.middleware(RequestBoundary))
 * ```
 */
export class RequestBoundary extends HttpApiMiddleware.Service<RequestBoundary>()(
  "effect-codex/http/RequestBoundary",
  { error: [HttpError.BadRequest, HttpError.PayloadTooLarge, HttpError.InternalError] }
) {
  /**
   * Applies the limits of `HttpLimits.Current`.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Layer } from "effect"
   * import { HttpLimits, RequestBoundary } from "effect-codex/http"
   *
   * const Boundary = RequestBoundary.layer.pipe(
   *   Layer.provide(Layer.succeed(HttpLimits.Current, { ...HttpLimits.defaults, bodyBytes: 64 * 1024 }))
   * )
   * ```
   */
  static readonly layer: Layer.Layer<RequestBoundary> = Layer.effect(
    RequestBoundary,
    Effect.map(
      HttpLimits.Current,
      ({ bodyBytes }): RequestBoundary["Service"] =>
        (handle) =>
          handle.pipe(
            Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.fromInputUnsafe(bodyBytes)),
            Effect.catchCause((cause): Effect.Effect<never, BoundaryError | unhandled> => {
              const error = Cause.squash(cause)
              if (HttpApiError.HttpApiSchemaError.is(error) && error.kind !== "Body")
                return Effect.fail(badRequest(error))
              if (isTooLarge(error)) return Effect.fail(tooLarge(bodyBytes))
              if (Cause.hasInterruptsOnly(cause) || !Cause.hasDies(cause)) return Effect.failCause(cause)
              return Effect.andThen(
                Effect.logError("a request of the HTTP API failed", cause),
                Effect.fail(internalError())
              )
            })
          )
    )
  )
}

const isTooLarge = (error: unknown): boolean =>
  (error instanceof HttpServerError.RequestParseError && error.reason === "BodyTooLarge") ||
  (error instanceof HttpServerError.HttpServerError &&
    error.reason._tag === "RequestParseError" &&
    error.reason.reason === "BodyTooLarge")

const badRequest = ({ kind }: HttpApiError.HttpApiSchemaError) =>
  new HttpError.BadRequest({
    error: "BadRequest",
    class: "request",
    // The issue of the schema quotes the value, so the message leaves it out.
    message: `the ${kind.toLowerCase()} of the request does not have the documented form`,
    retryable: false
  })

const tooLarge = (bytes: number) =>
  new HttpError.PayloadTooLarge({
    error: "PayloadTooLarge",
    class: "request",
    message: `the body of a request has at most ${bytes} bytes`,
    retryable: false
  })

const internalError = () =>
  new HttpError.InternalError({
    error: "InternalError",
    class: "unknown",
    message: "the server failed; its log says why",
    retryable: false
  })
