/**
 * The cost that telemetry adds to a turn in this process: a scripted engine replaces Codex, so nothing waits and only this
 * library is measured. `node bench/scripted.ts [--quick] [--rounds N]`
 *
 * A turn runs a command, calls a tool and streams a hundred deltas, as in telemetry.ts. A round of each subject is many
 * turns and the time until their last batch is sent; CPU is that of this process, per turn. First rounds do not count.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { Codex } from "../src/index.ts"
import { Scripted } from "../src/testing/index.ts"
import * as Report from "./report.ts"
import * as Subjects from "./subjects.ts"

const rounds = Report.roundsOf(9, 3)
const warmUp = 2
const turns = 50
/** The duration of a one-second turn, with which the CPU time of a turn is compared, in milliseconds. */
const second = 1000

const Tickets = Toolkit.make(
  Tool.make("lookup_ticket", {
    parameters: Schema.Struct({ id: Schema.String }),
    success: Schema.Struct({ title: Schema.String })
  })
)
const tickets = Tickets.toLayer({ lookup_ticket: ({ id }) => Effect.succeed({ title: `about ${id}` }) })

const deltas = Array.from({ length: 100 }, (_, index) => `word${index} `)
const steps = [
  Scripted.command("echo one", { output: "one" }),
  Scripted.usage({ input: 100, output: 20 }),
  Scripted.toolCall("lookup_ticket", { id: "T-42" }),
  Scripted.message(deltas.join(""), { deltas }),
  Scripted.usage({ input: 200, cachedInput: 100, output: 100 })
]

const program = Effect.gen(function* () {
  const engine = Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Scripted.layer), Layer.merge(tickets))
  const services = yield* Layer.build(engine)
  const codex = Context.get(services, Codex)
  const tools = yield* Effect.provideContext(Tickets, services)
  const subjects = yield* Subjects.make

  const turn = Effect.gen(function* () {
    yield* Scripted.play(steps)
    const thread = yield* codex.startThread({ tools })
    const { toolCalls } = yield* thread.run("What is the ticket about?")
    if (toolCalls !== 2) return yield* Effect.die(`${toolCalls} calls`)
  }).pipe(Effect.scoped)
  const round = Effect.forEach(Array.from({ length: turns }), () => turn, { discard: true }).pipe(
    Effect.andThen(Effect.promise(() => new Promise((resolve) => setTimeout(resolve, Subjects.settling)))),
    Effect.provideContext(services)
  )

  const cpus = new Map(subjects.map(({ name }) => [name, [] as Array<number>]))
  for (let number = -warmUp; number < rounds; number++) {
    for (const { name, run } of Report.rotated(subjects, number + warmUp)) {
      const cpu = yield* Effect.promise(() => Report.cpuOf(() => run(round)))
      if (number >= 0) cpus.get(name)?.push(cpu / turns)
    }
  }
  yield* Subjects.check(subjects, (rounds + warmUp) * turns)

  const off = cpus.get(Subjects.off) ?? []
  const added = subjects.slice(1).map(({ name }): Report.Row => {
    const more = (cpus.get(name) ?? []).map((cpu, at) => ((cpu - (off[at] ?? Number.NaN)) / second) * 100)
    return {
      name: `CPU added, in % of a second, ${name}`,
      unit: "%",
      ...Report.quartilesOf(more),
      ...(name === Subjects.control ? {} : { bar: 3, goal: 1 })
    }
  })
  const each = subjects.map(({ name }): Report.Row => ({
    name: `CPU of a turn, ${name}`,
    unit: "ms",
    ...Report.quartilesOf(cpus.get(name) ?? [])
  }))
  Report.finish([...each, ...added])
}).pipe(Effect.scoped)

await Effect.runPromise(program)
