/** Captures the spans, logs and metrics of a program under test. */
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import * as Metrics from "../telemetry/metrics/Metrics.ts"
import type * as Check from "../trace/Check.ts"
import * as InMemorySpans from "../telemetry/tracer/InMemorySpans.ts"
import * as Tracer from "../telemetry/tracer/Tracer.ts"

/**
 * An ended span. Times are in milliseconds; under a TestClock they start at 0.
 * @since 0.1.0
 * @category models
 */
export interface CapturedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer"
  readonly status: "unset" | "ok" | "error"
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: ReadonlyArray<{
    readonly name: string
    readonly attributes: Readonly<Record<string, unknown>>
  }>
  readonly start: number
  readonly durationMillis: number
}

/**
 * A log record with its annotations.
 * @since 0.1.0
 * @category models
 */
export interface CapturedLog {
  readonly level: string
  readonly message: ReadonlyArray<unknown>
  readonly annotations: Readonly<Record<string, unknown>>
}

const kinds = ["internal", "server", "client", "producer", "consumer"] as const
const statuses = ["unset", "ok", "error"] as const

const ms = ([seconds, nanos]: readonly [number, number]): number => seconds * 1000 + nanos / 1e6

/**
 * Converts an OpenTelemetry span.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Captured } from "effect-codex/testing"
 * import { InMemorySpanExporter } from "@opentelemetry/sdk-trace"
 *
 * const exporter = new InMemorySpanExporter()
 * const captured = () => exporter.getFinishedSpans().map(Captured.fromReadableSpan)
 * ```
 */
export const fromReadableSpan = (span: ReadableSpan): CapturedSpan => ({
  name: span.name,
  traceId: span.spanContext().traceId,
  spanId: span.spanContext().spanId,
  parentSpanId: span.parentSpanContext?.spanId,
  kind: kinds[span.kind] ?? "internal",
  status: statuses[span.status.code] ?? "unset",
  attributes: span.attributes,
  events: span.events.map(({ attributes, name }) => ({ name, attributes: attributes ?? {} })),
  start: ms(span.startTime),
  durationMillis: ms(span.duration)
})

/**
 * The telemetry that a test captured in memory. `spans`, `logs` and `metrics` read it.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Captured } from "effect-codex/testing"
 *
 * const counts = Effect.gen(function* () {
 *   const { logs, spans } = yield* Captured.Captured
 *   return { spans: (yield* spans).length, logs: (yield* logs).length }
 * })
 * ```
 */
export class Captured extends Context.Service<
  Captured,
  {
    readonly spans: Effect.Effect<ReadonlyArray<CapturedSpan>>
    readonly logs: Effect.Effect<ReadonlyArray<CapturedLog>>
    readonly metrics: Effect.Effect<ReadonlyArray<Metric.Metric.Snapshot>>
  }
>()("effect-codex/testing/Captured") {}

/**
 * The ended spans, in order of their end times.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Captured } from "effect-codex/testing"
 *
 * const noErrors = Effect.gen(function* () {
 *   const failed = (yield* Captured.spans).filter(({ status }) => status === "error")
 *   assert.deepStrictEqual(failed, [])
 * })
 * ```
 */
export const spans = Captured.use((captured) => captured.spans)

/**
 * The log records, in order.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Captured } from "effect-codex/testing"
 *
 * const silent = Effect.gen(function* () {
 *   assert.deepStrictEqual(yield* Captured.logs, [])
 * })
 * ```
 */
export const logs = Captured.use((captured) => captured.logs)

/**
 * The current state of every updated metric.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Captured } from "effect-codex/testing"
 *
 * const names = Effect.map(Captured.metrics, (metrics) => metrics.map(({ id }) => id))
 * ```
 */
export const metrics = Captured.use((captured) => captured.metrics)

/**
 * The value of a metric: a number for counters and gauges, count and sum for histograms.
 * @since 0.1.0
 * @category models
 */
export type CapturedMetric = number | { readonly count: number; readonly sum: number }

const valueOf = (metric: Metric.Metric.Snapshot): CapturedMetric => {
  switch (metric.type) {
    case "Counter":
      return Number(metric.state.count)
    case "Gauge":
      return Number(metric.state.value)
    case "Histogram":
    case "Summary":
      return { count: metric.state.count, sum: metric.state.sum }
    case "Frequency":
      return [...metric.state.occurrences.values()].reduce((sum, count) => sum + count, 0)
  }
}

const add = (a: CapturedMetric, b: CapturedMetric): CapturedMetric =>
  typeof a === "number" || typeof b === "number"
    ? Number(a) + Number(b)
    : { count: a.count + b.count, sum: a.sum + b.sum }

/**
 * Returns the value of a metric, summed over all series with these attributes; `undefined` without such a series.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Captured } from "effect-codex/testing"
 *
 * const oneCommand = Effect.gen(function* () {
 *   assert.strictEqual(yield* Captured.metric("codex.command.count"), 1)
 * })
 * ```
 */
export const metric = (
  name: string,
  attributes: Readonly<Record<string, string>> = {}
): Effect.Effect<CapturedMetric | undefined, never, Captured> =>
  Effect.map(metrics, (all) => {
    const values = all
      .filter((series) => series.id === name)
      .filter((series) =>
        Object.entries(attributes).every(([key, value]) => series.attributes?.[key] === value)
      )
      .map(valueOf)
    return values.length === 0 ? undefined : values.reduce(add)
  })

const seriesOf = (metric: Metric.Metric.Snapshot): Check.CheckedMetric => ({
  name: metric.id,
  kind: metric.type.toLowerCase(),
  attributes: metric.attributes ?? {},
  // Effect adds a bucket for values above the last boundary.
  boundaries:
    metric.type === "Histogram"
      ? metric.state.buckets.map(([boundary]) => boundary).filter(Number.isFinite)
      : undefined
})

/**
 * Returns everything captured, in the form that `checkTelemetry` takes.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Captured, checkTelemetry } from "effect-codex/testing"
 *
 * const conforms = Effect.gen(function* () {
 *   assert.deepStrictEqual(checkTelemetry(yield* Captured.all), [])
 * })
 * ```
 */
export const all: Effect.Effect<Required<Check.Emitted>, never, Captured> = Effect.gen(function* () {
  const found = yield* logs
  return {
    spans: yield* spans,
    metrics: (yield* metrics).map(seriesOf),
    logs: found.map(({ annotations }) => ({ attributes: annotations }))
  }
})

/**
 * Returns the only span with this name. Dies with a list of all spans if there is no such span, or more than one.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Captured } from "effect-codex/testing"
 *
 * const declined = Effect.gen(function* () {
 *   const { attributes } = yield* Captured.span("codex.approval")
 *   assert.strictEqual(attributes["codex.approval.decision"], "decline")
 * })
 * ```
 */
export const span = Effect.fnUntraced(function* (name: string) {
  const all = yield* spans
  const [found, ...more] = all.filter((span) => span.name === name)
  if (found !== undefined && more.length === 0) return found
  const names = all.map((span) => span.name).join(", ")
  return yield* Effect.die(
    new Error(`${found === undefined ? "no" : "more than one"} span "${name}" among: ${names}`)
  )
})

/**
 * Formats the names of all spans as a tree: one span a line, two spaces a level, siblings in order of their start times:
 *
 * ```
 * invoke_agent codex
 *   chat gpt-5.5
 *   execute_tool exec_command
 *     npm
 * ```
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Captured } from "effect-codex/testing"
 *
 * const runsOneTool = Effect.gen(function* () {
 *   assert.include(yield* Captured.tree, "execute_tool lookup_ticket")
 * })
 * ```
 */
export const tree: Effect.Effect<string, never, Captured> = Effect.map(spans, (all) => {
  const ids = new Set(all.map((span) => span.spanId))
  // The sort is stable, so spans that start together stay in order of their end times.
  const sorted = all.toSorted((a, b) => a.start - b.start)
  const subtree = (parent: string | undefined, indent: string): ReadonlyArray<string> =>
    sorted
      .filter((span) =>
        parent === undefined
          ? span.parentSpanId === undefined || !ids.has(span.parentSpanId)
          : span.parentSpanId === parent
      )
      .flatMap((span) => [`${indent}${span.name}`, ...subtree(span.spanId, `${indent}  `)])
  return subtree(undefined, "").join("\n")
})

const makeLogger = (into: Array<CapturedLog>): Logger.Logger<unknown, void> =>
  Logger.make(({ fiber, logLevel, message }) => {
    into.push({
      level: logLevel,
      message: Array.isArray(message) ? message : [message],
      annotations: { ...fiber.getRef(References.CurrentLogAnnotations) }
    })
  })

/**
 * @internal What a canary watches. A captured program has loggers and metrics of its own, so without this the canary would
 * find nothing in them.
 */
export const Watched = Context.Reference<
  | {
      readonly loggers: ReadonlySet<Logger.Logger<unknown, unknown>>
      readonly registry: Context.Service.Shape<typeof Metric.MetricRegistry>
    }
  | undefined
>("effect-codex/testing/Captured/Watched", { defaultValue: () => undefined })

/**
 * Captures in memory. Spans pass through the production pipeline, logs are not printed, metrics have their own registry.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { AppServer, Codex } from "effect-codex"
 * import { Captured } from "effect-codex/testing"
 *
 * // The real Codex, with its telemetry in memory.
 * const Real = Codex.layer.pipe(Layer.provide(AppServer.layer), Layer.provideMerge(Captured.layer))
 * ```
 */
export const layer: Layer.Layer<Captured> = Layer.unwrap(
  Effect.gen(function* () {
    const memory = yield* InMemorySpans.make
    const logs: Array<CapturedLog> = []
    // Effect's metric registry is global to the process, so give the test its own.
    const watched = yield* Watched
    const registry: Context.Service.Shape<typeof Metric.MetricRegistry> = watched?.registry ?? new Map()
    return Layer.mergeAll(
      Layer.succeed(
        Captured,
        Captured.of({
          spans: Effect.map(memory.spans, (spans) => spans.map(fromReadableSpan)),
          logs: Effect.sync(() => [...logs]),
          metrics: Effect.provideService(Metric.snapshot, Metric.MetricRegistry, registry)
        })
      ),
      Layer.succeed(Metric.MetricRegistry, registry),
      Logger.layer([makeLogger(logs), ...(watched?.loggers ?? [])]),
      Tracer.layerProcessor(Effect.succeed(memory.processor)),
      Metrics.layer
    )
  })
)
