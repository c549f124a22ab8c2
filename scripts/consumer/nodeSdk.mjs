/** A program of a user: NodeSDK, configured by the environment, and a turn below an active span. */
import { NodeSDK } from "@opentelemetry/sdk-node"

const sdk = new NodeSDK({ serviceName: "shop" })
sdk.start()

const { trace } = await import("@opentelemetry/api")
const { Effect, Layer, ManagedRuntime, Schema } = await import("effect")
const { Tool, Toolkit } = await import("effect/ai")
const { Codex, OpenTelemetryInterop } = await import("effect-codex")
const { Scripted } = await import("effect-codex/testing")

const Lookup = Tool.make("lookup", { parameters: Schema.Struct({}), success: Schema.String })
const Tickets = Toolkit.make(Lookup)
const tickets = Tickets.toLayer({
  lookup: () =>
    Effect.sync(() => trace.getTracer("shop-db").startSpan("SELECT tickets").end()).pipe(
      Effect.as("found"),
      Effect.withSpan("shop.read", { attributes: { note: `uses ${process.env["SHOP_API_KEY"]}` } })
    )
})

const runtime = ManagedRuntime.make(
  tickets.pipe(
    Layer.provideMerge(Codex.layer),
    Layer.provideMerge(Scripted.layer),
    Layer.provideMerge(OpenTelemetryInterop.layerGlobal)
  )
)

const triage = Effect.gen(function* () {
  yield* Scripted.play([Scripted.toolCall("lookup", {}), Scripted.message("done")])
  const codex = yield* Codex
  const thread = yield* codex.startThread({ tools: yield* Tickets })
  return yield* thread.run("look it up")
}).pipe(Effect.scoped)

await trace.getTracer("shop-http").startActiveSpan("GET /triage", async (span) => {
  const { message } = await runtime.runPromise(triage)
  span.end()
  if (message !== "done") throw new Error(message)
})
await runtime.dispose()
await sdk.shutdown()
