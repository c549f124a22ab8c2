/**
 * The cost of tracing: the CPU time of one exported span compared with the OpenTelemetry SDK, and of code inside a span
 * compared with the same code outside. All subjects alternate in one process; the results are medians.
 * `node bench/spans.ts [--quick] [--rounds N]`
 *
 * "by hand" starts and ends spans as with the SDK, which measures the pipeline itself. "by Effect.withSpan" is an Effect
 * program with fibers; the share of tracing is its cost minus the cost of the same program with tracing off.
 */
import { context, SpanKind, trace } from "@opentelemetry/api"
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer"
import { resourceFromAttributes } from "@opentelemetry/resources"
import {
  TracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter
} from "@opentelemetry/sdk-trace"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import type * as EffectTracer from "effect/Tracer"
import * as Settings from "../src/telemetry/config/Settings.ts"
import * as OpenTelemetryInterop from "../src/telemetry/tracer/OpenTelemetryInterop.ts"
import * as Tracer from "../src/telemetry/tracer/Tracer.ts"
import * as Report from "./report.ts"

const rounds = Report.roundsOf(31, 7)
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
  new BatchSpanProcessor({
    exporter,
    maxQueueSize: 2048,
    maxExportBatchSize: 256,
    scheduledDelayMillis: 1000,
    exportTimeoutMillis: 1500
  })

const sdk = (encode: boolean): Subject => {
  const exporter = new Exporter(encode)
  const processor = processorOf(exporter)
  const provider = new TracerProvider({
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
    Tracer.layerProcessor(Effect.succeed(processor)).pipe(
      Layer.provide(Layer.succeed(Settings.Environment, {}))
    )
  )
})

/** Starts and ends spans by hand, as with the SDK, to measure the pipeline itself. */
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

/** Makes the same spans with `Effect.withSpan`, with tracing on or off. */
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

/** Measures the CPU time of one unit of work of each subject per round, in nanoseconds. */
const measure = async (subjects: ReadonlyArray<() => Promise<unknown>>, units: number) => {
  const costs = subjects.map((): Array<number> => [])
  for (let round = -warmUp; round < rounds; round++) {
    for (const [at, subject] of subjects.entries()) {
      const cost = await Report.cpuOf(subject)
      if (round >= 0) costs[at]?.push((cost * 1e6) / units)
    }
  }
  return costs
}

const barOfSpan = 1.25
const barOfCode = 1.15

const compare = async (title: string, encode: boolean): Promise<ReadonlyArray<Report.Row>> => {
  const subjects = [sdk(encode), await byHand(encode), byEffect(encode, true), byEffect(encode, false)]
  const [base = [], hand = [], on = [], off = []] = await measure(
    subjects.map(({ round }) => round),
    spansPerRound
  )
  for (const { exporter, name } of subjects.slice(0, 3)) {
    if (exporter.exported !== spansPerRound * (rounds + warmUp)) throw new Error(`${name} lost spans`)
  }
  const added = on.map((cost, round) => cost - (off[round] ?? Number.NaN))
  const ratio = (name: string, cost: ReadonlyArray<number>, bar?: number): Report.Row => ({
    name: `${title}, ${name} / SDK`,
    unit: "x",
    bar,
    ...Report.quartilesOf(Report.ratios(cost, base))
  })
  return [
    { name: `${title}, SDK`, unit: "ns", ...Report.quartilesOf(base) },
    ratio("by hand", hand, barOfSpan),
    ratio("added by tracing to Effect.withSpan", added, barOfSpan),
    ratio("all of Effect.withSpan", on),
    ratio("all of Effect.withSpan, tracing off", off)
  ]
}

const steps = 200_000
const work = Effect.gen(function* () {
  let sum = 0
  for (let at = 0; at < steps; at++) sum += yield* Effect.sync(() => at)
  return sum
})

const inside = async (): Promise<ReadonlyArray<Report.Row>> => {
  const plain = pipeline(new Exporter(false)).runtime
  const host = ManagedRuntime.make(
    OpenTelemetryInterop.layer.pipe(
      Layer.provideMerge(Tracer.layerProcessor(Effect.succeed(processorOf(new Exporter(false))))),
      Layer.provide(Layer.succeed(Settings.Environment, {}))
    )
  )
  const traced = Effect.withSpan(work, "inside", { captureStackTrace: false })
  const [outside = [], within = []] = await measure(
    [() => plain.runPromise(work), () => plain.runPromise(traced)],
    steps
  )
  // Runs last: an active context manager slows down everything that waits.
  const [outsideHost = [], withinHost = []] = await measure(
    [() => host.runPromise(work), () => host.runPromise(traced)],
    steps
  )
  await host.dispose()
  return [
    { name: "a step of code outside a span", unit: "ns", ...Report.quartilesOf(outside) },
    {
      name: "a step inside / outside",
      unit: "x",
      bar: barOfCode,
      ...Report.quartilesOf(Report.ratios(within, outside))
    },
    {
      name: "a step outside, with Host / without",
      unit: "x",
      ...Report.quartilesOf(Report.ratios(outsideHost, outside))
    },
    {
      name: "a step inside, with Host / outside, without",
      unit: "x",
      ...Report.quartilesOf(Report.ratios(withinHost, outside))
    }
  ]
}

Report.finish([
  ...(await compare("no encoding", false)),
  ...(await compare("OTLP JSON", true)),
  ...(await inside())
])
