/**
 * Simulates many programs on an engine that fails in every way, under virtual time. Prints the seed and the history of the
 * first violated promise, and exits with 1.
 *
 *     node scripts/simulate.ts [--seeds 200] [--seed N] [--threads N] [--story]
 */
import * as Effect from "effect/Effect"
import * as Simulation from "../src/testing/Simulation.ts"
import { parseArguments } from "./scriptArguments.ts"

const { values } = parseArguments(
  `Simulates programs on an engine that fails in every way. Exits with 1 at the first violated promise.

Usage: npm run simulate -- [options]

  --seeds N      how many seeds to run; default: 200
  --seed N       run only this seed
  --threads N    the number of concurrent threads; default: 4, 8 or 16, depending on the seed
  --story        print the history of every run`,
  {
    options: {
      seeds: { type: "string", default: "200" },
      seed: { type: "string" },
      threads: { type: "string" },
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

const broken = await Effect.runPromise(
  Effect.forEach(seeds, simulate, { discard: true }).pipe(
    Effect.as(undefined),
    Effect.catch((failed) => Effect.succeed(failed.message))
  )
)
process.stdout.write(`played: ${list(played)}\n`)
process.stdout.write(`${turns} turns ended: ${list(endings)}\n`)
if (broken === undefined)
  process.stdout.write(`${seeds.length} seeds hold, each run three times, once without telemetry\n`)
else {
  process.stdout.write(
    `${broken}\n\nagain: node scripts/simulate.ts --seed ${/seed (\d+)/.exec(broken)?.[1] ?? ""}\n`
  )
  process.exitCode = 1
}
