/**
 * Makes libraries that use OpenTelemetry but not Effect, such as an instrumented HTTP client, part of our traces. Opt-in:
 * it slows down code inside spans, and it is the only module that sets OpenTelemetry globals.
 */
import type { Attributes, ContextManager } from "@opentelemetry/api"
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as EffectTracer from "effect/Tracer"
import * as CopySpan from "../../redaction/CopySpan.ts"
import { attribute } from "../../semconv/Convention.ts"
import * as OtelContext from "./OtelContext.ts"
import * as OtelSpan from "./OtelSpan.ts"
import * as ProviderSpan from "./ProviderSpan.ts"
import * as Redaction from "../../redaction/Redaction.ts"
import * as ScrubbingTracer from "../../redaction/ScrubbingTracer.ts"
import * as Settings from "../config/Settings.ts"
import * as Tracer from "./Tracer.ts"

/**
 * Options of the layers that connect this library to OpenTelemetry's API.
 * @since 0.1.0
 * @category models
 */
export interface InteropOptions {
  /**
   * Whether to record the libraries' spans with our own. By default their spans go to the host's tracer provider, if
   * there is one. An existing tracer provider is never replaced.
   */
  readonly tracerProvider?: boolean | undefined
}

/**
 * While the layer is open, `trace.getActiveSpan()` and `context.active()` of `@opentelemetry/api` return the current Effect
 * span, and libraries' spans become its children. An instrumented HTTP client propagates the trace as `traceparent`.
 * The layer uses the host's context manager and propagator, or sets its own until it closes. Put it above the exporters.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OpenTelemetryInterop, OtlpLayer } from "effect-codex"
 *
 * const Telemetry = OpenTelemetryInterop.layerOptions({ tracerProvider: true }).pipe(Layer.provideMerge(OtlpLayer))
 * ```
 */
export const layerOptions = (options: InteropOptions): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.map(Settings.CurrentSettings, ({ disabled }) => (disabled ? Layer.empty : interopLayer(options)))
  ).pipe(Layer.provide(Settings.layer))

/**
 * The same as `layerOptions`, without a tracer provider for the spans of these libraries.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OpenTelemetryInterop, OtlpLayer } from "effect-codex"
 *
 * // Put it above the exporters.
 * const Telemetry = OpenTelemetryInterop.layer.pipe(Layer.provideMerge(OtlpLayer))
 * ```
 */
export const layer: Layer.Layer<never> = layerOptions({})

const interopLayer = (options: InteropOptions) =>
  Layer.effect(
    EffectTracer.Tracer,
    Effect.gen(function* () {
      const api = yield* Effect.promise(() => import("@opentelemetry/api"))
      const clock = yield* Clock.Clock
      const inner = yield* EffectTracer.Tracer
      const contexts = yield* acquireContextManager(api)
      yield* acquirePropagator(api)
      if (options.tracerProvider === true) yield* acquireTracerProvider(api)

      const entered = OtelContext.make(api.trace, (span) =>
        OtelSpan.make(span, clock, api.INVALID_SPAN_CONTEXT)
      )
      const context = activates(contexts, entered)
      const inContext = (tracer: EffectTracer.Tracer) =>
        EffectTracer.make({
          span: (options) => {
            const span = tracer.span(options)
            const active = contexts.active()
            const parent = Option.getOrUndefined(span.parent)
            entered.started(span, parent?._tag === "Span" ? entered.enter(parent, active) : active)
            return span
          },
          context
        })
      const forLibrary = ScrubbingTracer.libraryTracerOf(inner) ?? inner
      return ScrubbingTracer.mark(inContext(inner), inContext(forLibrary))
    })
  ).pipe(Layer.provide(Tracer.layer))

/**
 * Records into the OpenTelemetry that the program has set up, for example with NodeSDK, through the global providers of
 * `@opentelemetry/api`. Nothing is exported a second time, and no exporter of this library is needed:
 *
 * - Spans of Effect, the library's and the program's, go to the program's tracer provider. They are children of
 *   OpenTelemetry's active span, and its sampler, processors and resource apply to them.
 * - Inside a span, and so inside a tool, `trace.getActiveSpan()` and `context.active()` return that span: an instrumented
 *   HTTP client or database driver puts its spans below the tool.
 *
 * Names, attributes, events and links are masked as they are written. Spans of the library have the instrumentation scope
 * `effect-codex`, those of the program `Tracer.InstrumentationScope`. The SDK must be started before the layer is built.
 * Provide no other exporting layer of this library beside it.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { AppServer, Codex, OpenTelemetryInterop } from "effect-codex"
 *
 * // After `new NodeSDK().start()`.
 * const App = Codex.layer.pipe(
 *   Layer.provide(AppServer.layer),
 *   Layer.provideMerge(OpenTelemetryInterop.layerGlobal)
 * )
 * ```
 */
export const layerGlobal: Layer.Layer<never> = Layer.unwrap(
  Effect.map(Settings.CurrentSettings, ({ disabled }) => (disabled ? Layer.empty : globalTracer()))
).pipe(Layer.provide(Settings.layer))

const globalTracer = () =>
  Layer.effectContext(
    Effect.gen(function* () {
      const api = yield* Effect.promise(() => import("@opentelemetry/api"))
      const clock = yield* Clock.Clock
      const redaction = yield* Redaction.Current
      const scope = yield* Tracer.InstrumentationScope
      const manager = yield* acquireContextManager(api)
      yield* acquirePropagator(api)

      const contexts = OtelContext.make(api.trace, (span) =>
        span instanceof ProviderSpan.ProviderSpan
          ? span.otelSpan
          : OtelSpan.make(span, clock, api.INVALID_SPAN_CONTEXT)
      )
      const start = ProviderSpan.make({ api, contexts, redaction })
      const context = activates(manager, contexts)
      const inScope = ({ name, version }: Tracer.Scope) => {
        const tracer = api.trace.getTracer(name, version)
        return EffectTracer.make({ span: (options) => start(tracer, options), context })
      }
      return Context.make(
        EffectTracer.Tracer,
        ScrubbingTracer.mark(inScope(scope), inScope(Tracer.libraryScope))
      ).pipe(Context.add(Redaction.Current, redaction))
    })
  ).pipe(Layer.provide(Redaction.layerDefault))

/** Runs each step of a program in the OpenTelemetry context of its current span. */
const activates =
  (
    manager: Pick<ContextManager, "active" | "with">,
    contexts: OtelContext.OtelContexts
  ): NonNullable<EffectTracer.Tracer["context"]> =>
  (primitive, fiber) => {
    const span = fiber.cache.span
    if (span === undefined) return primitive["~effect/Effect/evaluate"](fiber)
    const active = manager.active()
    const context = contexts.enter(span, active)
    return context === active
      ? primitive["~effect/Effect/evaluate"](fiber)
      : manager.with(context, () => primitive["~effect/Effect/evaluate"](fiber))
  }

type Api = typeof import("@opentelemetry/api")

// The API shows only by its behaviour whether a context manager is set: without one, the root context is always active.
const hasContextManager = ({ context, createContextKey, ROOT_CONTEXT }: Api): boolean => {
  const key = createContextKey("effect-codex")
  return context.with(ROOT_CONTEXT.setValue(key, true), () => context.active().getValue(key) === true)
}

/** Returns our own manager directly: the API would look up the global one on each call. */
const acquireContextManager = (api: Api) =>
  Effect.gen(function* () {
    if (hasContextManager(api)) return api.context
    const { AsyncLocalStorageContextManager } = yield* Effect.promise(
      () => import("@opentelemetry/context-async-hooks")
    )
    return yield* Effect.acquireRelease(
      Effect.sync((): Pick<ContextManager, "active" | "with"> => {
        const manager = new AsyncLocalStorageContextManager().enable()
        api.context.setGlobalContextManager(manager)
        return manager
      }),
      () => Effect.sync(() => api.context.disable())
    )
  })

// An unset propagator has no fields. Without one, libraries make spans, but the services they call do not join the trace.
const acquirePropagator = (api: Api) =>
  Effect.gen(function* () {
    const { OTEL_PROPAGATORS: propagators = "tracecontext" } = yield* Settings.Environment
    if (api.propagation.fields().length > 0 || !propagators.toLowerCase().includes("tracecontext")) return
    const { W3CTraceContextPropagator } = yield* Effect.promise(() => import("@opentelemetry/core"))
    yield* Effect.acquireRelease(
      Effect.sync(() => api.propagation.setGlobalPropagator(new W3CTraceContextPropagator())),
      (ours) => Effect.sync(() => ours && api.propagation.disable())
    )
  })

// Libraries keep a tracer once they have it, so the tracer of a closed layer must also serve the next layer.
const current: { pipeline: (typeof Tracer.SpanPipeline)["Service"] | undefined } = { pipeline: undefined }

const forwarder: SpanProcessor = {
  onStart: () => {},
  onEnd: (span: ReadableSpan) => current.pipeline?.record(withoutMessages(span)),
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve()
}

const acquireTracerProvider = (api: Api) =>
  Effect.gen(function* () {
    const pipeline = yield* Tracer.SpanPipeline
    const resource = yield* Tracer.makeResource(yield* Settings.CurrentSettings)
    const { TracerProvider } = yield* Effect.promise(() => import("@opentelemetry/sdk-trace"))
    const provider = new TracerProvider({ resource, spanProcessors: [forwarder] })
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const ours = api.trace.setGlobalTracerProvider(provider)
        if (ours) current.pipeline = pipeline
        return ours
      }),
      (ours) =>
        Effect.sync(() => {
          if (!ours) return
          current.pipeline = undefined
          api.trace.disable()
        })
    )
  }).pipe(Effect.provide(Settings.layer))

/** Removes error messages, as our own spans do: a library's message may carry content. The error type stays. */
const withoutMessages = (span: ReadableSpan): ReadableSpan => {
  const { events, status } = span
  if (status.message === undefined && !events.some(({ attributes }) => hasMessage(attributes))) return span
  return CopySpan.make(span, {
    status: { code: status.code },
    events: events.map((event) =>
      hasMessage(event.attributes) ? { ...event, attributes: dropMessages(event.attributes) } : event
    )
  })
}

const messageAttributes: ReadonlyArray<string> = [attribute.exceptionMessage, attribute.exceptionStack]

const hasMessage = (attributes: Attributes | undefined): attributes is Attributes =>
  attributes !== undefined && messageAttributes.some((name) => Object.hasOwn(attributes, name))

const dropMessages = (attributes: Attributes): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => !messageAttributes.includes(name)))
