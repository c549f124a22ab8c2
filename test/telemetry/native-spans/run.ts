/** Turns of the real Codex with its own spans joined to ours, and everything that came of them. */
import type { ReadableSpan, Sampler } from "@opentelemetry/sdk-trace"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../../src/Approval.ts"
import type * as Turn from "../../../src/domain/Turn.ts"
import type * as Thread from "../../../src/Thread.ts"
import type * as AppServer from "../../../src/engine/AppServer.ts"
import * as InMemorySpans from "../../../src/telemetry/tracer/InMemorySpans.ts"
import * as NativeSpans from "../../../src/telemetry/NativeSpans.ts"
import * as Tracer from "../../../src/telemetry/tracer/Tracer.ts"
import * as M from "../../../src/testing/ModelServer.ts"
import * as Real from "../../support/realEngine.ts"

export const Lookup = Toolkit.make(
  Tool.make("lookup", { parameters: Schema.Struct({ id: Schema.String }), success: Schema.String }).annotate(
    Tool.Readonly,
    true
  )
)

/** A call of the tool through which newer models run scripts. */
export const script = (input: string, callId: string) =>
  M.item({ type: "custom_tool_call", call_id: callId, name: "exec", input })

export interface Options {
  readonly script: M.Script
  readonly model?: string
  readonly config?: string
  readonly engine?: AppServer.AppServerOptions
  readonly use?: (thread: Thread.Thread, other: Thread.Thread) => Effect.Effect<Turn.Turn, unknown>
  /** Decides which traces are recorded. */
  readonly sampler?: Sampler
  /** Instead of the layer that joins. */
  readonly telemetry?: Layer.Layer<never>
}

/** By default Codex drops a batch of spans that takes a second, which is not much on a loaded machine. */
export const patientExport = { OTEL_BSP_EXPORT_TIMEOUT: "60000", OTEL_EXPORTER_OTLP_TIMEOUT: "60000" }

/** Runs a turn below a span of the caller, closes everything, and gives what was seen. */
export const run = Effect.fnUntraced(function* (options: Options) {
  const real = yield* Real.make(options.script, {
    ...(options.config === undefined ? {} : { config: options.config }),
    engine: { env: patientExport, ...options.engine }
  })
  const memory = yield* InMemorySpans.make
  const slow = Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, 150)))
  const recording = Tracer.layerProcessor(Effect.succeed(memory.processor))
  const telemetry = Layer.merge(recording, options.telemetry ?? NativeSpans.layer).pipe(
    Layer.provide(Layer.succeed(Tracer.Sampler, options.sampler))
  )
  const turn = yield* Effect.gen(function* () {
    const tools = yield* Lookup
    const model = options.model === undefined ? {} : { model: options.model }
    const thread = yield* real.start({ tools, ...model })
    if (options.use === undefined) return yield* thread.run("go")
    return yield* options.use(thread, yield* real.start({ tools, ...model }))
  }).pipe(
    Effect.withSpan("caller"),
    Effect.provide(Lookup.toLayer({ lookup: () => Effect.as(slow, "found") })),
    Effect.provide(Approval.layer(() => Effect.as(slow, Approval.accept))),
    Effect.provide(Layer.provideMerge(real.layer, telemetry)),
    Effect.scoped
  )
  return { turn, spans: yield* memory.spans, requests: yield* real.server.requests }
})

export interface Node {
  readonly span: ReadableSpan
  readonly children: ReadonlyArray<Node>
}

export const idOf = (span: ReadableSpan) => span.spanContext().spanId
export const millis = ([seconds, nanos]: readonly [number, number]) => seconds * 1000 + nanos / 1e6
export const parentId = (span: ReadableSpan) => span.parentSpanContext?.spanId

/** What is wrong with a set of spans as one trace, and its names as a tree. */
export const shape = (spans: ReadonlyArray<ReadableSpan>) => {
  const ids = new Set(spans.map(idOf))
  const lines: Array<string> = []
  const walk = (parent: string | undefined, depth: number) => {
    const inside = spans.filter((span) => parentId(span) === parent)
    for (const span of inside.toSorted((a, b) => millis(a.startTime) - millis(b.startTime))) {
      lines.push(`${"  ".repeat(depth)}${span.name}`)
      walk(idOf(span), depth + 1)
    }
  }
  walk(undefined, 0)
  return {
    traces: new Set(spans.map((span) => span.spanContext().traceId)).size,
    roots: spans.filter((span) => parentId(span) === undefined).length,
    orphans: spans
      .filter((span) => parentId(span) !== undefined && !ids.has(parentId(span) ?? ""))
      .map(({ name }) => name),
    doubles: spans.length - ids.size,
    lines
  }
}
