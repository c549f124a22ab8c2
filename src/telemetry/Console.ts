/** One line per span, log record or metric on stderr, where it cannot get into a program's output. */
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { oneLine } from "../internal/TerminalText.ts"
import { attribute } from "../semconv/Convention.ts"
import * as DurationText from "../internal/DurationText.ts"
import { Stderr } from "./delivery/Stderr.ts"
import * as ExportStats from "./delivery/ExportStats.ts"
import * as Settings from "./config/Settings.ts"
import * as Tracer from "./tracer/Tracer.ts"

export interface ConsoleOptions {
  /** What to show; traces if it is left out. */
  readonly signals?: ReadonlyArray<Settings.SignalKind> | undefined
}

/**
 * Writes to stderr: every span as it ends, with name, duration, status, what matters of its attributes, trace id; log
 * records as `Logging.layer` does; every metric as it stands, from time to time and at the end.
 */
export const layer = (options: ConsoleOptions): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.map(Settings.CurrentSettings, (settings) => {
      if (settings.disabled) return Layer.empty
      const [first, ...more] = (options.signals ?? ["traces"]).map((signal) => layers[signal](settings))
      return first === undefined ? Layer.empty : Layer.mergeAll(first, ...more)
    })
  ).pipe(Layer.provide(Settings.layer))

/** `layer` for traces alone. */
export const ConsoleLayer: Layer.Layer<never> = layer({})

/** The line of one span, without its line break. */
export const line = (span: ReadableSpan): string => {
  const elapsed = BigInt(span.duration[0]) * 1_000_000_000n + BigInt(span.duration[1])
  const attributes = shownAttributes.flatMap((name) => {
    const value = span.attributes[name]
    return value === undefined ? [] : [`${name}=${oneLine(String(value), 60)}`]
  })
  const status = span.status.code === 2 ? "error" : "ok"
  return [
    oneLine(span.name, 60),
    DurationText.format(elapsed),
    status,
    ...attributes,
    `trace=${span.spanContext().traceId}`
  ].join("  ")
}

const shownAttributes = [
  attribute.requestModel,
  attribute.inputTokens,
  attribute.outputTokens,
  attribute.approvalKind,
  attribute.approvalDecision,
  attribute.approvalSource,
  attribute.exitCode,
  attribute.turnStatus,
  attribute.errorType,
  attribute.incomplete
]

const toProcessor = (print: (text: string) => void): SpanProcessor => ({
  onStart: () => {},
  onEnd: (span) => {
    if ((span.spanContext().traceFlags & 1) === 0) return
    print(`${line(span)}\n`)
  },
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve()
})

type ToLayer = (settings: Settings.Settings) => Layer.Layer<never>

const traces: ToLayer = () => Tracer.layerProcessor(Effect.map(Stderr, toProcessor))

const metrics: ToLayer = (settings) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const Metrics = yield* Effect.promise(() => import("./metrics/Metrics.ts"))
      const { periodic } = yield* Effect.promise(() => import("./delivery/PeriodicReader.ts"))
      const { lines } = yield* Effect.promise(() => import("./metrics/MetricLines.ts"))
      const reader = Effect.gen(function* () {
        const print = yield* Stderr
        return yield* periodic(
          {
            export: (found, report) => {
              for (const line of lines(found)) print(`${line}\n`)
              report({ code: 0 })
            },
            shutdown: () => Promise.resolve()
          },
          settings.metrics
        )
      })
      return Metrics.layerReader(reader)
    })
  ).pipe(Layer.provide(ExportStats.layer))

const logs: ToLayer = () =>
  Layer.unwrap(
    Effect.map(
      Effect.promise(() => import("./logs/Logging.ts")),
      (Logging) => Logging.layer
    )
  )

const layers: Readonly<Record<Settings.SignalKind, ToLayer>> = { traces, metrics, logs }
