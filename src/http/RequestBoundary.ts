/** What holds for every request of the HTTP API: the size of its body, and errors with the documented body. */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ByteSize from "effect/ByteSize"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpApiError from "effect/http-api/HttpApiError"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import type { unhandled } from "effect/Types"
import * as HttpError from "./HttpError.ts"
import * as HttpLimits from "./HttpLimits.ts"
import * as JsonSize from "./JsonSize.ts"

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
      ({ bodyBytes, bodyDepth, bodyValues }): RequestBoundary["Service"] =>
        (handle) =>
          handle.pipe(
            Effect.updateService(HttpServerRequest.HttpServerRequest, (request) =>
              withCheckedText(request, { depth: bodyDepth, values: bodyValues })
            ),
            Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.fromInputUnsafe(bodyBytes)),
            Effect.catchCause((cause): Effect.Effect<never, BoundaryError | unhandled> => {
              const error = Cause.squash(cause)
              if (HttpApiError.HttpApiSchemaError.is(error) && error.kind !== "Body")
                return Effect.fail(badRequest(error))
              if (isTooLarge(error)) return Effect.fail(tooLarge(`${bodyBytes} bytes`))
              if (error instanceof TooManyValues)
                return Effect.fail(tooLarge(`${bodyValues} values, nested at most ${bodyDepth} deep`))
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

/** A JSON body has more values, or is nested deeper, than the limits allow. */
class TooManyValues extends Data.TaggedError("TooManyValues") {}

/**
 * Returns the request with a text that is checked before the endpoint parses it. Only an endpoint with a body reads the text, and
 * only after the request is authenticated.
 */
const withCheckedText = (
  request: HttpServerRequest.HttpServerRequest,
  limits: JsonSize.JsonLimits
): HttpServerRequest.HttpServerRequest =>
  Object.create(request, {
    text: {
      value: Effect.tap(
        Effect.suspend(() => request.text),
        (text) => (JsonSize.exceeds(text, limits) ? Effect.die(new TooManyValues()) : Effect.void)
      )
    }
  })

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

const tooLarge = (limit: string) =>
  new HttpError.PayloadTooLarge({
    error: "PayloadTooLarge",
    class: "request",
    message: `the body of a request has at most ${limit}`,
    retryable: false
  })

const internalError = () =>
  new HttpError.InternalError({
    error: "InternalError",
    class: "unknown",
    message: "the server failed; its log says why",
    retryable: false
  })
