/** A real instrumentation of a real HTTP client, Node's own `fetch`, below the spans of tools. */
import * as Otel from "@opentelemetry/api"
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks"
import { W3CTraceContextPropagator } from "@opentelemetry/core"
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici"
import {
  TracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanExporter
} from "@opentelemetry/sdk-trace"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { Codex, OpenTelemetryInterop, Redaction, Tracer } from "effect-codex"
import { ModelServer, Scripted } from "effect-codex/testing"
import * as InMemorySpans from "../../../src/telemetry/tracer/InMemorySpans.ts"
import * as Settings from "../../../src/telemetry/config/Settings.ts"
import * as Real from "../../support/realEngine.ts"
import * as Upstream from "../../support/upstream.ts"
import { test } from "../../support/live.ts"

/** `fetch` instrumented for as long as the scope is open, as a program does it where it starts. */
const instrumented = Effect.acquireRelease(
  Effect.sync(() => new UndiciInstrumentation()),
  (instrumentation) => Effect.sync(() => instrumentation.disable())
)

const Lookup = Tool.make("lookup", {
  parameters: Schema.Struct({ path: Schema.String }),
  success: Schema.String
})
const Tickets = Toolkit.make(Lookup)

const get = (url: string) => Effect.promise(async () => (await fetch(url)).text())

/** Tickets that are read over HTTP, `around` being what the handler does about it. */
const tickets = (url: string, around = (read: Effect.Effect<string>): Effect.Effect<string> => read) =>
  Tickets.toLayer({ lookup: ({ path }) => around(get(`${url}${path}`)) })

const scripted = Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Scripted.layer))

/** One turn that calls the tool once. */
const turn = (path: string) =>
  Effect.gen(function* () {
    yield* Scripted.play([Scripted.toolCall("lookup", { path }), Scripted.message("done")])
    const codex = yield* Codex
    const thread = yield* codex.startThread({ tools: yield* Tickets })
    return yield* thread.run("look it up")
  }).pipe(Effect.scoped)

const recording = (options: {
  readonly host?: OpenTelemetryInterop.InteropOptions
  readonly environment?: Settings.Environment
}) =>
  Effect.map(InMemorySpans.make, ({ processor, spans }) => {
    const exporter = Tracer.layerProcessor(Effect.succeed(processor))
    const layer =
      options.host === undefined
        ? exporter
        : Layer.provideMerge(OpenTelemetryInterop.layerOptions(options.host), exporter)
    return {
      spans,
      layer: Layer.provide(layer, Layer.succeed(Settings.Environment, options.environment ?? {}))
    }
  })

const one = (spans: ReadonlyArray<ReadableSpan>, name: string): ReadableSpan => {
  const [found, ...more] = spans.filter((span) => span.name === name)
  assert.isDefined(found, `no span ${name} among ${spans.map(({ name }) => name).join(", ")}`)
  assert.strictEqual(more.length, 0, `more than one span ${name}`)
  return found
}

const isChild = (span: ReadableSpan | undefined, parent: ReadableSpan | undefined) => {
  assert.isDefined(span)
  assert.isDefined(parent)
  assert.strictEqual(span.parentSpanContext?.spanId, parent.spanContext().spanId)
  assert.strictEqual(span.spanContext().traceId, parent.spanContext().traceId)
}

const traceparent = (span: ReadableSpan) => `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`

const nothingSet = () => {
  assert.deepStrictEqual(Otel.propagation.fields(), [])
  assert.isFalse(Otel.trace.getTracer("after").startSpan("x").isRecording())
  const key = Otel.createContextKey("after")
  const active = () => Otel.context.active().getValue(key)
  assert.isUndefined(Otel.context.with(Otel.ROOT_CONTEXT.setValue(key, true), active))
}

describe("a tool that calls `fetch`", () => {
  it.live("has the request inside its span and the called service in the same trace", () =>
    Effect.gen(function* () {
      yield* instrumented
      const upstream = yield* Upstream.make()
      const { layer, spans } = yield* recording({ host: { tracerProvider: true } })
      yield* turn("/T-1").pipe(
        Effect.provide(tickets(upstream.url).pipe(Layer.provideMerge(scripted), Layer.provideMerge(layer)))
      )
      const all = yield* spans
      const request = one(all, "GET")
      isChild(request, one(all, "execute_tool lookup"))
      isChild(one(all, "execute_tool lookup"), one(all, "invoke_agent codex"))
      assert.deepInclude(request.attributes, {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.full": `${upstream.url}/T-1`
      })
      assert.strictEqual(request.kind, Otel.SpanKind.CLIENT)
      assert.strictEqual(request.resource.attributes["service.name"], "effect-codex")
      const [asked] = yield* upstream.asked
      assert.strictEqual(asked?.headers["traceparent"], traceparent(request))
      nothingSet()
    })
  )

  it.live("is traced again after the layer closes and is built anew", () =>
    Effect.gen(function* () {
      yield* instrumented
      const upstream = yield* Upstream.make()
      for (const path of ["first", "second", "third"]) {
        const { layer, spans } = yield* recording({ host: { tracerProvider: true } })
        yield* get(`${upstream.url}/${path}`).pipe(Effect.withSpan("ours"), Effect.provide(layer))
        // The layer is closed, so the context is not used any more.
        yield* get(upstream.url).pipe(Effect.withSpan("ours"))
        const all = yield* spans
        assert.deepStrictEqual(
          all.map(({ name }) => name),
          ["GET", "ours"]
        )
        isChild(one(all, "GET"), one(all, "ours"))
        assert.strictEqual(one(all, "GET").attributes["url.path"], `/${path}`)
        nothingSet()
      }
    })
  )

  it.live("propagates the trace even when the request is not recorded", () =>
    Effect.gen(function* () {
      yield* instrumented
      const upstream = yield* Upstream.make()
      const { layer, spans } = yield* recording({ host: {} })
      yield* turn("/T-1").pipe(
        Effect.provide(tickets(upstream.url).pipe(Layer.provideMerge(scripted), Layer.provideMerge(layer)))
      )
      const all = yield* spans
      assert.isFalse(all.some(({ name }) => name === "GET"))
      const [asked] = yield* upstream.asked
      assert.strictEqual(asked?.headers["traceparent"], traceparent(one(all, "execute_tool lookup")))
      nothingSet()
    })
  )

  it.live("propagates nothing when OTEL_PROPAGATORS is none", () =>
    Effect.gen(function* () {
      yield* instrumented
      const upstream = yield* Upstream.make()
      const environment = { OTEL_PROPAGATORS: "none", OTEL_LOG_LEVEL: "none" }
      const { layer, spans } = yield* recording({ host: { tracerProvider: true }, environment })
      yield* get(upstream.url).pipe(Effect.withSpan("ours"), Effect.provide(layer))
      isChild(one(yield* spans, "GET"), one(yield* spans, "ours"))
      assert.isUndefined((yield* upstream.asked)[0]?.headers["traceparent"])
    })
  )

  it.live("is traced without the layer, but its requests are not", () =>
    Effect.gen(function* () {
      const upstream = yield* Upstream.make()
      const shape = Effect.gen(function* () {
        const { layer, spans } = yield* recording({})
        yield* turn("/T-1").pipe(
          Effect.provide(tickets(upstream.url).pipe(Layer.provideMerge(scripted), Layer.provideMerge(layer)))
        )
        const all = yield* spans
        const nameOf = (id: string | undefined) => all.find((span) => span.spanContext().spanId === id)?.name
        return all.map((span) => [span.name, nameOf(span.parentSpanContext?.spanId), span.events.length])
      })
      const before = yield* shape
      yield* instrumented
      assert.deepStrictEqual(yield* shape, before)
      assert.isAbove(before.length, 1)
      for (const { headers } of yield* upstream.asked) assert.isUndefined(headers["traceparent"])
      nothingSet()
    })
  )

  it.live("shows the type of a request error but not its message", () =>
    Effect.gen(function* () {
      yield* instrumented
      const { layer, spans } = yield* recording({ host: { tracerProvider: true } })
      const closed = yield* Effect.scoped(Effect.map(Upstream.make(), ({ url }) => url))
      const refused = Effect.promise(() =>
        fetch(`${closed}/x`).then(
          () => "answered",
          () => "refused"
        )
      )
      assert.strictEqual(yield* refused.pipe(Effect.withSpan("ours"), Effect.provide(layer)), "refused")
      const request = one(yield* spans, "GET")
      assert.strictEqual(request.attributes["error.type"], "ECONNREFUSED")
      assert.deepStrictEqual(request.status, { code: Otel.SpanStatusCode.ERROR })
      assert.deepStrictEqual(
        request.events.map(({ attributes, name }) => [name, Object.keys(attributes ?? {})]),
        [["exception", ["exception.type"]]]
      )
    })
  )
})

describe("an exporter that uses `fetch` itself", () => {
  it.live("is not traced", () =>
    Effect.gen(function* () {
      yield* instrumented
      const upstream = yield* Upstream.make()
      const sent: Array<string> = []
      const exporter = (url: string): SpanExporter => ({
        export: async (spans, done) => {
          sent.push(...spans.map(({ name }) => name))
          await fetch(url, { method: "POST", body: "{}" })
          done({ code: 0 })
        },
        shutdown: () => Promise.resolve()
      })
      const layer = OpenTelemetryInterop.layerOptions({ tracerProvider: true }).pipe(
        Layer.provideMerge(Tracer.layerExporter(Effect.sync(() => exporter(`${upstream.url}/collector`)))),
        Layer.provide(Layer.succeed(Settings.Environment, { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "1" }))
      )
      yield* Effect.replicateEffect(get(`${upstream.url}/asked`).pipe(Effect.withSpan("ours")), 3).pipe(
        Effect.provide(layer)
      )
      assert.deepStrictEqual(sent, ["GET", "ours", "GET", "ours", "GET", "ours"])
      const [first, ...more] = (yield* upstream.asked).filter(({ url }) => url === "/collector")
      assert.isDefined(first)
      for (const { headers } of [first, ...more]) assert.isUndefined(headers["traceparent"])
    })
  )
})

describe("requests of the program are redacted like our own spans", () => {
  it.live("secrets in a URL's query are masked by name, pattern, value and rule", () =>
    Effect.gen(function* () {
      yield* instrumented
      const upstream = yield* Upstream.make()
      const environment = { SHOP_TOKEN: "hunter2-of-the-shop" }
      const { layer, spans } = yield* recording({ host: { tracerProvider: true }, environment })
      const jwt = `eyJ${"hbGciOiJIUzI1NiJ9"}.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U`
      const query = `api_key=12345abc&q=hunter2-of-the-shop&jwt=${jwt}&customer=CUST-4711&page=2`
      yield* turn(`/search?${query}`).pipe(
        Effect.provide(
          tickets(upstream.url).pipe(
            Layer.provideMerge(scripted),
            Layer.provideMerge(layer),
            Layer.provideMerge(Redaction.layer({ rules: [/\bCUST-\d+\b/] })),
            Layer.provide(Layer.succeed(Settings.Environment, environment))
          )
        )
      )
      const request = one(yield* spans, "GET")
      const shown = JSON.stringify(request.attributes)
      for (const secret of ["12345abc", "hunter2", jwt.slice(-12), "4711"]) assert.notInclude(shown, secret)
      assert.include(request.attributes["url.full"], `${upstream.url}/search?api_key=${Redaction.mask}`)
      assert.include(request.attributes["url.full"], "page=2")
      assert.include(request.attributes["url.query"], "page=2")
      // The service itself gets what it needs.
      assert.strictEqual((yield* upstream.asked)[0]?.url, `/search?${query}`)
    })
  )
})

describe("the spans of a host", () => {
  const host = Effect.acquireRelease(
    Effect.sync(() => {
      const exporter = new InMemorySpanExporter()
      const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
      Otel.trace.setGlobalTracerProvider(provider)
      Otel.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
      const propagator: Otel.TextMapPropagator = {
        inject: (context, carrier, setter) => {
          setter.set(carrier, "x-host", "1")
          new W3CTraceContextPropagator().inject(context, carrier, setter)
        },
        extract: (context) => context,
        fields: () => ["x-host", "traceparent"]
      }
      Otel.propagation.setGlobalPropagator(propagator)
      return { exporter, provider }
    }),
    () =>
      Effect.sync(() => {
        Otel.trace.disable()
        Otel.context.disable()
        Otel.propagation.disable()
      })
  )

  for (const options of [{}, { tracerProvider: true }]) {
    it.live(`stay with the host and its propagator, ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const { exporter, provider } = yield* host
        yield* instrumented
        const upstream = yield* Upstream.make()
        const { layer, spans } = yield* recording({ host: options })
        yield* turn("/T-1").pipe(
          Effect.provide(tickets(upstream.url).pipe(Layer.provideMerge(scripted), Layer.provideMerge(layer)))
        )
        const request = one(exporter.getFinishedSpans(), "GET")
        isChild(request, one(yield* spans, "execute_tool lookup"))
        assert.isFalse((yield* spans).some(({ name }) => name === "GET"))
        const headers = (yield* upstream.asked)[0]?.headers
        assert.strictEqual(headers?.["traceparent"], traceparent(request))
        assert.strictEqual(headers?.["x-host"], "1")
        const delegate = Otel.trace.getTracerProvider()
        assert.isTrue(delegate instanceof Otel.ProxyTracerProvider && delegate.getDelegate() === provider)
        assert.deepStrictEqual(Otel.propagation.fields(), ["x-host", "traceparent"])
      })
    )
  }
})

describe("a request belongs to the span that makes it", () => {
  it.live("when two threads call tools concurrently", () =>
    Effect.gen(function* () {
      yield* instrumented
      const upstream = yield* Upstream.make(2)
      const { layer, spans } = yield* recording({ host: { tracerProvider: true } })
      // Twice: the second pair of requests runs over connections that were opened in other spans.
      const twice = (read: Effect.Effect<string>) =>
        Effect.andThen(read, Effect.andThen(Effect.yieldNow, read))
      yield* Effect.gen(function* () {
        const script = (path: string) => [Scripted.toolCall("lookup", { path }), Scripted.message("done")]
        yield* Scripted.play([...script("/a"), Scripted.completed, ...script("/b")])
        const codex = yield* Codex
        const toolkit = yield* Tickets
        yield* Effect.forEach(
          ["first", "second"],
          (input) => Effect.flatMap(codex.startThread({ tools: toolkit }), (thread) => thread.run(input)),
          { concurrency: "unbounded" }
        )
      }).pipe(
        Effect.scoped,
        Effect.provide(
          tickets(upstream.url, twice).pipe(Layer.provideMerge(scripted), Layer.provideMerge(layer))
        )
      )
      const all = yield* spans
      const tools = all.filter(({ name }) => name === "execute_tool lookup")
      assert.strictEqual(new Set(tools.map((tool) => tool.spanContext().traceId)).size, 2)
      const urls = tools.map((tool) =>
        all
          .filter(({ parentSpanContext }) => parentSpanContext?.spanId === tool.spanContext().spanId)
          .map(({ attributes }) => attributes["url.path"])
      )
      assert.sameDeepMembers(urls, [
        ["/a", "/a"],
        ["/b", "/b"]
      ])
      for (const { headers, url } of yield* upstream.asked) {
        const span = all.find((span) => headers["traceparent"] === traceparent(span))
        assert.strictEqual(span?.attributes["url.path"], url)
      }
    })
  )

  it.live("after sleeping, in promises, callbacks, streams and fibers, and across other spans", () =>
    Effect.gen(function* () {
      yield* instrumented
      const upstream = yield* Upstream.make()
      const { layer, spans } = yield* recording({ host: { tracerProvider: true } })
      const ask = (path: string) => get(`${upstream.url}/${path}`)
      const tool = (id: string) =>
        Effect.gen(function* () {
          const gate = yield* Deferred.make<void>()
          const ofFiber = yield* Effect.forkChild(
            Effect.andThen(Deferred.await(gate), ask(`${id}/forked`)).pipe(Effect.withSpan(`inner ${id}`))
          )
          const plain = yield* Effect.forkChild(Effect.andThen(Deferred.await(gate), ask(`${id}/child`)))
          yield* Effect.sleep("2 millis")
          yield* ask(`${id}/slept`)
          yield* Deferred.succeed(gate, undefined)
          yield* Effect.callback<void>((resume) => {
            setTimeout(() => void fetch(`${upstream.url}/${id}/callback`).then(() => resume(Effect.void)), 1)
          })
          yield* Effect.promise(async () => {
            await new Promise((resolve) => setTimeout(resolve, 1))
            await Promise.all(["p1", "p2"].map((path) => fetch(`${upstream.url}/${id}/${path}`)))
          })
          yield* Stream.make("s1", "s2").pipe(
            Stream.mapEffect((path) => ask(`${id}/${path}`), { concurrency: 2 }),
            Stream.runDrain
          )
          yield* Effect.forEach(["e1", "e2"], (path) => ask(`${id}/${path}`), { concurrency: "unbounded" })
          yield* Fiber.join(ofFiber)
          yield* Fiber.join(plain)
          yield* ask(`${id}/last`)
        }).pipe(Effect.withSpan(`tool ${id}`))
      yield* Effect.forEach(["a", "b", "c"], tool, { concurrency: "unbounded" }).pipe(Effect.provide(layer))
      const all = yield* spans
      const paths = ["slept", "callback", "child", "forked", "p1", "p2", "s1", "s2", "e1", "e2", "last"]
      for (const id of ["a", "b", "c"]) {
        for (const path of paths) {
          const request = all.find(({ attributes }) => attributes["url.path"] === `/${id}/${path}`)
          isChild(request, one(all, `${path === "forked" ? "inner" : "tool"} ${id}`))
        }
      }
      assert.strictEqual(all.filter(({ name }) => name === "GET").length, 3 * paths.length)
    })
  )

  it.live("and to no span outside spans, even while others are open", () =>
    Effect.gen(function* () {
      yield* instrumented
      const upstream = yield* Upstream.make(2)
      const { layer, spans } = yield* recording({ host: { tracerProvider: true } })
      const both = [get(`${upstream.url}/in`).pipe(Effect.withSpan("ours")), get(`${upstream.url}/out`)]
      yield* Effect.forEach(
        [...both, ...both.toReversed()],
        (read) => Effect.andThen(Effect.yieldNow, read),
        { concurrency: "unbounded" }
      ).pipe(Effect.provide(layer))
      const requests = (yield* spans).filter(({ name }) => name === "GET")
      assert.strictEqual(requests.length, 4)
      for (const { attributes, parentSpanContext } of requests) {
        assert.strictEqual(parentSpanContext === undefined, attributes["url.path"] === "/out")
      }
    })
  )

  test("when the real Codex calls the tool", () =>
    Effect.gen(function* () {
      yield* instrumented
      const upstream = yield* Upstream.make()
      const { layer, spans } = yield* recording({ host: { tracerProvider: true } })
      const { call, reply, text, usage } = ModelServer
      const real = yield* Real.make([
        reply(
          call("lookup", { path: "/T-1" }),
          call("lookup", { path: "/T-2" }),
          usage({ input: 9, output: 3 })
        ),
        reply(text("Found.", { deltas: true }), usage({ input: 20, output: 2 }))
      ])
      const run = Effect.gen(function* () {
        const thread = yield* real.start({ tools: yield* Tickets })
        return yield* thread.run("look both up")
      }).pipe(Effect.scoped)
      const { message } = yield* run.pipe(
        Effect.provide(tickets(upstream.url).pipe(Layer.provideMerge(real.layer), Layer.provideMerge(layer)))
      )
      assert.strictEqual(message, "Found.")
      const all = yield* spans
      const tools = all.filter(({ name }) => name === "execute_tool lookup")
      const requests = all.filter(({ name }) => name === "GET")
      assert.strictEqual(tools.length, 2)
      assert.sameMembers(
        requests.map(({ attributes }) => attributes["url.path"]),
        ["/T-1", "/T-2"]
      )
      for (const tool of tools) {
        isChild(tool, one(all, "invoke_agent codex"))
        isChild(
          requests.find(({ parentSpanContext }) => parentSpanContext?.spanId === tool.spanContext().spanId),
          tool
        )
      }
      assert.sameMembers(
        (yield* upstream.asked).map(({ headers }) => headers["traceparent"]),
        requests.map(traceparent)
      )
      nothingSet()
    }))
})
