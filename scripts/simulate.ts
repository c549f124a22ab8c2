/**
 * Simulates many programs on an engine that fails in every way, under virtual time. Prints the seed and the history of the
 * first violated promise, and exits with 1. Then it simulates durable turns whose runners and engines crash.
 *
 *     node scripts/simulate.ts [--seeds 200] [--seed N] [--threads N] [--durable] [--story]
 */
import * as Effect from "effect/Effect"
import * as DurableSimulation from "../src/testing/durable/DurableSimulation.ts"
import * as Simulation from "../src/testing/Simulation.ts"
import { parseArguments } from "./scriptArguments.ts"

const { values } = parseArguments(
  `Simulates programs on an engine that fails in every way, and durable turns whose runners and engines crash. Exits with 1 at
the first violated promise.

Usage: npm run simulate -- [options]

  --seeds N      how many seeds to run; default: 200
  --seed N       run only this seed
  --durable      only durable turns; without it, every eighth seed runs them too
  --threads N    the number of concurrent threads; default: 4, 8 or 16, depending on the seed
  --story        print the history of every run`,
  {
    options: {
      seeds: { type: "string", default: "200" },
      seed: { type: "string" },
      threads: { type: "string" },
      durable: { type: "boolean", default: false },
      story: { type: "boolean", default: false }
    }
  }
)

const number = (name: string, text: string): number => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  process.stderr.write(`simulate: --${name} is a whole number from 1: ${text}\n`)
  process.exit(2)
}

const seeds =
  values.seed === undefined
    ? Array.from({ length: number("seeds", values.seeds) }, (_, index) => index + 1)
    : [number("seed", values.seed)]
const threads = values.threads === undefined ? undefined : number("threads", values.threads)

const before = performance.now()
const endings = new Map<string, number>()
const played = new Map<string, number>()
let turns = 0

const add = (sum: Map<string, number>, counts: Readonly<Record<string, number>>) => {
  for (const [name, times] of Object.entries(counts)) sum.set(name, (sum.get(name) ?? 0) + times)
}
const list = (counts: ReadonlyMap<string, number>) =>
  [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, times]) => `${name} ${times}`)
    .join(", ")

const simulate = (seed: number) =>
  Effect.map(Simulation.checkSeed({ seed, threads: threads ?? [4, 8, 16][seed % 3] }), (report) => {
    turns += report.turns
    add(endings, report.endings)
    add(played, report.played)
    if (values.story)
      for (const { at, text, threadId } of report.history)
        process.stdout.write(`${at} ${threadId ?? "-"} ${text}\n`)
    if (values.seed !== undefined) process.stdout.write(`seed ${seed}: fingerprint ${report.fingerprint}\n`)
    else if (seed % 20 === 0)
      process.stdout.write(
        `${seed} seeds, ${turns} turns, ${((performance.now() - before) / 1000).toFixed(1)} s\n`
      )
  })

/** Ends the process with the command that repeats a run. */
const fail = (message: string, again: string): never => {
  process.stdout.write(`${message}\n\nagain: node scripts/simulate.ts ${again}\n`)
  process.exit(1)
}

const simulateAll = async () => {
  const broken = await Effect.runPromise(
    Effect.forEach(seeds, simulate, { discard: true }).pipe(
      Effect.as(undefined),
      Effect.catch((failed) => Effect.succeed(failed.message))
    )
  )
  process.stdout.write(`played: ${list(played)}\n`)
  process.stdout.write(`${turns} turns ended: ${list(endings)}\n`)
  if (broken !== undefined) fail(broken, `--seed ${/seed (\d+)/.exec(broken)?.[1] ?? ""}`)
  process.stdout.write(`${seeds.length} seeds hold, each run three times, once without telemetry\n`)
}

const simulateDurable = async (seeds: ReadonlyArray<number>) => {
  const before = performance.now()
  const endings = new Map<string, number>()
  const crashes = new Map<string, number>()
  let turns = 0
  for (const seed of seeds) {
    const report = await Effect.runPromise(DurableSimulation.run(seed))
    turns += report.turns
    add(endings, report.endings)
    add(crashes, report.crashes)
    if (values.story) process.stdout.write(`${report.history.join("\n")}\n`)
    if (report.violations.length > 0) fail(DurableSimulation.describe(report), `--durable --seed ${seed}`)
  }
  process.stdout.write(`crashes: ${list(crashes)}\n`)
  process.stdout.write(`${turns} durable turns ended: ${list(endings)}\n`)
  process.stdout.write(
    `${seeds.length} seeds of durable turns hold, ${((performance.now() - before) / 1000).toFixed(1)} s\n`
  )
}

if (!values.durable) await simulateAll()
if (values.durable || values.seed === undefined)
  await simulateDurable(values.durable ? seeds : seeds.filter((seed) => seed % 8 === 0))
