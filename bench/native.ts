/**
 * What joining Codex's own spans adds to a turn of about a second: the real Codex runs a command, calls a tool and then
 * streams a hundred deltas. `node bench/native.ts [--quick] [--rounds N]`
 *
 * How it is measured. Two Codexes, each with our spans recorded and thrown away, one of them with the relay; one turn each
 * per round, on a new thread, in an order that changes from round to round. `wall` is the turn by the clock; `cpu` is that of
 * this process alone, from the start of the turn until Codex's last batch has come. First rounds do not count.
 *
 * How to read it. Codex's own work for its spans is in `wall` and not in `cpu`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { AppServer, Codex } from "../src/index.ts"
import * as NativeSpans from "../src/telemetry/NativeSpans.ts"
import * as Tracer from "../src/telemetry/tracer/Tracer.ts"
import * as Model from "./model.ts"
import * as Report from "./report.ts"

const rounds = Report.roundsOf(10, 3)
const warmUp = 3
const bar = 3

const Tickets = Toolkit.make(
  Tool.make("lookup_ticket", {
    parameters: Schema.Struct({ id: Schema.String }),
    success: Schema.Struct({ title: Schema.String })
  })
)
const tickets = Tickets.toLayer({ lookup_ticket: ({ id }) => Effect.succeed({ title: `about ${id}` }) })

/** Until Codex's last batch has come: it sends one every half second. */
const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 1100))

const program = Effect.gen(function* () {
  const places = yield* Model.start(2, "long")
  const subject = (name: string, place: Model.Place | undefined, joined: Layer.Layer<never>) => {
    const seen = { ours: 0, theirs: 0 }
    const counting = Tracer.layerProcessor(
      Effect.succeed({
        onStart: () => {},
        onEnd: ({ attributes }) => void (attributes["codex.native"] === true ? seen.theirs++ : seen.ours++),
        forceFlush: () => Promise.resolve(),
        shutdown: () => Promise.resolve()
      })
    )
    const engine = AppServer.layerOptions({ env: place?.env })
    const runtime = ManagedRuntime.make(
      Layer.fresh(Codex.layer).pipe(
        Layer.provideMerge(Layer.fresh(engine)),
        Layer.merge(tickets),
        Layer.provideMerge(Layer.fresh(Layer.merge(counting, joined)))
      )
    )
    const walls: Array<number> = []
    const cpus: Array<number> = []
    const turn = Effect.gen(function* () {
      const codex = yield* Codex
      const thread = yield* codex.startThread({
        cwd: place?.cwd,
        sandbox: "read-only",
        approvalMode: "never",
        tools: yield* Tickets
      })
      const start = performance.now()
      const { message } = yield* thread.run("What is the ticket about?")
      if (message !== Model.longAnswer.join("")) return yield* Effect.die(`heard "${message}"`)
      return performance.now() - start
    }).pipe(Effect.scoped)
    return {
      name,
      seen,
      walls,
      cpus,
      close: () => runtime.dispose(),
      run: async () => {
        let wall = Number.NaN
        const cpu = await Report.cpuOf(async () => {
          wall = await runtime.runPromise(turn)
          await settled()
        })
        walls.push(wall)
        cpus.push(cpu)
      }
    }
  }
  const off = subject("off", places[0], Layer.empty)
  const on = subject("on", places[1], NativeSpans.layer)
  yield* Effect.promise(async () => {
    for (let round = -warmUp; round < rounds; round++)
      for (const one of Report.rotated([off, on], round + warmUp)) await one.run()
    for (const { close } of [off, on]) await close()
  })
  const of = (values: ReadonlyArray<number>) => values.slice(warmUp)
  const more = Report.ratios(of(on.walls), of(off.walls)).map((ratio) => (ratio - 1) * 100)
  const cpu = of(on.cpus).map(
    (value, at) => ((value - (of(off.cpus)[at] ?? Number.NaN)) / (of(on.walls)[at] ?? 1)) * 100
  )
  if (off.seen.theirs > 0 || on.seen.theirs === 0)
    return yield* Effect.die("the relay is not as it should be")
  Report.finish([
    { name: "wall of a turn, relay off", unit: "ms", ...Report.quartilesOf(of(off.walls)) },
    { name: "wall of a turn, relay on", unit: "ms", ...Report.quartilesOf(of(on.walls)) },
    { name: "wall added by the relay", unit: "%", ...Report.quartilesOf(more) },
    {
      name: "wall added by the relay, quickest turns",
      unit: "%",
      value: (Math.min(...of(on.walls)) / Math.min(...of(off.walls)) - 1) * 100
    },
    { name: "CPU added by the relay, in % of the wall", unit: "%", ...Report.quartilesOf(cpu), bar },
    {
      name: "spans of Codex kept of a turn, for each of ours",
      unit: "x",
      value: on.seen.theirs / on.seen.ours
    }
  ])
}).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

NodeRuntime.runMain(program)
