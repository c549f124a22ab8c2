/**
 * What tail sampling adds to a span and to a turn: the same spans by hand through the pipe to an exporter that throws
 * them away, with and without it. All in one process, taking turns; quartiles. `node bench/tail.ts [--quick] [--rounds N]`
 *
 * A turn is `invoke_agent` with nineteen spans in it. A tenth of the turns is kept where it is on: what they would cost
 * to encode and send is no part of this.
 */
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import type * as EffectTracer from "effect/Tracer"
import * as Settings from "../src/telemetry/config/Settings.ts"
import * as TailSampling from "../src/telemetry/tail-sampling/TailSampling.ts"
import * as Tracer from "../src/telemetry/tracer/Tracer.ts"
import * as Report from "./report.ts"

const rounds = Report.roundsOf(31, 7)
const warmUp = 5
const turns = 500
const inside = 19

const attributes = Object.entries({
  "gen_ai.operation.name": "execute_tool",
  "gen_ai.tool.name": "exec_command",
  "gen_ai.tool.type": "function",
  "gen_ai.conversation.id": "019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8",
  "codex.turn.id": "019a2b3c-4d5e-7f60-8192-000000000001",
  "codex.originator": "sdk"
})
const ofTurn = Object.entries({ "gen_ai.operation.name": "invoke_agent", "codex.turn.status": "completed" })

interface Subject {
  readonly round: () => Promise<void>
  readonly passed: () => number
}

const subject = async (tail: Layer.Layer<never>): Promise<Subject> => {
  let passed = 0
  const processor: SpanProcessor = {
    onStart: () => {},
    onEnd: (_span: ReadableSpan) => void passed++,
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve()
  }
  const runtime = ManagedRuntime.make(
    Layer.fresh(Tracer.layerProcessor(Effect.succeed(processor))).pipe(
      Layer.provide(tail),
      Layer.provide(Layer.succeed(Settings.Environment, {}))
    )
  )
  const [tracer, clock] = await runtime.runPromise(Effect.all([Effect.tracer, Clock.Clock]))
  const start = (
    name: string,
    parent: Option.Option<EffectTracer.AnySpan>,
    pairs: ReadonlyArray<readonly [string, string]>
  ): EffectTracer.Span => {
    const span = tracer.span({
      name,
      kind: "internal",
      parent,
      annotations: Context.empty(),
      links: [],
      startTime: clock.currentTimeNanosUnsafe(),
      root: false,
      sampled: true
    })
    for (const [key, value] of pairs) span.attribute(key, value)
    return span
  }
  return {
    passed: () => passed,
    round: () => {
      for (let turn = 0; turn < turns; turn++) {
        const root = start("invoke_agent codex", Option.none(), ofTurn)
        const parent = Option.some(root)
        for (let at = 0; at < inside; at++) {
          start("execute_tool exec_command", parent, attributes).end(
            clock.currentTimeNanosUnsafe(),
            Exit.void
          )
        }
        root.end(clock.currentTimeNanosUnsafe(), Exit.void)
      }
      return Promise.resolve()
    }
  }
}

const off = await subject(Layer.empty)
const on = await subject(TailSampling.layer({ keep: 0.1 }))
const costs: ReadonlyArray<Array<number>> = [[], []]
for (let round = -warmUp; round < rounds; round++) {
  for (const [at, { round: run }] of [off, on].entries()) {
    const cpu = await Report.cpuOf(run)
    if (round >= 0) costs[at]?.push((cpu * 1e6) / (turns * (inside + 1)))
  }
}
const [without = [], withIt = []] = costs
const spans = turns * (inside + 1) * (rounds + warmUp)
if (off.passed() !== spans) throw new Error("spans were lost")
const share = on.passed() / spans
if (share < 0.05 || share > 0.25) throw new Error(`${share} of the spans were kept`)

Report.finish([
  { name: "CPU of a span, off", unit: "ns", ...Report.quartilesOf(without) },
  { name: "CPU of a span, tail sampling on, a tenth kept", unit: "ns", ...Report.quartilesOf(withIt) },
  { name: "on / off", unit: "x", ...Report.quartilesOf(Report.ratios(withIt, without)) },
  {
    name: "added to a turn of 20 spans",
    unit: "us",
    ...Report.quartilesOf(
      withIt.map((cost, at) => ((cost - (without[at] ?? Number.NaN)) * (inside + 1)) / 1000)
    )
  }
])
process.exit(0)
