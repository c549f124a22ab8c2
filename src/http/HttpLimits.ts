/** The limits of the HTTP API for one server. */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"

/**
 * The limits of the HTTP API. A request beyond one of them fails with the status 413 or 429.
 * @since 0.1.0
 * @category models
 */
export interface HttpLimits {
  /** Maximum size of a request body in bytes. Default: 1 MiB. */
  readonly bodyBytes: number
  /** Maximum number of values in a JSON body: elements, properties, objects and arrays. Default: 10,000. */
  readonly bodyValues: number
  /** How deep arrays and objects in a JSON body may be nested. Default: 64. */
  readonly bodyDepth: number
  /** Maximum number of turns that run at the same time. Default: 50. */
  readonly turns: number
  /** The same for one user. Default: 5. */
  readonly turnsPerUser: number
  /** Maximum number of open event streams, and of requests that wait for an approval request. Default: 200. */
  readonly streams: number
  /** The same for one user. Default: 20. */
  readonly streamsPerUser: number
  /** How many bytes of the events of one turn the server keeps for clients that are slow or reconnect. Default: 1 MiB. */
  readonly replayBytes: number
  /** After how long without an event a stream sends a comment, so that proxies keep it open. Default: 15 seconds. */
  readonly heartbeat: Duration.Input
}

/**
 * The default limits.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { HttpLimits } from "effect-codex/http"
 *
 * const generous = { ...HttpLimits.defaults, turnsPerUser: HttpLimits.defaults.turnsPerUser * 2 }
 * ```
 */
export const defaults: HttpLimits = {
  bodyBytes: 1024 * 1024,
  bodyValues: 10_000,
  bodyDepth: 64,
  turns: 50,
  turnsPerUser: 5,
  streams: 200,
  streamsPerUser: 20,
  replayBytes: 1024 * 1024,
  heartbeat: "15 seconds"
}

/**
 * The limits in effect.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { HttpLimits } from "effect-codex/http"
 *
 * const Limits = Layer.succeed(HttpLimits.Current, { ...HttpLimits.defaults, bodyBytes: 64 * 1024 })
 * ```
 */
export const Current = Context.Reference<HttpLimits>("effect-codex/http/HttpLimits", {
  defaultValue: () => defaults
})
