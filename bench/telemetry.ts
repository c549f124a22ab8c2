/**
 * What telemetry adds to a turn of about a second: the real Codex runs a command, calls a tool and then streams a
 * hundred deltas. `node bench/telemetry.ts [--quick] [--rounds N]`
 *
 * Method. All subjects use one Codex and run one turn per round, each on a new thread, in a changing order. They differ
 * only in the layer of the turn (subjects.ts). "off" is `OtlpLayer` in an environment without telemetry settings, which is
 * the default; "off again" repeats it and shows the noise of the machine. The others export with default settings: traces,
 * and to the collector also metrics and logs. The collector is another process on loopback. `wall` is the wall time of the
 * turn. `cpu` is the CPU time of this process only, from the start of the turn until its last batch is sent; Codex, model
 * and collector are other processes. The first rounds do not count.
 *
 * Reading. Differences are computed per round and shown as the median with quartiles. Other work on the machine changes
 * the wall time of a turn more than telemetry does, so "quickest turns" compares the minimum of each subject instead.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { AppServer, Codex } from "../src/index.ts"
import * as Model from "./model.ts"
import * as Report from "./report.ts"
import * as Subjects from "./subjects.ts"

const rounds = Report.roundsOf(10, 3)
const warmUp = 3
const bar = 3
const goal = 1

const Tickets = Toolkit.make(
  Tool.make("lookup_ticket", {
    parameters: Schema.Struct({ id: Schema.String }),
    success: Schema.Struct({ title: Schema.String })
  })
)
const tickets = Tickets.toLayer({ lookup_ticket: ({ id }) => Effect.succeed({ title: `about ${id}` }) })

const settled = () => new Promise<void>((resolve) => setTimeout(resolve, Subjects.settling))

const program = Effect.gen(function* () {
  const [place] = yield* Model.start(1, "long")
  if (place === undefined) return yield* Effect.die("no place")
  const layer = Codex.layer.pipe(
    Layer.provide(AppServer.layerOptions({ env: place.env })),
    Layer.merge(tickets)
  )
  const services = yield* Layer.build(layer)
  const codex = Context.get(services, Codex)
  const tools = yield* Effect.provideContext(Tickets, services)
  const subjects = yield* Subjects.make

  const turn = ({ run }: Subjects.Subject) =>
    Effect.promise(async () => {
      let wall = Number.NaN
      let cpu = Number.NaN
      const turn = Effect.gen(function* () {
        const thread = yield* codex.startThread({
          cwd: place.cwd,
          sandbox: "read-only",
          approvalMode: "never",
          tools
        })
        const measured = Effect.gen(function* () {
          const start = performance.now()
          const { message, toolCalls } = yield* thread.run("What is the ticket about?")
          wall = performance.now() - start
          if (message !== Model.longAnswer.join("")) return yield* Effect.die(`received "${message}"`)
          if (toolCalls !== 2) return yield* Effect.die(`${toolCalls} calls`)
        })
        const context = yield* Effect.context<never>()
        cpu = yield* Effect.promise(() =>
          Report.cpuOf(() => Effect.runPromiseWith(context)(measured).then(settled))
        )
      }).pipe(Effect.scoped, Effect.provideContext(services))
      await run(turn)
      return { wall, cpu }
    })

  const walls = new Map(subjects.map(({ name }) => [name, [] as Array<number>]))
  const cpus = new Map(subjects.map(({ name }) => [name, [] as Array<number>]))
  for (let round = -warmUp; round < rounds; round++) {
    for (const subject of Report.rotated(subjects, round + warmUp)) {
      const { cpu, wall } = yield* turn(subject)
      if (round < 0) continue
      walls.get(subject.name)?.push(wall)
      cpus.get(subject.name)?.push(cpu)
    }
  }
  yield* Subjects.check(subjects, rounds + warmUp)

  const offWalls = walls.get(Subjects.off) ?? []
  const offCpus = cpus.get(Subjects.off) ?? []
  const added = subjects.slice(1).flatMap(({ name }): ReadonlyArray<Report.Row> => {
    const wall = walls.get(name) ?? []
    const cpu = cpus.get(name) ?? []
    const more = Report.ratios(wall, offWalls).map((ratio) => (ratio - 1) * 100)
    const atBest = (Math.min(...wall) / Math.min(...offWalls) - 1) * 100
    const bars = name === Subjects.control ? {} : { bar, goal }
    return [
      { name: `wall added, ${name}`, unit: "%", ...Report.quartilesOf(more), ...bars },
      { name: `wall added, quickest turns, ${name}`, unit: "%", value: atBest, ...bars },
      {
        name: `CPU added, in % of the wall, ${name}`,
        unit: "%",
        ...Report.quartilesOf(
          cpu.map((value, at) => ((value - (offCpus[at] ?? Number.NaN)) / (wall[at] ?? 1)) * 100)
        ),
        ...bars
      },
      { name: `CPU, ${name} / off`, unit: "x", ...Report.quartilesOf(Report.ratios(cpu, offCpus)) }
    ]
  })
  Report.finish([
    { name: "wall of a turn, off", unit: "ms", ...Report.quartilesOf(offWalls) },
    { name: "CPU of a turn, off", unit: "ms", ...Report.quartilesOf(offCpus) },
    ...added
  ])
}).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

NodeRuntime.runMain(program)
