/**
 * Libraries that are instrumented for OpenTelemetry, in a tool: what they trace is part of the turn's trace, and the
 * service that is asked joins it. Here Node's own `fetch`, and a tracker on loopback.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici"
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base"
import { Console, Effect, Layer, Schema } from "effect"
import { AppServer, Codex, OpenTelemetryInterop, Tracer } from "effect-codex"
import { Tool, Toolkit } from "effect/ai"
import { createServer } from "node:http"

// As a program does it where it starts; until `OpenTelemetryInterop.layer` is in use it traces nothing.
const instrumentation = new UndiciInstrumentation()

const tracker = createServer((request, response) => {
  // The header that a service of yours would go on from.
  process.stdout.write(`the tracker is asked in the trace ${request.headers["traceparent"]}\n`)
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

/** Prints the trace as a tree when it is whole; a program would have `OtlpLayer` here. */
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
