/**
 * Many turns at once: 20 and 60 threads that each run one turn, with effect-codex, with `@openai/codex-sdk` and with the
 * minimal driver (driver.ts), on the same Codex binary and a model that answers at once. `node bench/parallel.ts [--quick] [--rounds N]`.
 *
 * Method. Each measurement has a host process of its own (parallelHost.ts), which first runs one turn to load its code. In
 * a round, the contenders take turns in changing order. Wall time and memory are measured in separate runs, because reading
 * the memory of 60 processes takes the time of a core. effect-codex opens its threads before the clock starts, as turns.ts
 * does; the row "with opening" includes that. The SDK has nothing to open: it starts a process per turn. The driver has one
 * process for all threads, as effect-codex has, and shows what Codex itself costs.
 *
 * CPU times are those of the turns alone: of the program ("host") and of its Codex processes, in steps of 10 ms. They vary
 * less than wall time with the load of the machine.
 *
 * Memory is the peak of the sum of the proportional set sizes (PSS) of the host and all its descendants, sampled every 50
 * ms. Code that several processes map counts once. The model is no descendant.
 *
 * Ratios are computed per round and shown as the median with minimum and maximum.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { env } from "node:process"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import * as CodexBinary from "../src/engine/app-server/CodexBinary.ts"
import * as ChildEnvironment from "../src/engine/app-server/ChildEnvironment.ts"
import { prompt } from "./contenders.ts"
import * as Memory from "./memory.ts"
import * as Model from "./model.ts"
import type { HostOptions, Measured } from "./parallelHost.ts"
import * as Report from "./report.ts"

const rounds = Report.roundsOf(5, 2)
const bars = [
  { turns: 20, wall: 0.3, memory: 0.65 },
  { turns: 60, wall: 0.06, memory: 0.38 }
]
const contenders = ["effect-codex", "codex-sdk", "driver"] as const
type Contender = (typeof contenders)[number]
const sampleMillis = 50

const host = fileURLToPath(new URL("./parallelHost.ts", import.meta.url))

/** Waits for the next message of a host. */
const message = async (child: ChildProcess): Promise<unknown> => {
  const [value] = await Promise.race([
    once(child, "message"),
    once(child, "exit").then(() => [{ error: "the host ended" }])
  ])
  if (typeof value === "object" && value !== null && "error" in value) throw new Error(String(value.error))
  return value
}

const isMeasured = (value: unknown): value is Measured =>
  typeof value === "object" && value !== null && "wall" in value && "codexCpu" in value

const wave = async (child: ChildProcess, turns: number): Promise<Measured> => {
  child.send({ turns })
  const measured = await message(child)
  if (!isMeasured(measured)) throw new Error("the host answered something else")
  return measured
}

/** Runs `use` with a host that has run one turn. */
const withHost = async <A>(options: HostOptions, use: (child: ChildProcess) => Promise<A>): Promise<A> => {
  const child = fork(host, [], { execArgv: [] })
  const exit = once(child, "exit")
  try {
    child.send(options)
    await message(child)
    await wave(child, 1)
    return await use(child)
  } finally {
    if (child.connected) child.disconnect()
    await exit
  }
}

/** Measures the peak of the memory while the host runs a wave. */
const peakMemory = async (child: ChildProcess, turns: number): Promise<number> => {
  let peak = 0
  const done = wave(child, turns).then(() => false)
  do {
    peak = Math.max(peak, Memory.proportional(Memory.tree(child.pid ?? 0)))
  } while (await Promise.race([done, setTimeout(sampleMillis, true)]))
  return peak
}

interface Round extends Measured {
  readonly memory: number
}

const measure = async (options: HostOptions, turns: number): Promise<Round> => {
  const measured = await withHost(options, (child) => wave(child, turns))
  return { ...measured, memory: await withHost(options, (child) => peakMemory(child, turns)) }
}

const program = Effect.gen(function* () {
  const { args, command } = yield* CodexBinary.find(undefined, env)
  if (args.length > 0) return yield* Effect.die("no native Codex binary found; set CODEX_PATH")
  const places = yield* Model.start(contenders.length)
  const hosts = contenders.flatMap((contender, index): ReadonlyArray<HostOptions> => {
    const place = places[index]
    if (place === undefined) return []
    const environment = ChildEnvironment.select(env, [place.config], place.env)
    return [{ contender, command, place, environment, prompt, answer: Model.answer }]
  })

  const rows: Array<Report.Row> = []
  for (const { memory, turns, wall } of bars) {
    const results = new Map(contenders.map((name) => [name, [] as Array<Round>]))
    for (let number = 0; number < rounds; number++) {
      for (const options of Report.rotated(hosts, number)) {
        const round = yield* Effect.promise(() => measure(options, turns))
        results.get(options.contender)?.push(round)
      }
    }
    const column = (name: Contender, of: (round: Round) => number) => (results.get(name) ?? []).map(of)
    const ratio = (
      name: string,
      of: (round: Round) => number,
      bar?: number,
      [contender, other]: readonly [Contender, Contender] = ["effect-codex", "codex-sdk"]
    ): Report.Row => ({
      name: `${name} of ${turns} turns at once, ${contender} / ${other}`,
      unit: "x",
      bar,
      ...Report.spreadOf(Report.ratios(column(contender, of), column(other, of)))
    })
    const wallOf = (round: Round) => round.wall
    rows.push(
      ratio("wall", wallOf, wall),
      ratio("wall", wallOf, undefined, ["effect-codex", "driver"]),
      ratio("wall", wallOf, undefined, ["driver", "codex-sdk"]),
      ratio("wall with opening", (round) => round.opening + round.wall),
      ratio("CPU of Codex", (round) => round.codexCpu, undefined, ["effect-codex", "driver"]),
      ratio("memory", (round) => round.memory, memory)
    )
    for (const name of contenders) {
      const row = (what: string, unit: Report.Row["unit"], of: (round: Round) => number): Report.Row => ({
        name: `${what} of ${turns} turns at once, ${name}`,
        unit,
        ...Report.spreadOf(column(name, of))
      })
      rows.push(
        row("wall", "ms", wallOf),
        row("CPU of the host", "ms", (round) => round.hostCpu),
        row("CPU of Codex", "ms", (round) => round.codexCpu),
        row("memory", "MiB", (round) => round.memory / 1024 ** 2)
      )
    }
  }
  Report.finish(rows)
}).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

NodeRuntime.runMain(program)
