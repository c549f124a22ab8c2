/**
 * The cost of a turn: 20 turns one after another on one thread, with effect-codex, with `@openai/codex-sdk`, and with a
 * minimal driver of `codex app-server` (driver.ts), all on the same Codex binary, the same settings and a model that
 * answers at once. `node bench/turns.ts [--quick] [--rounds N]`.
 *
 * Method. All contenders alternate in one run. In a round, each has a new thread and runs five turns at a time, in an
 * order that rotates and reverses, until each has run twenty. The first round does not count. Processes and threads start
 * before the clock, as in a running program; the SDK has none to start, because it starts a process per turn. The CPU time
 * is that of this process only: Codex and the model (model.ts) run in other processes.
 *
 * Reading. `wall` is the median turn of a round and `cpu` the mean of a round; each is shown as the median over the
 * rounds, with minimum and maximum. Ratios are computed per round and shown the same way. On a machine that does other
 * work, trust ratios more than milliseconds. The driver shows the cost of Codex itself; the difference pays for typed
 * events, deadlines, approvals, tools and spans. The two differ in one way on the wire: effect-codex requests Codex's raw
 * response events, three or four lines more for a turn. "effect-codex" runs with
 * Effect's tracer and passes the trace to Codex; "untraced" runs with tracing off.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { cpus } from "node:os"
import { cpuUsage, env, versions } from "node:process"
import * as CodexBinary from "../src/engine/app-server/CodexBinary.ts"
import * as ChildEnvironment from "../src/engine/app-server/ChildEnvironment.ts"
import { type Contender, effectCodex, prompt, sdk } from "./contenders.ts"
import * as Driver from "./driver.ts"
import * as Model from "./model.ts"
import * as Report from "./report.ts"

const rounds = Report.roundsOf(7, 2)
const turns = 20
const atATime = 5
const bars = { sdk: 0.31, driver: 1.1 }

const untraced = ({ name, thread }: Contender): Contender => ({
  name: `${name}, untraced`,
  thread: Effect.map(thread, Effect.withTracerEnabled(false)).pipe(Effect.withTracerEnabled(false))
})

const driver = (command: string, { config, cwd, env: own }: Model.Place) =>
  Effect.acquireRelease(
    Effect.promise(() => Driver.start(command, ChildEnvironment.select(env, [config], own))),
    (driver) => Effect.promise(() => driver.close())
  ).pipe(
    Effect.map((driver): Contender => ({
      name: "driver",
      thread: Effect.map(
        Effect.promise(() => driver.startThread({ cwd, sandbox: "read-only", approvalPolicy: "never" })),
        (thread) => Effect.promise(() => thread.run(prompt))
      )
    }))
  )

/** One round of one contender, in milliseconds per turn: the median wall time and the mean CPU time. */
interface Measured {
  readonly wall: number
  readonly cpu: number
}

const round = (contenders: ReadonlyArray<Contender>, number: number) =>
  Effect.gen(function* () {
    const runs = yield* Effect.forEach(contenders, ({ name, thread }) =>
      Effect.map(thread, (turn) => ({ name, turn, walls: [] as Array<number>, cpu: 0 }))
    )
    for (let done = 0; done < turns; done += atATime) {
      const place = number + done / atATime
      const order = [...runs.slice(place % runs.length), ...runs.slice(0, place % runs.length)]
      for (const run of place % 2 === 0 ? order : order.toReversed()) {
        const before = cpuUsage()
        for (let i = 0; i < Math.min(atATime, turns - done); i++) {
          const start = performance.now()
          const message = yield* run.turn
          run.walls.push(performance.now() - start)
          if (message !== Model.answer) return yield* Effect.die(`${run.name} received "${message}"`)
        }
        const { system, user } = cpuUsage(before)
        run.cpu += (system + user) / 1000
      }
    }
    return runs.map(({ cpu, walls }): Measured => ({ wall: Report.median(walls), cpu: cpu / turns }))
  }).pipe(Effect.scoped, Effect.timeout("5 minutes"))

const spread = (values: ReadonlyArray<number>, digits: number): string => {
  const { high, low, value } = Report.spreadOf(values)
  return `${value.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`
}

const row = (...cells: ReadonlyArray<string>): string =>
  cells.map((cell, index) => (index === 0 ? cell.padEnd(34) : cell.padStart(24))).join("")

const program = Effect.gen(function* () {
  const { args, command } = yield* CodexBinary.find(undefined, env)
  if (args.length > 0) return yield* Effect.die("no native Codex binary found; set CODEX_PATH")
  const [ours, bare, theirs] = yield* Model.start(3)
  if (ours === undefined || bare === undefined || theirs === undefined) return yield* Effect.die("no place")
  const own = yield* effectCodex(command, ours)
  const contenders = [own, untraced(own), yield* driver(command, bare), yield* sdk(command, theirs)]

  const version = execFileSync(command, ["--version"], { encoding: "utf8" }).trim()
  yield* Console.log(
    `${rounds} rounds of ${turns} turns each; ${version}, node ${versions.node}, ${cpus().length} cores`
  )
  yield* round(contenders, 0)
  const results: Array<ReadonlyArray<Measured>> = []
  while (results.length < rounds) results.push(yield* round(contenders, results.length))

  const column = (name: string, key: keyof Measured) => {
    const index = contenders.findIndex((contender) => contender.name === name)
    return results.map((measured) => measured[index]?.[key] ?? Number.NaN)
  }
  yield* Console.log(`\n${row("ms per turn", "wall", "cpu of this process")}`)
  for (const { name } of contenders) {
    yield* Console.log(row(name, spread(column(name, "wall"), 1), spread(column(name, "cpu"), 2)))
  }

  const ratio = (name: string, to: string, bar?: number): Report.Row => ({
    name: `wall of a turn, ${name} / ${to}`,
    unit: "x",
    bar,
    ...Report.spreadOf(Report.ratios(column(name, "wall"), column(to, "wall")))
  })
  Report.finish([
    ratio("effect-codex", "codex-sdk", bars.sdk),
    ratio("effect-codex", "driver", bars.driver),
    ratio("effect-codex, untraced", "driver"),
    ...contenders.map(({ name }): Report.Row => ({
      name: `CPU of a turn, ${name}`,
      unit: "ms",
      ...Report.spreadOf(column(name, "cpu"))
    }))
  ])
}).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

NodeRuntime.runMain(program)
