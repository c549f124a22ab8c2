/** Serves metrics to Prometheus: an HTTP endpoint that answers `/metrics` only, on loopback by default. */
import type { MetricProducer as OtelProducer } from "@opentelemetry/sdk-metrics"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as MetricProducer from "./metrics/MetricProducer.ts"
import * as Metrics from "./metrics/Metrics.ts"
import * as HostHeader from "../internal/HostHeader.ts"
import * as Redaction from "../redaction/Redaction.ts"
import * as Settings from "./config/Settings.ts"

/**
 * Address of the endpoint. Omitted fields come from the environment, then from the defaults of `PrometheusLayer`.
 * @since 0.1.0
 * @category models
 */
export interface PrometheusOptions {
  readonly host?: string | undefined
  /** 0 uses any free port; the log shows which one. */
  readonly port?: number | undefined
  readonly path?: string | undefined
  /**
   * Names of this server in requests, besides loopback names and `host`. The endpoint answers no request with another `Host`
   * header, because a web page could otherwise read the metrics (DNS rebinding).
   */
  readonly allowedHosts?: ReadonlyArray<string> | undefined
}

/** Maximum number of connections. A scrape needs one, and any user of the machine can open more. */
const maxConnections = 64

class CannotListen extends Data.TaggedError("CannotListen")<{ readonly code: string }> {}

/**
 * Serves the metrics of the registry while the layer is open, unless `OTEL_SDK_DISABLED=true`. If the address is not
 * available, the layer logs a warning and the program runs without the endpoint. Closing the layer releases the port.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Codex, Prometheus } from "effect-codex"
 *
 * const Measured = Codex.layer.pipe(
 *   Layer.provideMerge(Prometheus.layer({ host: "0.0.0.0", port: 9464, allowedHosts: ["bot.internal"] }))
 * )
 * ```
 */
export const layer = (options: PrometheusOptions): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { disabled, prometheus } = yield* Settings.CurrentSettings
      if (disabled) return Layer.empty
      const address = {
        host: toAddress(options.host ?? prometheus.host),
        port: options.port ?? prometheus.port,
        path: options.path ?? "/metrics",
        allowedHosts: options.allowedHosts ?? prometheus.allowedHosts
      }
      return Layer.effectDiscard(endpoint(address)).pipe(Layer.provideMerge(Metrics.layer))
    })
  ).pipe(Layer.provide([Settings.layer, Redaction.layerDefault]))

/**
 * Serves the metrics at `OTEL_EXPORTER_PROMETHEUS_HOST` and `_PORT`, by default http://localhost:9464/metrics.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OtlpLayer, PrometheusLayer } from "effect-codex"
 *
 * const Telemetry = Layer.merge(OtlpLayer, PrometheusLayer)
 * ```
 */
export const PrometheusLayer: Layer.Layer<never> = layer({})

// `localhost` can resolve to an IPv4 and an IPv6 address, and a server listens on one of them. Clients of `localhost` try
// both; clients of 127.0.0.1 do not, so listen on that one.
const toAddress = (host: string): string => (host === "localhost" ? "127.0.0.1" : host)

interface Address {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly allowedHosts: ReadonlyArray<string>
}

const authority = ({ host, port }: Address): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

const endpoint = (address: Address) =>
  Effect.gen(function* () {
    const producer = yield* MetricProducer.make()
    const answer = yield* makeAnswer(producer, address)
    const port = yield* listen(address, answer)
    yield* Effect.logInfo(`Metrics are served at http://${authority({ ...address, port })}${address.path}`)
  }).pipe(
    Effect.catchTag("CannotListen", ({ code }) =>
      Effect.logWarning(
        `Prometheus metrics are not served: ${authority(address)} ${
          code === "EADDRINUSE" ? "is in use by something else" : `cannot be listened on (${code})`
        }`
      )
    ),
    Effect.catchCause((cause) => Effect.logWarning("Prometheus metrics are not served", cause))
  )

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0

const makeAnswer = Effect.fnUntraced(function* (
  producer: OtelProducer,
  { allowedHosts, host, path }: Address
) {
  const hosts = { allowed: [host, ...allowedHosts], anyAddress: !HostHeader.isLoopback(host) }
  const { PrometheusSerializer } = yield* Effect.promise(() => import("@opentelemetry/exporter-prometheus"))
  const serializer = new PrometheusSerializer(undefined, false, undefined, false, true)

  const answer: Answer = (request, response) => {
    const send = (status: number, body: string, headers: Readonly<Record<string, string>> = {}) =>
      response
        .writeHead(status, { "content-type": "text/plain; charset=utf-8", ...headers })
        .end(request.method === "HEAD" ? undefined : body)
    if (!HostHeader.accepts(request, hosts))
      return void send(HostHeader.status, "this host is not allowed\n", { connection: "close" })
    if (hasBody(request)) return void send(413, "no body is expected\n", { connection: "close" })
    if (request.url?.replace(/\?.*$/s, "") !== path) return void send(404, "not found\n")
    if (request.method !== "GET" && request.method !== "HEAD") {
      return void send(405, "method not allowed\n", { allow: "GET, HEAD" })
    }
    producer
      .collect()
      .then(({ resourceMetrics }) => serializer.serialize(resourceMetrics))
      .then(
        (text) => send(200, text, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }),
        () => send(500, "the metrics cannot be read\n")
      )
  }
  return answer
})

/** Listens until the scope closes. Returns the port. */
const listen = Effect.fnUntraced(function* ({ host, port }: Address, answer: Answer) {
  const { createServer } = yield* Effect.promise(() => import("node:http"))
  const server = yield* Effect.acquireRelease(
    // A scrape is a small request: refuse large headers and slow clients.
    Effect.sync(() => {
      const limits = { maxHeaderSize: 8192, requestTimeout: 5000, connectionsCheckingInterval: 1000 }
      const server = createServer(limits, answer).unref()
      server.maxConnections = maxConnections
      return server
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return yield* Effect.callback<number, CannotListen>((resume) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(new CannotListen({ code: error.code ?? error.name })))
    )
    server.listen({ host, port }, () => {
      server.on("error", () => {})
      const address = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
    })
  })
})
