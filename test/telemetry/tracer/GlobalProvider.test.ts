/** A program that has set up OpenTelemetry as NodeSDK does, with an exporter over HTTP. */
import * as Otel from "@opentelemetry/api"
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http"
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici"
import { resourceFromAttributes } from "@opentelemetry/resources"
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node"
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { OpenTelemetryInterop, Redaction } from "effect-codex"
import { ModelServer } from "effect-codex/testing"
import * as Collector from "../../support/collector.ts"
import { environment } from "../../support/environment.ts"
import * as Real from "../../support/realEngine.ts"
import * as Upstream from "../../support/upstream.ts"
import { test } from "../../support/live.ts"

/** What NodeSDK registers: a provider that exports over HTTP, a context manager, a propagator and an instrumentation. */
const nodeSdk = Effect.fnUntraced(function* (url: string) {
  const exporter = new OTLPTraceExporter({ url: `${url}/v1/traces`, timeoutMillis: 1000 })
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ "service.name": "shop" }),
    spanProcessors: [new BatchSpanProcessor(exporter)]
  })
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      provider.register()
      return new UndiciInstrumentation()
    }),
    (instrumentation) =>
      Effect.promise(async () => {
        instrumentation.disable()
        Otel.trace.disable()
        Otel.context.disable()
        Otel.propagation.disable()
        await provider.shutdown()
      })
  )
  return provider
})

const Lookup = Tool.make("lookup", {
  parameters: Schema.Struct({ path: Schema.String }),
  success: Schema.String
})
const Tickets = Toolkit.make(Lookup)

const secret = "hunter2-of-the-shop"

/** A handler whose fetch and own span belong below the tool. It returns the caller in OpenTelemetry's baggage. */
const tickets = (url: string) =>
  Tickets.toLayer({
    lookup: ({ path }) =>
      Effect.promise(async () => {
        await fetch(`${url}${path}`)
        return Otel.propagation.getActiveBaggage()?.getEntry("caller")?.value ?? "nobody"
      }).pipe(Effect.withSpan("shop.read", { attributes: { "shop.token": secret } }))
  })

const { call, reply, text } = ModelServer

/** The model calls the tool once in each turn, and then repeats what the tool returned. */
const script: ModelServer.Script = (request) => {
  const last = request.toolOutputs.at(-1)
  return last !== undefined ? reply(text(last.output)) : reply(call("lookup", { path: "/T-1" }))
}

describe("layerGlobal", () => {
  test("puts each turn of the real Codex below the program's active span, and its fetch below the tool", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make
      const provider = yield* nodeSdk(collector.url)
      const upstream = yield* Upstream.make()
      const real = yield* Real.make(script)
      const services = yield* Layer.build(
        tickets(upstream.url).pipe(
          Layer.provideMerge(real.layer),
          Layer.provideMerge(OpenTelemetryInterop.layerGlobal),
          Layer.provide(environment({ SHOP_TOKEN: secret }))
        )
      )
      const tracer = Otel.trace.getTracer("shop-http")
      const triage = Effect.gen(function* () {
        const thread = yield* real.start({ tools: yield* Tickets })
        return yield* thread.run(`look it up, ${secret}`)
      }).pipe(Effect.scoped)
      // The first request starts Codex, so the second one's tool runs below the context of the first.
      const answers: Array<string | undefined> = []
      for (const caller of ["ada", "bob"]) {
        const baggage = Otel.propagation.createBaggage({ caller: { value: caller } })
        yield* Effect.promise(() =>
          Otel.context.with(Otel.propagation.setBaggage(Otel.context.active(), baggage), () =>
            tracer.startActiveSpan(`request of ${caller}`, async (span) => {
              const { message } = await Effect.runPromiseWith(services)(triage)
              answers.push(message)
              span.end()
            })
          )
        )
      }
      assert.deepStrictEqual(answers, ["ada", "bob"])
      yield* Effect.promise(() => provider.forceFlush())

      const all = yield* collector.spans
      assert.notInclude(yield* collector.bytes, secret)
      for (const caller of ["ada", "bob"]) {
        const root = all.find(({ name }) => name === `request of ${caller}`)
        assert.isDefined(root)
        const trace = all.filter(({ traceId }) => traceId === root.traceId)
        const of = (name: string) => {
          const [span, ...more] = trace.filter((span) => span.name === name)
          assert.isDefined(span, `no ${name} in the trace of ${caller}`)
          assert.strictEqual(more.length, 0, name)
          return span
        }
        const [agent, tool, read, fetched] = [
          of("invoke_agent codex"),
          of("execute_tool lookup"),
          of("shop.read"),
          of("GET")
        ]
        assert.deepStrictEqual(
          [agent, tool, read, fetched].map(({ parentSpanId }) => parentSpanId),
          [root.spanId, agent.spanId, tool.spanId, read.spanId]
        )
        assert.deepStrictEqual(
          [root, agent, tool, read].map(({ scope }) => scope),
          ["shop-http", "effect-codex", "effect-codex", "effect"]
        )
        assert.strictEqual(read.attributes["shop.token"], Redaction.mask)
        assert.strictEqual(agent.attributes["gen_ai.agent.name"], "codex")
        assert.isTrue(
          (yield* upstream.asked).some(
            ({ headers }) => headers["traceparent"] === `00-${root.traceId}-${fetched.spanId}-01`
          )
        )
        assert.isAbove(trace.filter(({ name }) => name.startsWith("chat")).length, 1)
      }
    }))
})
