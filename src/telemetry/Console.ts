/** Prints spans, log records and metrics to stderr, one line each, so that they never mix with a program's output. */
import type { DataPoint, MetricData, ResourceMetrics } from "@opentelemetry/sdk-metrics"
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { printableLine } from "../internal/VisibleText.ts"
import { attribute } from "../semconv/Convention.ts"
import * as DurationText from "../internal/DurationText.ts"
import { Stderr } from "./delivery/Stderr.ts"
import * as SignalLayers from "./SignalLayers.ts"
import * as Settings from "./config/Settings.ts"
import * as Tracer from "./tracer/Tracer.ts"

/**
 * Options of the console exporter.
 * @since 0.1.0
 * @category models
 */
export interface ConsoleOptions {
  /** The signals to print; default: traces. */
  readonly signals?: ReadonlyArray<Settings.SignalKind> | undefined
}

/**
 * Prints to stderr each span when it ends, with name, duration, status, the main attributes and the trace id; log records
 * as `Logging.layer()` does; and all metrics periodically and at the end.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Console } from "effect-codex"
 *
 * const Printed = Console.layer({ signals: ["traces", "metrics"] })
 * ```
 */
export const layer = (options: ConsoleOptions): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.map(Settings.CurrentSettings, (settings) => {
      if (settings.disabled) return Layer.empty
      return SignalLayers.mergeAll((options.signals ?? ["traces"]).map((signal) => layers[signal](settings)))
    })
  ).pipe(Layer.provide(Settings.layer))

/**
 * Prints traces only.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { AppServer, Codex, ConsoleLayer } from "effect-codex"
 *
 * const App = Codex.layer.pipe(Layer.provide(AppServer.layer), Layer.provideMerge(ConsoleLayer))
 * ```
 */
export const ConsoleLayer: Layer.Layer<never> = layer({})

/** @internal Returns the line of one span, without the line break. */
export const line = (span: ReadableSpan): string => {
  const elapsed = BigInt(span.duration[0]) * 1_000_000_000n + BigInt(span.duration[1])
  const attributes = shownAttributes.flatMap((name) => {
    const value = span.attributes[name]
    return value === undefined ? [] : [`${name}=${printableLine(String(value), 60)}`]
  })
  const status = span.status.code === 2 ? "error" : "ok"
  return [
    printableLine(span.name, 60),
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
  SignalLayers.periodicMetrics(
    settings,
    Effect.map(Stderr, (print) => ({
      export: (metrics, report) => {
        for (const line of metricLines(metrics)) print(`${line}\n`)
        report({ code: 0 })
      },
      shutdown: () => Promise.resolve()
    }))
  )

const logs: ToLayer = () =>
  Layer.unwrap(
    Effect.map(
      Effect.promise(() => import("./logs/Logging.ts")),
      (Logging) => Logging.layer
    )
  )

const layers: Readonly<Record<Settings.SignalKind, ToLayer>> = { traces, metrics, logs }

const toNumberText = (value: number): string => String(Number(value.toPrecision(6)))

const valueOf = ({ value }: MetricData["dataPoints"][number], unit: string): string =>
  typeof value === "number"
    ? `${toNumberText(value)} ${unit}`.trimEnd()
    : `count=${value.count} sum=${toNumberText(value.sum ?? 0)} ${unit}`.trimEnd()

const labelsOf = ({ attributes }: DataPoint<unknown>): ReadonlyArray<string> =>
  Object.entries(attributes).map(
    ([name, value]) => `${printableLine(name, 60)}=${printableLine(String(value), 60)}`
  )

/** One line per series, without the line break: `codex.command.count  3 {command}  codex.command.success=true`. */
const metricLines = ({ scopeMetrics }: ResourceMetrics): ReadonlyArray<string> =>
  scopeMetrics.flatMap(({ metrics }) =>
    metrics.flatMap((metric) =>
      metric.dataPoints.map((point: MetricData["dataPoints"][number]) =>
        [
          printableLine(metric.descriptor.name, 80),
          valueOf(point, metric.descriptor.unit),
          ...labelsOf(point)
        ].join("  ")
      )
    )
  )
