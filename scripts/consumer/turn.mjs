/** Runs one turn of a scripted Codex below an active span of the program, with a tool that has a span of a database. */
import { trace } from "@opentelemetry/api"
import { Effect, Layer, ManagedRuntime, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { Codex, OpenTelemetryInterop } from "effect-codex"
import { Scripted } from "effect-codex/testing"

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
