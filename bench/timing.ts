/**
 * How far the library's split of a turn's time is from Codex's own: turns of seven kinds on the real Codex, which measures
 * itself with `features.critical_path_timing`. `node bench/timing.ts [--quick] [--rounds N]`
 *
 * Method. Each round starts one Codex and runs one turn of each kind on it, each on a thread of its own, one after another.
 * Codex's figures are attributes of its span `session_task.turn`. The first round does not count.
 *
 * Reading. A row is the distance between the two figures of a part, as median and quartiles over the rounds. Parts that
 * neither has are left out. The bar is 5 % of Codex's figure, at least 20 ms. Overhead has no bar: that of the library
 * includes the way to Codex and back. A machine that does other work delays both, but not equally.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../src/Approval.ts"
import { AppServer, Codex } from "../src/index.ts"
import { attribute } from "../src/semconv/Convention.ts"
import * as InMemorySpans from "../src/telemetry/tracer/InMemorySpans.ts"
import * as NativeSpans from "../src/telemetry/NativeSpans.ts"
import * as Tracer from "../src/telemetry/tracer/Tracer.ts"
import * as M from "../src/testing/ModelServer.ts"
import * as Report from "./report.ts"

const rounds = Report.roundsOf(7, 2)
const bar = (theirs: number) => Math.max(20, theirs * 0.05)

const pause = M.delay("150 millis")
const done = M.reply(pause, M.text("done"), M.usage({ input: 30, output: 3 }))
const long = "one two three four five six seven eight nine ten"

/**
 * Turns by what happens in them. Two kinds are missing: a turn that is tried again, because Codex counts the wait before
 * that as overhead and no message says when it is over; and a script of the model, which Codex does not measure.
 */
const kinds: Readonly<Record<string, ReadonlyArray<M.Reply>>> = {
  plain: [done],
  streaming: [M.reply(pause, M.text(long, { deltas: true, every: "20 millis" }))],
  command: [M.reply(pause, M.shell("sleep 0.4")), done],
  approval: [M.reply(pause, M.shell("sleep 0.4", { escalate: "I need it" })), done],
  tool: [M.reply(pause, M.call("lookup", { id: "1" })), done],
  parallel: [
    M.reply(pause, M.call("lookup", { id: "1" }), M.call("lookup", { id: "2" }), M.shell("sleep 0.4")),
    done
  ],
  several: [
    M.reply(pause, M.shell("sleep 0.3")),
    M.reply(pause, M.call("lookup", { id: "1" })),
    M.reply(pause, M.shell("sleep 0.2", { escalate: "I need it" })),
    M.reply(pause, M.call("lookup", { id: "2" })),
    done
  ]
}

const parts = {
  thinking: attribute.nativeTimeInference,
  tools: attribute.nativeTimeTools,
  approval: attribute.nativeTimeWaiting,
  overhead: attribute.nativeTimeOverhead
} as const

const partNames = ["thinking", "tools", "approval", "overhead"] as const

const Lookup = Toolkit.make(
  Tool.make("lookup", { parameters: Schema.Struct({ id: Schema.String }), success: Schema.String }).annotate(
    Tool.Readonly,
    true
  )
)

/** Both figures of each part of a turn of each kind, in milliseconds. */
const round = Effect.gen(function* () {
  const server = yield* M.make(Object.values(kinds).flat())
  const env = yield* M.home(server)
  const memory = yield* InMemorySpans.make
  const slow = Effect.sleep("150 millis")
  const turns = yield* Effect.gen(function* () {
    const codex = yield* Codex
    const tools = yield* Lookup
    return yield* Effect.forEach(Object.keys(kinds), (kind) =>
      Effect.gen(function* () {
        const thread = yield* codex.startThread({
          cwd: env.HOME,
          sandbox: "read-only",
          approvalMode: "on-request",
          tools
        })
        const { time } = yield* thread.run("go")
        const { traceId } = yield* Effect.currentSpan
        return { kind, time, traceId }
      }).pipe(Effect.scoped, Effect.withSpan("caller", { root: true }))
    )
  }).pipe(
    Effect.provide(
      Layer.fresh(Codex.layer).pipe(
        Layer.provide(
          Layer.fresh(AppServer.layerOptions({ env, config: ["features.critical_path_timing=true"] }))
        ),
        Layer.provideMerge(Lookup.toLayer({ lookup: () => Effect.as(slow, "found") })),
        Layer.provideMerge(Approval.layer(() => Effect.as(slow, Approval.accept))),
        Layer.provideMerge(
          Layer.merge(Tracer.layerProcessor(Effect.succeed(memory.processor)), NativeSpans.layer)
        )
      )
    )
  )
  const roots = (yield* memory.spans).filter(({ name }) => name === "session_task.turn")
  const figures: Array<{ readonly name: string; readonly ours: number; readonly theirs: number }> = []
  for (const { kind, time, traceId } of turns) {
    const root = roots.find((span) => span.spanContext().traceId === traceId)
    for (const part of partNames) {
      const theirs = root?.attributes[parts[part]]
      if (typeof theirs !== "number") return yield* Effect.die(`Codex does not report ${part} of ${kind}`)
      figures.push({ name: `${kind}, ${part}`, ours: time[`${part}Millis`], theirs })
    }
  }
  return figures
}).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  yield* round
  const results = yield* Effect.replicateEffect(round, rounds)
  const rows = (results[0] ?? []).flatMap(({ name }, index): ReadonlyArray<Report.Row> => {
    const measured = results.flatMap((figures) => figures[index] ?? [])
    if (measured.every(({ ours, theirs }) => ours === 0 && theirs === 0)) return []
    const theirs = Report.median(measured.map(({ theirs }) => theirs))
    return [
      {
        name: `${name} (Codex: ${theirs.toFixed(0)} ms)`,
        unit: "ms",
        ...Report.quartilesOf(measured.map((figure) => Math.abs(figure.ours - figure.theirs))),
        ...(name.endsWith("overhead") ? {} : { bar: bar(theirs) })
      }
    ]
  })
  Report.finish(rows)
}).pipe(Effect.scoped, Effect.provide(Layer.merge(NodeServices.layer, Logger.layer([]))))

NodeRuntime.runMain(program)
