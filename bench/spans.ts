/**
 * What tracing costs: the CPU of one exported span of this pipe against one of the OpenTelemetry SDK, and of code inside
 * a span against the same code outside. All in one process, taking turns; medians. `node bench/spans.ts [rounds]`
 */
import { context, SpanKind, trace } from "@opentelemetry/api"
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer"
import { resourceFromAttributes } from "@opentelemetry/resources"
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter
} from "@opentelemetry/sdk-trace-base"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import type * as EffectTracer from "effect/Tracer"
import * as Settings from "../src/telemetry/Settings.ts"
import * as Tracer from "../src/telemetry/Tracer.ts"

const rounds = Number(process.argv[2] ?? 31)
const warmUp = 5
const traces = 200
const children = 19
const spansPerRound = traces * (children + 1)

class Exporter implements SpanExporter {
  exported = 0
  readonly encode: boolean
  constructor(encode: boolean) {
    this.encode = encode
  }
  export(spans: Array<ReadableSpan>, done: (result: { code: number }) => void) {
    this.exported += spans.length
    if (this.encode) JsonTraceSerializer.serializeRequest(spans)
    done({ code: 0 })
  }
  shutdown() {
    return Promise.resolve()
  }
}

const attributes = {
  "gen_ai.operation.name": "execute_tool",
  "gen_ai.tool.name": "exec_command",
  "gen_ai.tool.type": "function",
  "gen_ai.tool.call.id": "call_0123456789abcdef",
  "gen_ai.conversation.id": "019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8",
  "codex.turn.id": "019a2b3c-4d5e-7f60-8192-000000000001",
  "codex.originator": "sdk",
  "process.exit.code": 0
}

const pairs = Object.entries(attributes)

interface Subject {
  readonly name: string
  readonly exporter: Exporter
  readonly round: () => Promise<void>
}

const processorOf = (exporter: Exporter) =>
  new BatchSpanProcessor(exporter, {
    maxQueueSize: 2048,
    maxExportBatchSize: 256,
    scheduledDelayMillis: 1000,
    exportTimeoutMillis: 1500
  })

const sdk = (encode: boolean): Subject => {
  const exporter = new Exporter(encode)
  const processor = processorOf(exporter)
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ "service.name": "bench" }),
    spanProcessors: [processor]
  })
  const tracer = provider.getTracer("effect-codex", "0.1.0")
  return {
    name: "OpenTelemetry SDK",
    exporter,
    round: async () => {
      for (let at = 0; at < traces; at++) {
        const root = tracer.startSpan("invoke_agent codex", { attributes })
        const inside = trace.setSpan(context.active(), root)
        for (let child = 0; child < children; child++) {
          const span = tracer.startSpan(
            "execute_tool exec_command",
            { kind: SpanKind.CLIENT, attributes },
            inside
          )
          span.setAttribute("codex.file.operations", ["read", "list"])
          span.addEvent("codex.diff.updated", { "codex.diff.bytes": 512 })
          span.end()
        }
        root.end()
        await processor.forceFlush()
      }
    }
  }
}

const pipeline = (exporter: Exporter, processor = processorOf(exporter)) => ({
  processor,
  runtime: ManagedRuntime.make(
    Tracer.processorLayer(Effect.succeed(processor)).pipe(
      Layer.provide(Layer.succeed(Settings.Environment, {}))
    )
  )
})

/** Spans started and ended by hand, as the SDK's are: what the pipe itself costs. */
const byHand = async (encode: boolean): Promise<Subject> => {
  const exporter = new Exporter(encode)
  const { processor, runtime } = pipeline(exporter)
  const [tracer, clock] = await runtime.runPromise(Effect.all([Effect.tracer, Clock.Clock]))
  const start = (
    name: string,
    kind: EffectTracer.SpanKind,
    parent: Option.Option<EffectTracer.AnySpan>
  ): EffectTracer.Span => {
    const startTime = clock.currentTimeNanosUnsafe()
    const annotations = Context.empty()
    const span = tracer.span({
      name,
      kind,
      parent,
      annotations,
      links: [],
      startTime,
      root: false,
      sampled: true
    })
    for (const [key, value] of pairs) span.attribute(key, value)
    return span
  }
  return {
    name: "this pipe",
    exporter,
    round: async () => {
      for (let at = 0; at < traces; at++) {
        const root = start("invoke_agent codex", "internal", Option.none())
        const inside = Option.some(root)
        for (let child = 0; child < children; child++) {
          start("execute_tool exec_command", "client", inside).end(clock.currentTimeNanosUnsafe(), Exit.void)
        }
        root.end(clock.currentTimeNanosUnsafe(), Exit.void)
        await processor.forceFlush()
      }
    }
  }
}

/** The same spans made by `Effect.withSpan`, with tracing on or off. */
const byEffect = (encode: boolean, on: boolean): Subject => {
  const exporter = new Exporter(encode)
  const { processor, runtime } = pipeline(exporter)
  const child = Effect.withSpan(Effect.void, "execute_tool exec_command", {
    kind: "client",
    attributes,
    captureStackTrace: false
  })
  const root = Effect.gen(function* () {
    for (let at = 0; at < children; at++) yield* child
  }).pipe(
    Effect.withSpan("invoke_agent codex", { attributes }, { captureStackTrace: false }),
    Effect.withTracerEnabled(on)
  )
  return {
    name: `Effect.withSpan, tracing ${on ? "on" : "off"}`,
    exporter,
    round: async () => {
      for (let at = 0; at < traces; at++) {
        await runtime.runPromise(root)
        await processor.forceFlush()
      }
    }
  }
}

const cpu = async (run: () => Promise<unknown>): Promise<number> => {
  const before = process.cpuUsage()
  await run()
  const { system, user } = process.cpuUsage(before)
  return (user + system) * 1000
}

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

/** The median CPU of one unit of work of each subject, in nanoseconds. */
const measure = async (subjects: ReadonlyArray<() => Promise<unknown>>, units: number) => {
  const costs = subjects.map((): Array<number> => [])
  for (let round = -warmUp; round < rounds; round++) {
    for (const [at, subject] of subjects.entries()) {
      const cost = await cpu(subject)
      if (round >= 0) costs[at]?.push(cost / units)
    }
  }
  return costs.map(median)
}

const row = (name: string, cost: number, base: number) =>
  console.log(`  ${name.padEnd(32)} ${cost.toFixed(0).padStart(6)} ns  ${(cost / base).toFixed(2)}`)

const compare = async (title: string, encode: boolean) => {
  const subjects = [sdk(encode), await byHand(encode), byEffect(encode, true), byEffect(encode, false)]
  const [base = NaN, hand = NaN, on = NaN, off = NaN] = await measure(
    subjects.map(({ round }) => round),
    spansPerRound
  )
  for (const { exporter, name } of subjects.slice(0, 3)) {
    if (exporter.exported !== spansPerRound * (rounds + warmUp)) throw new Error(`${name} lost spans`)
  }
  console.log(`\n${title}: CPU per exported span, and as a part of the SDK's`)
  row("OpenTelemetry SDK", base, base)
  row("this pipe", hand, base)
  row("Effect.withSpan through this pipe", on, base)
  row("  of which with tracing off", off, base)
  row("  added by tracing", on - off, base)
}

const steps = 200_000
const work = Effect.gen(function* () {
  let sum = 0
  for (let at = 0; at < steps; at++) sum += yield* Effect.sync(() => at)
  return sum
})

const inside = async () => {
  const { runtime } = pipeline(new Exporter(false))
  const subjects = [work, Effect.withSpan(work, "inside", { captureStackTrace: false })]
  const [outer = NaN, inner = NaN] = await measure(
    subjects.map((subject) => () => runtime.runPromise(subject)),
    steps
  )
  console.log("\nCPU per step of code, and as a part of that outside")
  row("outside a span", outer, outer)
  row("inside a span", inner, outer)
}

await compare("An exporter that does nothing", false)
await compare("Batches encoded as OTLP JSON", true)
await inside()
