/** Everything that a program under test emitted: its spans, its logs, its metrics. */
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"
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

/** A span that has ended. Times are in milliseconds; under a TestClock they count from its 0. */
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
  readonly duration: number
}

/** A log record, with the annotations that were in force. */
export interface CapturedLog {
  readonly level: string
  readonly message: ReadonlyArray<unknown>
  readonly annotations: Readonly<Record<string, unknown>>
}

const kinds = ["internal", "server", "client", "producer", "consumer"] as const
const statuses = ["unset", "ok", "error"] as const

const ms = ([seconds, nanos]: readonly [number, number]): number => seconds * 1000 + nanos / 1e6

/** A span of OpenTelemetry's, as tests look at it. */
export const captured = (span: ReadableSpan): CapturedSpan => ({
  name: span.name,
  traceId: span.spanContext().traceId,
  spanId: span.spanContext().spanId,
  parentSpanId: span.parentSpanContext?.spanId,
  kind: kinds[span.kind] ?? "internal",
  status: statuses[span.status.code] ?? "unset",
  attributes: span.attributes,
  events: span.events.map(({ attributes, name }) => ({ name, attributes: attributes ?? {} })),
  start: ms(span.startTime),
  duration: ms(span.duration)
})

export class Captured extends Context.Service<
  Captured,
  {
    readonly spans: Effect.Effect<ReadonlyArray<CapturedSpan>>
    readonly logs: Effect.Effect<ReadonlyArray<CapturedLog>>
    readonly metrics: Effect.Effect<ReadonlyArray<Metric.Metric.Snapshot>>
  }
>()("effect-codex/testing/Captured") {}

/** The spans that have ended, in the order of their ends. */
export const spans = Captured.use((captured) => captured.spans)

/** The log records, in order. */
export const logs = Captured.use((captured) => captured.logs)

/** Every metric that was touched, as it stands now. */
export const metrics = Captured.use((captured) => captured.metrics)

/** The value of a metric: what a counter or a gauge stands at, or how often and how much a histogram was given. */
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

const total = (a: CapturedMetric, b: CapturedMetric): CapturedMetric =>
  typeof a === "number" || typeof b === "number"
    ? Number(a) + Number(b)
    : { count: a.count + b.count, sum: a.sum + b.sum }

/**
 * What a metric stands at, over all its series that have these attributes; `undefined` if there is none.
 *
 * ```ts
 * assert.strictEqual(yield* Captured.metric("codex.command.count", { "codex.command.success": "false" }), 1)
 * assert.deepStrictEqual(yield* Captured.metric("gen_ai.invoke_agent.duration"), { count: 1, sum: 6 })
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
    return values.length === 0 ? undefined : values.reduce(total)
  })

const seriesOf = (metric: Metric.Metric.Snapshot): Check.CheckedMetric => ({
  name: metric.id,
  kind: metric.type.toLowerCase(),
  attributes: metric.attributes ?? {},
  // What is above the last bucket has a bucket of its own here.
  boundaries:
    metric.type === "Histogram"
      ? metric.state.buckets.map(([boundary]) => boundary).filter(Number.isFinite)
      : undefined
})

/**
 * All of it, as `checkTelemetry` takes it:
 *
 * ```ts
 * assert.deepStrictEqual(checkTelemetry(yield* Captured.all), [])
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

/** The one span of this name; a defect that lists what there is when there is none, or more than one. */
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
 * The names of all spans as a tree, one a line, two spaces a level, siblings in the order of their starts:
 *
 * ```
 * invoke_agent codex
 *   chat gpt-5.5
 *   execute_tool exec_command
 *     npm
 * ```
 */
export const tree: Effect.Effect<string, never, Captured> = Effect.map(spans, (all) => {
  const ids = new Set(all.map((span) => span.spanId))
  // Of two that start together the one that ended first comes first: sorting keeps the order of the ends.
  const sorted = all.toSorted((a, b) => a.start - b.start)
  const below = (parent: string | undefined, indent: string): ReadonlyArray<string> =>
    sorted
      .filter((span) =>
        parent === undefined
          ? span.parentSpanId === undefined || !ids.has(span.parentSpanId)
          : span.parentSpanId === parent
      )
      .flatMap((span) => [`${indent}${span.name}`, ...below(span.spanId, `${indent}  `)])
  return below(undefined, "").join("\n")
})

const capturing = (into: Array<CapturedLog>): Logger.Logger<unknown, void> =>
  Logger.make(({ fiber, logLevel, message }) => {
    into.push({
      level: logLevel,
      message: Array.isArray(message) ? message : [message],
      annotations: { ...fiber.getRef(References.CurrentLogAnnotations) }
    })
  })

/** Captures in memory: spans through the same pipe as in production, logs instead of printing them, metrics apart. */
export const layer: Layer.Layer<Captured> = Layer.unwrap(
  Effect.gen(function* () {
    const memory = yield* InMemorySpans.make
    const logs: Array<CapturedLog> = []
    // Effect's registry of metrics is one for the whole process; a test has its own.
    const registry: Context.Service.Shape<typeof Metric.MetricRegistry> = new Map()
    return Layer.mergeAll(
      Layer.succeed(
        Captured,
        Captured.of({
          spans: Effect.map(memory.spans, (spans) => spans.map(captured)),
          logs: Effect.sync(() => [...logs]),
          metrics: Effect.provideService(Metric.snapshot, Metric.MetricRegistry, registry)
        })
      ),
      Layer.succeed(Metric.MetricRegistry, registry),
      Logger.layer([capturing(logs)]),
      Tracer.layerProcessor(Effect.succeed(memory.processor)),
      Metrics.layer
    )
  })
)
