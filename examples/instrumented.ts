/**
 * OpenTelemetry instrumentation libraries in a tool: their spans join the trace of the turn, and the called service
 * receives the trace context. This example instruments Node's `fetch` and calls an issue tracker on loopback.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici"
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace"
import { Console, Effect, Layer, Schema } from "effect"
import { AppServer, Codex, OpenTelemetryInterop, Tracer } from "effect-codex"
import { Tool, Toolkit } from "effect/ai"
import { createServer } from "node:http"

// Register instrumentations at program start. They trace nothing until `OpenTelemetryInterop.layer` is provided.
const instrumentation = new UndiciInstrumentation()

const tracker = createServer((request, response) => {
  // A service continues the trace from this header.
  process.stdout.write(`the tracker receives a request in the trace ${request.headers["traceparent"]}\n`)
  response.end(JSON.stringify({ title: "sum() gives negative numbers" }))
})
await new Promise<void>((resolve) => tracker.listen(0, "127.0.0.1", resolve))
const address = tracker.address()
const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`

const LookupTicket = Tool.make("lookup_ticket", {
  description: "Read a ticket of the issue tracker",
  parameters: Schema.Struct({ id: Schema.String }),
  success: Schema.Struct({ title: Schema.String })
}).annotate(Tool.Readonly, true)
const Ticket = Schema.fromJsonString(LookupTicket.successSchema)
const Tickets = Toolkit.make(LookupTicket)

const TicketsLayer = Tickets.toLayer({
  lookup_ticket: ({ id }) =>
    Effect.promise(async () => (await fetch(`${url}/tickets/${id}`)).text()).pipe(
      Effect.flatMap(Schema.decodeEffect(Ticket)),
      Effect.orDie
    )
})

/** Prints the complete trace as a tree. A real program uses `OtlpLayer` instead. */
const printed = (): SpanProcessor => {
  const spans: Array<ReadableSpan> = []
  const print = (parent: string | undefined, indent: string) => {
    for (const span of spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)) {
      process.stdout.write(`${indent}${span.name}\n`)
      print(span.spanContext().spanId, `${indent}  `)
    }
  }
  return {
    onStart: () => {},
    onEnd: (span) => void spans.push(span),
    forceFlush: async () => print(undefined, ""),
    shutdown: async () => {}
  }
}

const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ cwd: ".", sandbox: "read-only", tools: yield* Tickets })
  const turn = yield* thread.run("What is ticket T-42 about?")
  yield* Console.log(turn.message)
}).pipe(
  Effect.scoped,
  Effect.withSpan("triage"),
  Effect.ensuring(
    Effect.sync(() => {
      instrumentation.disable()
      tracker.close()
    })
  )
)

const Telemetry = OpenTelemetryInterop.layerOptions({ tracerProvider: true }).pipe(
  Layer.provideMerge(Tracer.layerProcessor(Effect.sync(printed)))
)

program.pipe(
  Effect.provide(
    Layer.merge(Codex.layer.pipe(Layer.provide(AppServer.layer)), TicketsLayer).pipe(
      Layer.provideMerge(Telemetry)
    )
  ),
  NodeRuntime.runMain
)
