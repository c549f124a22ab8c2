/** Traces to an OpenTelemetry collector, over HTTP in JSON. */
import type { SpanProcessor } from "@opentelemetry/sdk-trace-base"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Settings from "./Settings.ts"
import * as Tracer from "./Tracer.ts"

/** What the code says about the export; what it leaves open is for the environment to say. */
export interface Options {
  /** The collector's base URL, or its URL for one signal; `http://localhost:4318` if nobody names one. */
  readonly endpoint?: string
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>>
  /** How long one export may take; more than 1.5 s is taken as 1.5 s, so that it cannot hold the process. */
  readonly timeout?: Duration.Input
}

/**
 * Exports traces unless the environment says no: `OTEL_SDK_DISABLED=true`, or a no in `CODEX_OTLP_ENABLE` or
 * `CODEX_OTEL_ENABLED`. Make it once: every call is another layer that exports by itself.
 *
 * Whatever the collector does, what this is provided to neither fails nor waits for it; closing takes 1.5 s at most.
 */
export const layer = (options: Options = {}): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.map(Settings.CurrentSettings, ({ disabled, otlp }) =>
      disabled || otlp.refused ? Layer.empty : exporter(otlp, options)
    )
  ).pipe(Layer.provide(Settings.layer))

/**
 * Exports traces if the environment asks for it: `CODEX_OTLP_ENABLE=1` or a standard `OTEL_*` endpoint. Otherwise it
 * does nothing and loads nothing. As harmless as `layer`.
 */
export const OtlpLayer: Layer.Layer<never> = Layer.unwrap(
  Effect.map(Settings.CurrentSettings, ({ otlp }) => (otlp.enabled ? exporter(otlp, {}) : Layer.empty))
).pipe(Layer.provide(Settings.layer))

const defaultEndpoint = "http://localhost:4318"

const exporter = (settings: Settings.Otlp, options: Options): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const destination =
        options.endpoint === undefined ? settings.traces : Settings.toTraces(options.endpoint)
      if (destination === "invalid") {
        yield* Effect.logWarning(
          "The OTLP endpoint is not an http or https URL: no traces are exported by OTLP"
        )
        return Layer.empty
      }
      if (destination === "unset") {
        yield* Effect.logInfo(`No OTLP endpoint is set: traces go to ${defaultEndpoint}`)
      }
      const target = {
        url: destination === "unset" ? `${defaultEndpoint}/v1/traces` : destination.url,
        headers: yield* toHeaders(options.headers ?? settings.headers),
        timeout: toTimeout(options.timeout ?? settings.timeout)
      }
      return Tracer.processorLayer(acquire(target)).pipe(Layer.catchCause(() => unavailable))
    })
  )

const unavailable = Layer.effectDiscard(
  Effect.logWarning("The OTLP exporter of OpenTelemetry cannot be loaded: no traces are exported by OTLP")
)

const toTimeout = (timeout: Duration.Input | undefined): number => {
  const millis = Option.match(Option.flatMap(Option.fromUndefinedOr(timeout), Duration.fromInput), {
    onNone: () => Tracer.shutdownTimeout,
    onSome: Duration.toMillis
  })
  return Math.max(1, Math.min(Math.round(millis), Tracer.shutdownTimeout))
}

const toHeaders = Effect.fnUntraced(function* (headers: NonNullable<Options["headers"]>) {
  const sent: Array<readonly [name: string, value: string]> = []
  for (const [name, value] of Object.entries(headers)) {
    const text = Redacted.isRedacted(value) ? Redacted.value(value) : value
    if (Settings.isHeader(name, text)) sent.push([name, text])
    else yield* Effect.logWarning(`The OTLP header ${JSON.stringify(name)} cannot be sent and is left out`)
  }
  return Object.fromEntries(sent)
})

interface Target {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeout: number
}

const acquire = ({ headers, timeout, url }: Target): Effect.Effect<SpanProcessor, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { OTLPTraceExporter } = yield* Effect.promise(
      () => import("@opentelemetry/exporter-trace-otlp-http")
    )
    const { BatchSpanProcessor } = yield* Effect.promise(() => import("@opentelemetry/sdk-trace-base"))
    const { Agent } = yield* Effect.promise(() =>
      url.startsWith("https:") ? import("node:https") : import("node:http")
    )

    // The exporter's own time limit begins when a connection stands: where packets are dropped it would hold the process
    // for minutes. This agent limits connecting as well, and takes down what is left when the layer closes.
    const agent = yield* Effect.acquireRelease(
      Effect.sync(() => new Agent({ keepAlive: true, timeout })),
      (agent) => Effect.sync(() => agent.destroy())
    )
    const exporter = withoutEnvironment(
      () => new OTLPTraceExporter({ url, headers, timeoutMillis: timeout, httpAgentOptions: () => agent })
    )
    // Closing sends the whole queue at once, and the exporter refuses more than 30 requests at a time.
    return new BatchSpanProcessor(exporter, {
      maxQueueSize: 2048,
      maxExportBatchSize: 256,
      scheduledDelayMillis: 1000,
      exportTimeoutMillis: timeout
    })
  })

// Left to itself the exporter adds the headers of OTEL_EXPORTER_OTLP_HEADERS to those it is given, and so would send
// one collector's credentials to another. What counts of the environment is already in the settings.
const withoutEnvironment = <A>(make: () => A): A => {
  const hidden = Object.entries(process.env).filter(([name]) => name.startsWith("OTEL_EXPORTER_OTLP_"))
  for (const [name] of hidden) delete process.env[name]
  try {
    return make()
  } finally {
    for (const [name, value] of hidden) process.env[name] = value
  }
}
