/**
 * What holds for every request before a route sees it: the server is meant, no other web page sent it, and its sender is known and
 * sends not too much. Every response forbids frames, foreign scripts and caches.
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { unhandled } from "effect/Types"
import type { ErrorBody } from "../http/HttpError.ts"
import * as HostHeader from "../internal/HostHeader.ts"
import * as CallerLimits from "./CallerLimits.ts"
import { CurrentCaller } from "./Role.ts"
import type { Sessions } from "./Sessions.ts"

export interface GuardOptions {
  /** Names of the server besides loopback names. */
  readonly allowedHosts: ReadonlyArray<string>
  /** Whether the server listens on other interfaces than loopback. */
  readonly anyAddress: boolean
  readonly rate: CallerLimits.RateOptions
  /** The same for all senders of an address that have no valid secret. */
  readonly anonymousRate: CallerLimits.RateOptions
}

export const defaultRates = {
  rate: { burst: 200, perSecond: 50 },
  anonymousRate: { burst: 100, perSecond: 20 }
}

/**
 * Scripts and styles come from this server only, and none is in the page itself. Nothing can put the page into a frame, and no
 * text becomes markup: the page assigns no HTML, and Trusted Types make the browser refuse it.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'"
].join("; ")

export const responseHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": contentSecurityPolicy,
  "x-frame-options": "DENY",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "cache-control": "no-store"
}

const refuse = (status: number, error: ErrorBody) => HttpServerResponse.jsonUnsafe(error, { status })

const refusal = (error: string, message: string, retryable = false): ErrorBody => ({
  error,
  class: "request",
  message,
  retryable
})

const misdirected = refusal(
  "MisdirectedRequest",
  "this server is not known by the name in the Host header; start it with --allow-host NAME"
)
const foreign = refusal("ForeignOrigin", "another web page sent this request")
const tooMany = refusal("TooManyRequests", "too many requests; send fewer", true)
const notFound = refusal("NotFound", "there is nothing at this address")

const isNotFound = (error: unknown): boolean =>
  HttpServerError.isHttpServerError(error) && error.reason._tag === "RouteNotFound"

/**
 * Whether the page of another origin sent a request. A browser names the origin of every request that writes or crosses origins,
 * and how the request came about. A link to the page itself is the only thing that another page may have.
 */
export const isForeign = (
  headers: Readonly<Record<string, string | undefined>>,
  request: { readonly method: string; readonly url: string }
): boolean => {
  const { host = "", origin } = headers
  // A proxy may end TLS, so the scheme says nothing. The host has the port, which tells servers of one machine apart.
  if (origin !== undefined && !/^https?:\/\//.test(origin)) return true
  if (origin !== undefined && origin.replace(/^https?:\/\//, "").toLowerCase() !== host.toLowerCase())
    return true
  const site = headers["sec-fetch-site"]
  if (site === undefined || site === "same-origin" || site === "none") return false
  return !(
    request.method === "GET" &&
    request.url === "/" &&
    headers["sec-fetch-mode"] === "navigate" &&
    headers["sec-fetch-dest"] === "document"
  )
}

/** Returns the secret that a request carries. It is in a header only: an address ends up in logs and histories. */
export const secretOf = (authorization: string | undefined): string | undefined =>
  /^Bearer ([\w-]{1,200})$/i.exec(authorization ?? "")?.[1]

/** The guard of all routes. It provides `CurrentCaller`. */
export const layer = (options: GuardOptions, sessions: Sessions) =>
  HttpRouter.middleware(
    Effect.map(Clock.Clock, (clock) => {
      const takeKnown = CallerLimits.makeRate(options.rate)
      const takeAnonymous = CallerLimits.makeRate(options.anonymousRate)

      return (app: Effect.Effect<HttpServerResponse.HttpServerResponse, unhandled>) =>
        Effect.gen(function* () {
          const request = yield* HttpServerRequest.HttpServerRequest
          const accepted = HostHeader.accepts(NodeHttpServerRequest.toIncomingMessage(request), {
            allowed: options.allowedHosts,
            anyAddress: options.anyAddress
          })
          if (!accepted) return refuse(HostHeader.status, misdirected)
          if (isForeign(request.headers, request)) return refuse(403, foreign)
          const secret = secretOf(request.headers["authorization"])
          const address = Option.getOrElse(request.remoteAddress, () => "unknown")
          const now = clock.currentTimeMillisUnsafe()
          const caller = secret === undefined ? undefined : yield* sessions.identify(secret)
          const isWithin = caller === undefined ? takeAnonymous(address, now) : takeKnown(caller.key, now)
          if (!isWithin) return refuse(429, tooMany)
          return yield* Effect.provideService(app, CurrentCaller, caller)
        }).pipe(
          Effect.catchIf(isNotFound, () => Effect.succeed(refuse(404, notFound))),
          Effect.map(HttpServerResponse.setHeaders(responseHeaders))
        )
    }),
    { global: true }
  )
