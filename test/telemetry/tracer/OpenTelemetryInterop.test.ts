import * as Otel from "@opentelemetry/api"
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks"
import { TracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { Codex } from "../../../src/Codex.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"
import * as OpenTelemetryInterop from "../../../src/telemetry/tracer/OpenTelemetryInterop.ts"
import * as InMemorySpans from "../../../src/telemetry/tracer/InMemorySpans.ts"
import * as Settings from "../../../src/telemetry/config/Settings.ts"
import * as Tracer from "../../../src/telemetry/tracer/Tracer.ts"
import { TestLayer } from "../../../src/testing/TestLayer.ts"

/** What a library does that was instrumented for OpenTelemetry: a client span around something asynchronous. */
const fetchLike = async (url: string): Promise<string | undefined> => {
  const tracer = Otel.trace.getTracer("instrumented-http")
  return tracer.startActiveSpan("GET", { kind: Otel.SpanKind.CLIENT, attributes: { url } }, async (span) => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    Otel.trace.getActiveSpan()?.setAttribute("http.response.status_code", 200)
    span.end()
    return Otel.trace.getActiveSpan()?.spanContext().spanId
  })
}

/** A provider and a context manager of the host, as its own SDK would set them up. */
const host = (options: { readonly contextManager: boolean }) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const exporter = new InMemorySpanExporter()
      const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
      Otel.trace.setGlobalTracerProvider(provider)
      const manager = new AsyncLocalStorageContextManager().enable()
      if (options.contextManager) Otel.context.setGlobalContextManager(manager)
      return { exporter, provider, manager }
    }),
    () =>
      Effect.sync(() => {
        Otel.trace.disable()
        Otel.context.disable()
      })
  )

const environment = Layer.succeed(Settings.Environment, {})

const withMemory = (options?: OpenTelemetryInterop.InteropOptions) =>
  Effect.map(InMemorySpans.make, (memory) => ({
    spans: memory.spans,
    layer: OpenTelemetryInterop.layerOptions(options ?? {}).pipe(
      Layer.provideMerge(Tracer.layerProcessor(Effect.succeed(memory.processor))),
      Layer.provide(environment)
    )
  }))

const rootOnly = () => Otel.context.active() === Otel.ROOT_CONTEXT

describe("without the interop layer", () => {
  it.live("the host's provider, its spans and Effect's own tracer are unchanged", () =>
    Effect.gen(function* () {
      const { exporter, provider } = yield* host({ contextManager: true })
      const memory = yield* InMemorySpans.make
      const ours = Tracer.layerProcessor(Effect.succeed(memory.processor)).pipe(Layer.provide(environment))
      const before = yield* Effect.tracer
      yield* Effect.promise(() => fetchLike("/")).pipe(Effect.withSpan("ours"), Effect.provide(ours))
      assert.strictEqual(yield* Effect.tracer, before)
      const delegate = Otel.trace.getTracerProvider()
      assert.isTrue(delegate instanceof Otel.ProxyTracerProvider && delegate.getDelegate() === provider)
      assert.deepStrictEqual(
        exporter.getFinishedSpans().map(({ name, parentSpanContext }) => [name, parentSpanContext]),
        [["GET", undefined]]
      )
      assert.deepStrictEqual(
        (yield* memory.spans).map(({ name }) => name),
        ["ours"]
      )
    })
  )
})

describe("with the interop layer", () => {
  it.live("OpenTelemetry's active span is the current Effect span", () =>
    Effect.gen(function* () {
      const { layer, spans } = yield* withMemory()
      const seen = yield* Effect.gen(function* () {
        const outside = Otel.trace.getActiveSpan()
        const ids = yield* Effect.promise(async () => {
          await new Promise((resolve) => setTimeout(resolve, 1))
          const span = Otel.trace.getActiveSpan()
          span?.setAttributes({ "from.library": true }).addEvent("reached", { step: 1 })
          span?.addEvent("again", performance.now())
          span?.recordException(new Error("secret"))
          return span?.spanContext()
        }).pipe(Effect.withSpan("inner"), Effect.withSpan("outer"))
        return { outside, ids, after: Otel.trace.getActiveSpan() }
      }).pipe(Effect.provide(layer))
      const [inner] = yield* spans
      assert.deepStrictEqual(seen, { outside: undefined, ids: seen.ids, after: undefined })
      assert.strictEqual(seen.ids?.spanId, inner?.spanContext().spanId)
      assert.strictEqual(seen.ids?.traceId, inner?.spanContext().traceId)
      assert.deepStrictEqual(inner?.attributes, { "from.library": true })
      assert.deepStrictEqual(
        inner?.events.map(({ attributes, name }) => [name, attributes]),
        [
          ["reached", { step: 1 }],
          ["again", {}]
        ]
      )
      const [first, second] = inner?.events ?? []
      assert.isAtMost(Math.abs((first?.time[0] ?? 0) - (second?.time[0] ?? 0)), 2)
    })
  )

  it.live("spans of interleaved fibers are never mixed up", () =>
    Effect.gen(function* () {
      const { layer } = yield* withMemory()
      const one = (name: string) =>
        Effect.gen(function* () {
          const own = yield* Effect.currentSpan
          for (let at = 0; at < 20; at++) {
            yield* at % 2 === 0 ? Effect.yieldNow : Effect.sleep("1 millis")
            const seen = yield* Effect.promise(() =>
              Promise.resolve().then(() => Otel.trace.getActiveSpan()?.spanContext().spanId)
            )
            assert.strictEqual(seen, own.spanId)
          }
        }).pipe(Effect.withSpan(name))
      yield* Effect.forEach(["a", "b", "c", "d"], one, { concurrency: "unbounded" }).pipe(
        Effect.provide(layer)
      )
    })
  )

  it.live("values in the host's context are visible inside a span, separately for each caller", () =>
    Effect.gen(function* () {
      yield* host({ contextManager: true })
      const { layer } = yield* withMemory()
      const key = Otel.createContextKey("request")
      yield* Effect.gen(function* () {
        const services = yield* Effect.context<never>()
        const own = yield* Effect.currentSpan
        const seen = Effect.sync(() => {
          const active = Otel.context.active()
          return [active.getValue(key), Otel.trace.getSpan(active)?.spanContext().spanId]
        })
        const request = Effect.all([seen, Effect.sleep("1 millis"), Effect.yieldNow, seen])
        const asked = [1, 2, 1].map((value) =>
          Otel.context.with(Otel.ROOT_CONTEXT.setValue(key, value), () =>
            Effect.runPromiseWith(services)(request)
          )
        )
        const answers = yield* Effect.promise(() => Promise.all(asked))
        for (const [at, value] of [1, 2, 1].entries()) {
          const expected = [value, own.spanId]
          assert.deepStrictEqual([answers[at]?.[0], answers[at]?.[3]], [expected, expected])
        }
      }).pipe(Effect.withSpan("ours"), Effect.provide(layer))
    })
  )

  it.live("a library's span inside a tool goes to the host's provider as a child of the tool", () =>
    Effect.gen(function* () {
      const { exporter } = yield* host({ contextManager: true })
      const { layer, spans } = yield* withMemory()
      const inside = yield* Effect.promise(() => fetchLike("/tickets")).pipe(
        Effect.withSpan("execute_tool lookup"),
        Effect.provide(layer)
      )
      const [get] = exporter.getFinishedSpans()
      const [tool] = yield* spans
      assert.strictEqual(get?.parentSpanContext?.spanId, tool?.spanContext().spanId)
      assert.strictEqual(get?.spanContext().traceId, tool?.spanContext().traceId)
      assert.strictEqual(get?.spanContext().spanId, inside)
      assert.deepStrictEqual(get?.attributes, { url: "/tickets", "http.response.status_code": 200 })
      assert.strictEqual((yield* spans).length, 1)
    })
  )

  it.live("a library's span inside a tool is recorded with the turn when `tracerProvider` is on", () =>
    Effect.gen(function* () {
      const Lookup = Tool.make("lookup", { parameters: Schema.Struct({}), success: Schema.String })
      const Tickets = Toolkit.make(Lookup)
      const memory = yield* InMemorySpans.make
      const layer = OpenTelemetryInterop.layerOptions({ tracerProvider: true }).pipe(
        Layer.provideMerge(Tracer.layerProcessor(Effect.succeed(memory.processor))),
        Layer.provide(environment)
      )
      yield* Effect.gen(function* () {
        yield* Scripted.play([Scripted.toolCall("lookup", {}), Scripted.message("done")])
        const codex = yield* Codex
        const thread = yield* codex.startThread({ tools: yield* Tickets })
        yield* thread.run("look it up")
      }).pipe(
        Effect.scoped,
        Effect.provide(
          Tickets.toLayer({
            lookup: () => Effect.promise(() => fetchLike("/tickets")).pipe(Effect.as("found"))
          }).pipe(Layer.provideMerge(layer), Layer.provideMerge(TestLayer))
        )
      )
      const all = yield* memory.spans
      const get = all.find(({ name }) => name === "GET")
      const tool = all.find(({ name }) => name === "execute_tool lookup")
      assert.isDefined(get)
      assert.strictEqual(get.parentSpanContext?.spanId, tool?.spanContext().spanId)
      assert.strictEqual(get.spanContext().traceId, tool?.spanContext().traceId)
      assert.strictEqual(get.resource.attributes["service.name"], "effect-codex")
    })
  )

  it.live("the layer restores the globals when it closes", () =>
    Effect.gen(function* () {
      const { layer } = yield* withMemory({ tracerProvider: true })
      yield* Effect.void.pipe(Effect.withSpan("span"), Effect.provide(layer))
      const provider = Otel.trace.getTracerProvider()
      assert.isTrue(Otel.context.with(Otel.ROOT_CONTEXT.setValue(Symbol("x"), 1), rootOnly))
      assert.isFalse(Otel.trace.getTracer("after").startSpan("x").isRecording())
      assert.isDefined(provider)
    })
  )

  it.live("the host's own globals stay in place", () =>
    Effect.gen(function* () {
      const { exporter, provider } = yield* host({ contextManager: true })
      const { layer, spans } = yield* withMemory({ tracerProvider: true })
      yield* Effect.promise(() => fetchLike("/")).pipe(Effect.withSpan("ours"), Effect.provide(layer))
      const delegate = Otel.trace.getTracerProvider()
      assert.isTrue(delegate instanceof Otel.ProxyTracerProvider && delegate.getDelegate() === provider)
      assert.strictEqual(exporter.getFinishedSpans().length, 1)
      assert.strictEqual((yield* spans).length, 1)
      const key = Otel.createContextKey("host")
      assert.isTrue(
        Otel.context.with(
          Otel.ROOT_CONTEXT.setValue(key, true),
          () => Otel.context.active().getValue(key) === true
        )
      )
    })
  )

  it.live("the layer sets nothing when telemetry is disabled", () =>
    Effect.gen(function* () {
      const disabled = Layer.succeed(Settings.Environment, { OTEL_SDK_DISABLED: "true" })
      const active = yield* Effect.sync(() => Otel.trace.getActiveSpan()).pipe(
        Effect.withSpan("span"),
        Effect.provide(OpenTelemetryInterop.layer.pipe(Layer.provide(disabled)))
      )
      assert.isUndefined(active)
    })
  )
})
