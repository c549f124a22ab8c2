/** Exporters and processors of OpenTelemetry that a program brings itself, in our pipe. */
import { assert, describe, it } from "@effect/vitest"
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http"
import { BatchSpanProcessor, type ReadableSpan, type SpanProcessor } from "@opentelemetry/sdk-trace-node"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Codex, Redaction, Tracer } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import * as Collector from "../../support/collector.ts"
import { environment } from "../../support/environment.ts"

const scripted = Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Scripted.layer))
const secret = "hunter2-of-the-shop"

/** A turn below a span of the program, which has a secret in it. */
const turn = Effect.gen(function* () {
  yield* Scripted.play([Scripted.command("npm test"), Scripted.message("done")])
  const codex = yield* Codex
  const thread = yield* codex.startThread()
  return yield* thread.run("test it")
}).pipe(Effect.scoped, Effect.withSpan("nightly", { attributes: { "shop.token": secret } }))

const toCollector = (url: string) => new OTLPTraceExporter({ url: `${url}/v1/traces`, timeoutMillis: 1000 })

const arrivals = <A>(layerOf: (url: string) => Layer.Layer<A>) =>
  Effect.gen(function* () {
    const collector = yield* Collector.make
    const { message } = yield* turn.pipe(
      Effect.provide(scripted.pipe(Layer.provideMerge(layerOf(collector.url))))
    )
    assert.strictEqual(message, "done")
    assert.notInclude(yield* collector.bytes, secret)
    return yield* collector.spans
  })

const isWhole = (spans: ReadonlyArray<Collector.Arrived>) => {
  const root = spans.find(({ name }) => name === "nightly")
  const agent = spans.find(({ name }) => name === "invoke_agent codex")
  const tool = spans.find(({ name }) => name === "execute_tool exec_command")
  assert.isDefined(root)
  assert.isDefined(agent)
  assert.isUndefined(root.parentSpanId)
  assert.strictEqual(agent.parentSpanId, root.spanId)
  assert.strictEqual(tool?.parentSpanId, agent.spanId)
  assert.strictEqual(new Set(spans.map(({ traceId }) => traceId)).size, 1)
  assert.strictEqual(new Set(spans.map(({ spanId }) => spanId)).size, spans.length)
  assert.strictEqual(root.attributes["shop.token"], Redaction.mask)
}

describe("exporters and processors of the program", () => {
  it.live("an exporter receives the whole redacted trace when the layer closes", () =>
    Effect.gen(function* () {
      isWhole(
        yield* arrivals((url) =>
          Tracer.layerExporter(Effect.sync(() => toCollector(url))).pipe(Layer.provide(environment()))
        )
      )
    })
  )

  it.live("an exporter receives nothing when telemetry is disabled", () =>
    Effect.gen(function* () {
      const off = environment({ OTEL_SDK_DISABLED: "true" })
      const spans = yield* arrivals((url) =>
        Tracer.layerExporter(Effect.sync(() => toCollector(url))).pipe(Layer.provide(off))
      )
      assert.deepStrictEqual(spans, [])
    })
  )

  it.live("a batch processor with its own exporter receives the same trace", () =>
    Effect.gen(function* () {
      isWhole(
        yield* arrivals((url) =>
          Tracer.layerProcessor(Effect.sync(() => new BatchSpanProcessor(toCollector(url)))).pipe(
            Layer.provide(environment())
          )
        )
      )
    })
  )

  it.live("a processor receives only ended spans, and is flushed and shut down once", () =>
    Effect.gen(function* () {
      const calls: Array<string> = []
      const seen: Array<ReadableSpan> = []
      const processor: SpanProcessor = {
        onStart: () => void calls.push("start"),
        onEnd: (span) => void seen.push(span),
        forceFlush: async () => void calls.push("flush"),
        shutdown: async () => void calls.push("shutdown")
      }
      const layer = Tracer.layerProcessor(Effect.succeed(processor)).pipe(Layer.provide(environment()))
      yield* turn.pipe(Effect.provide(scripted.pipe(Layer.provideMerge(layer))))
      assert.deepStrictEqual(calls, ["flush", "shutdown"])
      assert.isTrue(seen.length > 3 && seen.every(({ ended }) => ended))
    })
  )

  it.live("two exporters of the program and ours receive the same spans", () =>
    Effect.gen(function* () {
      const [first, second] = [yield* Collector.make, yield* Collector.make]
      const layer = Layer.mergeAll(
        Tracer.layerExporter(Effect.sync(() => toCollector(first.url))),
        Tracer.layerProcessor(Effect.sync(() => new BatchSpanProcessor(toCollector(second.url))))
      ).pipe(Layer.provide(environment()))
      yield* turn.pipe(Effect.provide(scripted.pipe(Layer.provideMerge(layer))))
      const ids = (spans: ReadonlyArray<Collector.Arrived>) => spans.map(({ spanId }) => spanId).toSorted()
      assert.deepStrictEqual(ids(yield* first.spans), ids(yield* second.spans))
      isWhole(yield* first.spans)
    })
  )

  it.live("a processor that closes together with a holder receives the spans that the holder held", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const held: Array<ReadableSpan> = []
      let flushes = 0
      const [begun, allowed] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const processor: SpanProcessor = {
        onStart: () => {},
        onEnd: ({ name }) => void seen.push(name),
        forceFlush: () => Promise.resolve(),
        shutdown: () => Promise.resolve()
      }
      yield* Effect.gen(function* () {
        const pipeline = yield* Tracer.SpanPipeline
        const [ofHolder, ofProcessor] = [yield* Scope.make(), yield* Scope.make()]
        const flush = Effect.gen(function* () {
          flushes++
          yield* Deferred.succeed(begun, undefined)
          yield* Deferred.await(allowed)
          for (const span of held.splice(0)) pipeline.record(span)
        })
        yield* pipeline.hold((span) => held.push(span) > 0, flush).pipe(Scope.provide(ofHolder))
        yield* pipeline.add(processor).pipe(Scope.provide(ofProcessor))
        yield* Effect.withSpan(Effect.void, "held")
        const closing = yield* Effect.all(
          [Scope.close(ofHolder, Exit.void), Scope.close(ofProcessor, Exit.void)],
          {
            concurrency: "unbounded"
          }
        ).pipe(Effect.forkChild({ startImmediately: true }))
        yield* Deferred.await(begun)
        assert.deepStrictEqual(seen, [])
        yield* Deferred.succeed(allowed, undefined)
        yield* Fiber.join(closing)
      }).pipe(Effect.provide(Layer.fresh(Tracer.layer).pipe(Layer.provide(environment()))))
      assert.deepStrictEqual(seen, ["held"])
      assert.strictEqual(flushes, 1)
    })
  )
})
