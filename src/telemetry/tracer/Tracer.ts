/** Effect's spans, handed to OpenTelemetry span processors as they end. */
import * as HeadSampler from "./HeadSampler.ts"
import type { Attributes } from "@opentelemetry/api"
import type { Resource as OtelResource } from "@opentelemetry/resources"
import type {
  Sampler as OtelSampler,
  ReadableSpan,
  SpanExporter,
  SpanLimits as OtelSpanLimits,
  SpanProcessor
} from "@opentelemetry/sdk-trace-base"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as EffectTracer from "effect/Tracer"
import * as BatchProcessor from "../delivery/BatchProcessor.ts"
import * as SpanRecorder from "./SpanRecorder.ts"
import { kindOf } from "../span/RecordedSpan.ts"
import * as ExportStats from "../delivery/ExportStats.ts"
import { version } from "../../internal/version.ts"
import * as Redaction from "../../redaction/Redaction.ts"
import * as Settings from "../config/Settings.ts"
import * as TailSampling from "../tail-sampling/TailSampling.ts"

/**
 * Decides which traces are recorded. It is asked once for a trace that starts here or comes from elsewhere sampled, and
 * sees name and kind of the first span but no attributes. Without one, whatever no parent decided against is recorded.
 */
export const Sampler = Context.Reference<OtelSampler | undefined>("effect-codex/telemetry/Sampler", {
  defaultValue: () => undefined
})

/** How much one span may hold; for what is not set here the environment is asked, then it is 128 of each, any length. */
export const SpanLimits = Context.Reference<OtelSpanLimits>("effect-codex/telemetry/SpanLimits", {
  defaultValue: () => ({})
})

/** Attributes of where all spans come from; they win over those of the environment. */
export const Resource = Context.Reference<Attributes>("effect-codex/telemetry/Resource", {
  defaultValue: () => ({})
})

/** What the service is called where neither `Resource` nor the environment names it. */
export const ServiceName = Context.Reference<string>("effect-codex/telemetry/ServiceName", {
  defaultValue: () => "effect-codex"
})

export interface AddOptions {
  /** Whether it also sees what tail sampling leaves out, each span as it ends: for what stays in this process. */
  readonly everything?: boolean | undefined
}

/**
 * Where ended spans go. `add` gives them to a processor until the scope closes; then the processor gets the spans that
 * are still open, marked `codex.incomplete`, and is flushed and shut down within 1.5 s, whatever it does. Only `onEnd`,
 * `forceFlush` and `shutdown` of a processor are ever called.
 */
export class SpanPipeline extends Context.Service<
  SpanPipeline,
  {
    readonly add: (processor: SpanProcessor, options?: AddOptions) => Effect.Effect<void, never, Scope.Scope>
    /** Hands a span that ended elsewhere to all processors. */
    readonly record: (span: ReadableSpan) => void
    /**
     * Asks `holder` about each span that ends here, until the scope closes; one that it takes it hands to `record` later,
     * at the latest in `flush`, which is run before any processor closes.
     */
    readonly hold: (
      holder: SpanRecorder.Holder,
      flush: Effect.Effect<void>
    ) => Effect.Effect<void, never, Scope.Scope>
  }
>()("effect-codex/telemetry/SpanPipeline") {}

/** How long a processor may take to send what it holds when its scope closes, in milliseconds. */
export const shutdownTimeout = BatchProcessor.shutdownTimeout

/**
 * The pipeline and Effect's tracer that feeds it. A constant, for layers are shared by identity: exporters built on it
 * see the same spans whether they are merged or provided to each other.
 */
export const layer: Layer.Layer<SpanPipeline> = Layer.effectContext(
  Effect.gen(function* () {
    const settings = yield* Settings.CurrentSettings
    const clock = yield* Clock.Clock
    const redaction = yield* Redaction.Current
    const limits = { ...settings.spanLimits, ...(yield* SpanLimits) }
    const pipeline = new SpanRecorder.SpanRecorder({
      // Texts are cut when they are scrubbed: of a secret that is cut first a part would be left.
      limits: { ...limits, attributeValueLengthLimit: Infinity },
      resource: yield* makeResource(settings),
      instrumentationScope: { name: "effect-codex", version },
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
    const hold = (holder: SpanRecorder.Holder, flush: Effect.Effect<void>) =>
      Effect.acquireRelease(
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
    // Exporters that close at once or one right after the other close together, within one time for all.
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
    const tracer = EffectTracer.make({ span: (options) => pipeline.start(options) })
    return Context.make(SpanPipeline, { add, hold, record: (span) => pipeline.record(span) }).pipe(
      Context.add(EffectTracer.Tracer, tracer),
      Context.add(Redaction.Current, redaction)
    )
  })
).pipe(Layer.provide([Settings.layer, Redaction.layerDefault]))

/** How soon after the end of one closing another counts as its second part, and what that one has at least. */
const closingWindow = 50
const minClosingTime = 100

/** The layer of a processor: `acquire`'s processor gets every span that ends while the layer is in use. */
export const layerProcessor = <E, R>(acquire: Effect.Effect<SpanProcessor, E, R>, options?: AddOptions) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const pipeline = yield* SpanPipeline
      yield* pipeline.add(yield* acquire, options)
    })
  ).pipe(Layer.provideMerge(layer))

/**
 * The layer of any OpenTelemetry exporter of spans: it gets them in batches, out of a bounded queue, and what it loses is
 * counted and logged. Make it once: every call is another layer that exports by itself.
 *
 * ```ts
 * const Zipkin = Tracer.layerExporter(Effect.sync(() => new ZipkinExporter({ url })))
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

// Imported only here, where something is to be exported: together these would double the time to load the library.
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
