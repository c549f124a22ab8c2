/**
 * The cost of one event of a turn: the CPU time of a text delta, a token count and a diff at a high rate, with all signals
 * exported as OTLP JSON and without telemetry. `node bench/signals.ts [--quick] [--rounds N]`
 *
 * Each round runs one turn of a scripted engine on a new thread and subtracts the cost of a turn without events. Token
 * counts and diffs come much faster than the limit of ten per second, so this measures throttled updates.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codex } from "../src/index.ts"
import { Scripted } from "../src/testing/index.ts"
import * as Report from "./report.ts"
import * as Subjects from "./subjects.ts"

const rounds = Report.roundsOf(21, 5)
const warmUp = 5
const events = 2000

const deltas = Array.from({ length: events }, (_, index) => `word${index} `)
const storms = {
  nothing: [],
  delta: [Scripted.message(deltas.join(""), { deltas })],
  "token count": Array.from({ length: events }, () => Scripted.usage({ input: 100, output: 2 })),
  diff: Array.from({ length: events }, (_, at) =>
    Scripted.event({ _tag: "DiffUpdated", diff: `+line ${at}\n` })
  )
}

const program = Effect.gen(function* () {
  const services = yield* Layer.build(Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Scripted.layer)))
  const codex = Context.get(services, Codex)
  const subjects = (yield* Subjects.make).filter(({ name }) => name === Subjects.off || name === "OTLP JSON")

  const turn = (steps: ReadonlyArray<Scripted.ScriptedStep>) =>
    Effect.gen(function* () {
      yield* Scripted.play([...steps, Scripted.message("done")])
      const thread = yield* codex.startThread()
      yield* thread.run("go")
    }).pipe(Effect.scoped, Effect.provideContext(services))

  const rows: Array<Report.Row> = []
  for (const { name, run } of subjects) {
    const costs = new Map(Object.keys(storms).map((kind) => [kind, [] as Array<number>]))
    for (let round = -warmUp; round < rounds; round++) {
      for (const [kind, steps] of Object.entries(storms)) {
        const cpu = yield* Effect.promise(() => Report.cpuOf(() => run(turn(steps))))
        if (round >= 0) costs.get(kind)?.push((cpu * 1000) / events)
      }
    }
    const idle = costs.get("nothing") ?? []
    for (const [kind, all] of costs) {
      if (kind === "nothing") continue
      const net = all.map((cost, at) => cost - (idle[at] ?? Number.NaN))
      rows.push({ name: `a ${kind}, ${name}`, unit: "us", ...Report.quartilesOf(net) })
    }
  }
  Report.finish(rows)
}).pipe(Effect.scoped)

await Effect.runPromise(program)
