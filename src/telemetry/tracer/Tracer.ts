/** Passes Effect's spans to OpenTelemetry span processors when they end. */
import * as HeadSampler from "./HeadSampler.ts"
import type { Attributes } from "@opentelemetry/api"
import type { Resource as OtelResource } from "@opentelemetry/resources"
import type {
  Sampler as OtelSampler,
  ReadableSpan,
  SpanExporter,
  SpanLimits as OtelSpanLimits,
  SpanProcessor
} from "@opentelemetry/sdk-trace"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Scope as EffectScope } from "effect/Scope"
import * as EffectTracer from "effect/Tracer"
import { getCurrentVersion } from "effect/Version"
import * as BatchProcessor from "../delivery/BatchProcessor.ts"
import * as SpanRecorder from "./SpanRecorder.ts"
import { kindOf } from "../span/RecordedSpan.ts"
import * as ExportStats from "../delivery/ExportStats.ts"
import { version } from "../../internal/version.ts"
import * as ScrubbingTracer from "../../redaction/ScrubbingTracer.ts"
import * as Redaction from "../../redaction/Redaction.ts"
import * as Settings from "../config/Settings.ts"
import * as TailSampling from "../tail-sampling/TailSampling.ts"

/**
 * Decides which traces are recorded. It is called once for each trace that starts here or has a sampled remote parent,
 * with name and kind of the first span but no attributes. Without a sampler, every span is recorded unless its parent is
 * unsampled.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OtlpLayer, Tracer } from "effect-codex"
 * import { AlwaysOffSampler } from "@opentelemetry/sdk-trace"
 *
 * const Untraced = OtlpLayer.pipe(Layer.provide(Layer.succeed(Tracer.Sampler, new AlwaysOffSampler())))
 * ```
 */
export const Sampler = Context.Reference<OtelSampler | undefined>("effect-codex/telemetry/Sampler", {
  defaultValue: () => undefined
})

/**
 * The limits of one span. Omitted ones come from the environment, then they are 128 each, with any length.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OtlpLayer, Tracer } from "effect-codex"
 *
 * const Telemetry = OtlpLayer.pipe(
 *   Layer.provide(Layer.succeed(Tracer.SpanLimits, { attributeValueLengthLimit: 2_000 }))
 * )
 * ```
 */
export const SpanLimits = Context.Reference<OtelSpanLimits>("effect-codex/telemetry/SpanLimits", {
  defaultValue: () => ({})
})

/**
 * Resource attributes of all telemetry; they override those of the environment.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OtlpLayer, Tracer } from "effect-codex"
 *
 * const Telemetry = OtlpLayer.pipe(
 *   Layer.provide(
 *     Layer.succeed(Tracer.Resource, { "service.name": "review-bot", "deployment.environment.name": "production" })
 *   )
 * )
 * ```
 */
export const Resource = Context.Reference<Attributes>("effect-codex/telemetry/Resource", {
  defaultValue: () => ({})
})

/**
 * The service name if neither `Resource` nor the environment sets it.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OtlpLayer, Tracer } from "effect-codex"
 *
 * // The environment can still choose another name with OTEL_SERVICE_NAME.
 * const Telemetry = OtlpLayer.pipe(Layer.provide(Layer.succeed(Tracer.ServiceName, "review-bot")))
 * ```
 */
export const ServiceName = Context.Reference<string>("effect-codex/telemetry/ServiceName", {
  defaultValue: () => "effect-codex"
})

/**
 * Identifies the code that a span or a log record comes from.
 * @since 0.1.0
 * @category models
 */
export interface Scope {
  readonly name: string
  readonly version?: string
}

/**
 * The instrumentation scope of the program's own spans and logs, which the program writes with `Effect.withSpan` and
 * `Effect.log`. The default is `effect` with Effect's version, as Effect's own exporters set it. Spans and logs of this
 * library have the scope `effect-codex`.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OtlpLayer, Tracer } from "effect-codex"
 *
 * const Telemetry = OtlpLayer.pipe(
 *   Layer.provide(Layer.succeed(Tracer.InstrumentationScope, { name: "review-bot", version: "1.4.0" }))
 * )
 * ```
 */
export const InstrumentationScope = Context.Reference<Scope>("effect-codex/telemetry/InstrumentationScope", {
  defaultValue: () => ({ name: "effect", version: getCurrentVersion() })
})

/** @internal The instrumentation scope of this library. */
export const libraryScope = { name: "effect-codex", version }

/**
 * Options for adding a span processor.
 * @since 0.1.0
 * @category models
 */
export interface AddOptions {
  /** Whether the processor also receives spans that tail sampling drops, as they end: for spans that stay in this process. */
  readonly everything?: boolean | undefined
}

/**
 * Distributes ended spans. `add` passes them to a processor until the scope closes. Then the processor receives the open
 * spans, marked `codex.incomplete`, and is flushed and shut down within 1.5 s. Only `onEnd`, `forceFlush` and `shutdown`
 * of a processor are called.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Tracer } from "effect-codex"
 * import type { SpanProcessor } from "@opentelemetry/sdk-trace"
 *
 * const watch = (processor: SpanProcessor) =>
 *   Tracer.SpanPipeline.use((pipeline) => pipeline.add(processor, { everything: true }))
 * const whileOpen = (processor: SpanProcessor) => Effect.scoped(watch(processor))
 * ```
 */
export class SpanPipeline extends Context.Service<
  SpanPipeline,
  {
    readonly add: (processor: SpanProcessor, options?: AddOptions) => Effect.Effect<void, never, EffectScope>
    /** Passes a span that ended elsewhere to all processors. */
    readonly record: (span: ReadableSpan) => void
    /**
     * Offers each span that ends here to `holder`, until the scope closes. The holder passes the spans it takes to `record`
     * later, at the latest in `flush`, which runs once, before any processor closes.
     */
    readonly hold: (
      holder: SpanRecorder.Holder,
      flush: Effect.Effect<void>
    ) => Effect.Effect<void, never, EffectScope>
  }
>()("effect-codex/telemetry/SpanPipeline") {}

/** @internal The maximum time for a processor to send its spans when its scope closes, in milliseconds. */
export const shutdownTimeout = BatchProcessor.shutdownTimeout

/**
 * The pipeline, and the Effect tracer that feeds it. A constant, because layers are shared by identity: exporters built on
 * it receive the same spans whether they are merged or provided to each other.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Tracer } from "effect-codex"
 *
 * const traced = Effect.withSpan(Effect.void, "job").pipe(Effect.provide(Tracer.layer))
 * ```
 */
export const layer: Layer.Layer<SpanPipeline> = Layer.effectContext(
  Effect.gen(function* () {
    const settings = yield* Settings.CurrentSettings
    const clock = yield* Clock.Clock
    const redaction = yield* Redaction.Current
    const limits = { ...settings.spanLimits, ...(yield* SpanLimits) }
    const programScope = yield* InstrumentationScope
    const pipeline = new SpanRecorder.SpanRecorder({
      // Redaction truncates texts: truncating first would leave a part of a secret.
      limits: { ...limits, attributeValueLengthLimit: Infinity },
      resource: yield* makeResource(settings),
      instrumentationScope: libraryScope,
      decide: yield* makeDecide(settings),
      redact: (span) => redaction.span(span, limits.attributeValueLengthLimit),
      now: () => clock.currentTimeNanosUnsafe(),
      gate: yield* makeGate(settings)
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => pipeline.close()))

    const add = (processor: SpanProcessor, options?: AddOptions) =>
      Effect.acquireRelease(
        Effect.sync(() => pipeline.attach(processor, options?.everything)),
        () =>
          Effect.andThen(
            Effect.suspend(() => Effect.forEach(flushes, (flush) => flush, { discard: true })),
            Effect.suspend(() => {
              pipeline.detach(processor)
              return closing(processor)
            })
          )
      )
    const flushes = new Set<Effect.Effect<void>>()
    const hold = Effect.fnUntraced(function* (holder: SpanRecorder.Holder, flushOnce: Effect.Effect<void>) {
      // Merged layers close concurrently, so several closers may request the flush. All of them wait for one run: a
      // processor that does not wait closes before it receives the spans.
      const flush = yield* Effect.cached(flushOnce)
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          pipeline.hold(holder)
          flushes.add(flush)
        }),
        () =>
          Effect.andThen(
            flush,
            Effect.sync(() => {
              pipeline.unhold(holder)
              flushes.delete(flush)
            })
          )
      )
    })
    // Exporters that close together, or right after each other, share one time limit.
    let deadline = 0
    let lastClosed = -Infinity
    const closing = (processor: SpanProcessor) => {
      const now = performance.now()
      if (now > lastClosed + closingWindow) deadline = now + shutdownTimeout
      lastClosed = Infinity
      return Effect.ensuring(
        SpanRecorder.shutdownWithin(processor, Math.max(deadline - now, minClosingTime)),
        Effect.sync(() => (lastClosed = performance.now()))
      )
    }
    const tracer = ScrubbingTracer.mark(
      EffectTracer.make({ span: (options) => pipeline.start(options, programScope) }),
      EffectTracer.make({ span: (options) => pipeline.start(options) })
    )
    return Context.make(SpanPipeline, { add, hold, record: (span) => pipeline.record(span) }).pipe(
      Context.add(EffectTracer.Tracer, tracer),
      Context.add(Redaction.Current, redaction)
    )
  })
).pipe(Layer.provide([Settings.layer, Redaction.layerDefault]))

/** A processor that closes this soon after another one shares its time limit, but has at least `minClosingTime`. */
const closingWindow = 50
const minClosingTime = 100

/**
 * Adds a span processor. It receives every span that ends while the layer is open.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Tracer } from "effect-codex"
 * import { BatchSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace"
 *
 * const exported = (exporter: SpanExporter) =>
 *   Tracer.layerProcessor(Effect.sync(() => new BatchSpanProcessor({ exporter })))
 * ```
 */
export const layerProcessor = <E, R>(acquire: Effect.Effect<SpanProcessor, E, R>, options?: AddOptions) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const pipeline = yield* SpanPipeline
      yield* pipeline.add(yield* acquire, options)
    })
  ).pipe(Layer.provideMerge(layer))

/**
 * Adds any OpenTelemetry span exporter. It receives batches from a bounded queue, and its losses are counted and logged.
 * Call this once: every call creates a separate exporter.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Tracer } from "effect-codex"
 * import { ConsoleSpanExporter } from "@opentelemetry/sdk-trace"
 *
 * const Printed = Tracer.layerExporter(Effect.sync(() => new ConsoleSpanExporter()))
 * ```
 */
export const layerExporter = <E, R>(acquire: Effect.Effect<SpanExporter, E, R>) =>
  Layer.unwrap(
    Effect.map(Settings.CurrentSettings, ({ disabled, spans }) =>
      disabled
        ? Layer.empty
        : layerProcessor(Effect.flatMap(acquire, (exporter) => BatchProcessor.spans(exporter, spans))).pipe(
            Layer.provide(ExportStats.layer)
          )
    )
  ).pipe(Layer.provide(Settings.layer))

// Imported on demand: together these packages would double the time to load the library.
/** @internal */
export const makeResource = Effect.fnUntraced(function* (settings: Settings.Settings) {
  const { defaultResource, resourceFromAttributes } = yield* Effect.promise(
    () => import("@opentelemetry/resources")
  )
  const named = { ...settings.resource, ...(yield* Resource) }
  const defaults = named["service.name"] === undefined ? { "service.version": version } : {}
  const redaction = yield* Redaction.Current
  const resource: OtelResource = resourceFromAttributes(
    redaction.attributes({
      ...defaultResource().attributes,
      ...defaults,
      "service.name": yield* ServiceName,
      ...named
    })
  )
  return resource
})

const makeGate = Effect.fnUntraced(function* (settings: Settings.Settings) {
  const plan = yield* TailSampling.planned(settings)
  if (plan === undefined) return undefined
  const { make } = yield* Effect.promise(() => import("../tail-sampling/Gate.ts"))
  return yield* make(plan, (yield* Sampler) !== undefined || settings.sampling !== undefined)
})

const makeDecide = Effect.fnUntraced(function* (settings: Settings.Settings) {
  const sampler = (yield* Sampler) ?? (yield* HeadSampler.fromSettings(settings.sampling))
  if (sampler === undefined) return SpanRecorder.decideAlways
  const { ROOT_CONTEXT, SamplingDecision, trace } = yield* Effect.promise(() => import("@opentelemetry/api"))
  const decide: SpanRecorder.Decide = (span, traceId, parent) => {
    const context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent)
    try {
      const { attributes, decision } = sampler.shouldSample(
        context,
        traceId,
        span.name,
        kindOf(span.kind),
        {},
        []
      )
      return {
        recorded: decision !== SamplingDecision.NOT_RECORD,
        sampled: decision === SamplingDecision.RECORD_AND_SAMPLED,
        attributes
      }
    } catch {
      return SpanRecorder.decideAlways(span, traceId, parent)
    }
  }
  return decide
})
