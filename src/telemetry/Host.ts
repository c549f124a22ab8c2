/**
 * Libraries that know OpenTelemetry and not Effect, such as an instrumented HTTP client, inside our spans. Opt-in: it
 * makes code inside spans slower, and it is the only place that sets anything global of OpenTelemetry.
 */
import type { ContextManager, Span as OtelSpan } from "@opentelemetry/api"
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as EffectTracer from "effect/Tracer"
import * as HostSpan from "./internal/HostSpan.ts"
import * as Settings from "./Settings.ts"
import * as Tracer from "./Tracer.ts"

export interface Options {
  /**
   * Also record what such libraries trace, with our own spans. By default their spans go to the tracer provider of the
   * host, and nowhere if it has none; one that is there already is left in place.
   */
  readonly tracerProvider?: boolean | undefined
}

/**
 * While it is in use, `trace.getActiveSpan()` and `context.active()` of `@opentelemetry/api` are the Effect span that
 * runs, and what libraries trace becomes its child. A context manager of the host is used; without one there is ours for
 * as long as the layer lives. Put it above the exporters:
 *
 * ```ts
 * program.pipe(Effect.provide(Host.layer().pipe(Layer.provideMerge(OtlpLayer))))
 * ```
 */
export const layer = (options: Options = {}): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.map(Settings.CurrentSettings, ({ disabled }) => (disabled ? Layer.empty : joined(options)))
  ).pipe(Layer.provide(Settings.layer))

const joined = (options: Options) =>
  Layer.effect(
    EffectTracer.Tracer,
    Effect.gen(function* () {
      const api = yield* Effect.promise(() => import("@opentelemetry/api"))
      const clock = yield* Clock.Clock
      const inner = yield* EffectTracer.Tracer
      yield* acquireContextManager(api)
      if (options.tracerProvider === true) yield* acquireTracerProvider(api)

      const spans = new WeakMap<EffectTracer.AnySpan, OtelSpan>()
      const toOtel = (span: EffectTracer.AnySpan): OtelSpan => {
        const made = spans.get(span) ?? HostSpan.make(span, clock, api.INVALID_SPAN_CONTEXT)
        spans.set(span, made)
        return made
      }
      return EffectTracer.make({
        span: (options) => inner.span(options),
        context: (primitive, fiber) => {
          const span = fiber.cache.span
          if (span === undefined) return primitive["~effect/Effect/evaluate"](fiber)
          const active = api.context.active()
          const ours = toOtel(span)
          // A library that made its own span below ours and calls back into Effect stays in between.
          if (api.trace.getSpan(active) === ours) return primitive["~effect/Effect/evaluate"](fiber)
          return api.context.with(api.trace.setSpan(active, ours), () =>
            primitive["~effect/Effect/evaluate"](fiber)
          )
        }
      })
    })
  ).pipe(Layer.provide(Tracer.layer))

type Api = typeof import("@opentelemetry/api")

// The API tells only by its behaviour whether a context manager is set: without one there is nothing but the root.
const hasContextManager = ({ context, createContextKey, ROOT_CONTEXT }: Api): boolean => {
  const key = createContextKey("effect-codex")
  return context.with(ROOT_CONTEXT.setValue(key, true), () => context.active().getValue(key) === true)
}

const acquireContextManager = (api: Api) =>
  Effect.gen(function* () {
    if (hasContextManager(api)) return
    const { AsyncLocalStorageContextManager } = yield* Effect.promise(
      () => import("@opentelemetry/context-async-hooks")
    )
    yield* Effect.acquireRelease(
      Effect.sync((): ContextManager => {
        const manager = new AsyncLocalStorageContextManager().enable()
        api.context.setGlobalContextManager(manager)
        return manager
      }),
      () => Effect.sync(() => api.context.disable())
    )
  })

const acquireTracerProvider = (api: Api) =>
  Effect.gen(function* () {
    const pipeline = yield* Tracer.SpanPipeline
    const resource = yield* Tracer.makeResource(yield* Settings.CurrentSettings)
    const { BasicTracerProvider } = yield* Effect.promise(() => import("@opentelemetry/sdk-trace-base"))
    const forward: SpanProcessor = {
      onStart: () => {},
      onEnd: (span: ReadableSpan) => pipeline.record(span),
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve()
    }
    const provider = new BasicTracerProvider({ resource, spanProcessors: [forward] })
    yield* Effect.acquireRelease(
      Effect.sync(() => api.trace.setGlobalTracerProvider(provider)),
      (ours) => Effect.sync(() => ours && api.trace.disable())
    )
  }).pipe(Effect.provide(Settings.layer))
