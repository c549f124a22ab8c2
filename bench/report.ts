/** Shared by the benchmarks: arguments, statistics, and the final table. */
import { parseArguments } from "../scripts/scriptArguments.ts"

/** One row of the final table. A value above the bar is reported; a row without a bar is informational. */
export interface Row {
  readonly name: string
  readonly value: number
  /** `x` is a ratio. */
  readonly unit: "x" | "%" | "ms" | "us" | "ns" | "bytes" | "MiB"
  /** The minimum and maximum of the rounds, or the quartiles if the section chooses them. */
  readonly low?: number | undefined
  readonly high?: number | undefined
  readonly bar?: number | undefined
  readonly goal?: number | undefined
}

const parsed = parseArguments(
  `Runs the benchmarks and prints a table. A value above its bar is reported and does not change the exit code.

Usage: npm run bench -- [SECTION...] [options]

  SECTION       turns, parallel, telemetry, native, timing, scripted, spans, tail, redaction, signals, growth, unobserved, spool, trace, durable, startup or page; default: all
  --quick       fewer rounds
  --rounds N    the number of rounds
  --megabytes N the size of the file of traces; default: 200, with --quick 20`,
  {
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      megabytes: { type: "string" }
    },
    allowPositionals: true
  }
)

/** The positional arguments. */
export const { positionals } = parsed

/** The options, to pass on to another process. */
export const options: ReadonlyArray<string> = [
  ...(parsed.values.quick ? ["--quick"] : []),
  ...(parsed.values.rounds === undefined ? [] : ["--rounds", parsed.values.rounds]),
  ...(parsed.values.megabytes === undefined ? [] : ["--megabytes", parsed.values.megabytes])
]

const chosenSize = Number(parsed.values.megabytes)

/** The size of the file of traces in megabytes. */
export const megabytes = chosenSize > 0 ? chosenSize : parsed.values.quick ? 20 : 200

/** Returns the number of rounds: `--rounds`, otherwise `quick` with `--quick`, otherwise `usual`. */
export const roundsOf = (usual: number, quick: number): number => {
  const rounds = Number(parsed.values.rounds)
  return Number.isInteger(rounds) && rounds > 0 ? rounds : parsed.values.quick ? quick : usual
}

export const quantile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * part
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

/** Summarises the rounds of a row: median, minimum and maximum. */
export const spreadOf = (values: ReadonlyArray<number>) => ({
  value: median(values),
  low: Math.min(...values),
  high: Math.max(...values)
})

/** Summarises with quartiles instead of extremes, for measurements that a busy machine occasionally disturbs. */
export const quartilesOf = (values: ReadonlyArray<number>) => ({
  value: median(values),
  low: quantile(values, 0.25),
  high: quantile(values, 0.75)
})

/** Returns the ratio of two measurements per round. */
export const ratios = (of: ReadonlyArray<number>, to: ReadonlyArray<number>): ReadonlyArray<number> =>
  of.map((value, round) => value / (to[round] ?? Number.NaN))

/** Measures the CPU time of this process, without its children, in milliseconds. */
export const cpuOf = async (run: () => Promise<unknown>): Promise<number> => {
  const before = process.cpuUsage()
  await run()
  const { system, user } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** Returns the contenders in a different order for each round, so that none is always first. */
export const rotated = <A>(all: ReadonlyArray<A>, round: number): ReadonlyArray<A> => {
  const at = round % all.length
  const order = [...all.slice(at), ...all.slice(0, at)]
  return Math.floor(round / all.length) % 2 === 0 ? order : order.toReversed()
}

const digits = (value: number) => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2)
const shown = (value: number, unit: Row["unit"]) =>
  `${value.toFixed(unit === "x" ? 3 : digits(value))} ${unit}`

const verdict = ({ bar, goal, high, low, unit, value }: Row): string => {
  if (bar === undefined) return ""
  // A percentage that varies by more than its bar is not conclusive.
  if (unit === "%" && high !== undefined && low !== undefined && high - low > bar) {
    return `${value <= bar ? "within" : "over"} ${shown(bar, unit)}, but the spread is wider than that`
  }
  if (!(value <= bar)) return `over ${shown(bar, unit)}`
  const within = `within ${shown(bar, unit)}`
  return goal === undefined
    ? within
    : `${within}, goal ${shown(goal, unit)} ${value <= goal ? "met" : "not met"}`
}

/** Formats rows: name, value, spread, and the comparison with the bar. */
export const table = (rows: ReadonlyArray<Row>): string => {
  const width = Math.max(...rows.map(({ name }) => name.length))
  return rows
    .map((row) => {
      const { high, low, name, unit, value } = row
      const spread =
        low === undefined || high === undefined ? "" : `${shown(low, unit)} to ${shown(high, unit)}`
      return `  ${name.padEnd(width)}  ${shown(value, unit).padStart(10)}  ${spread.padEnd(26)}  ${verdict(row)}`.trimEnd()
    })
    .join("\n")
}

/** Ends a section: sends its rows to the process that runs all sections, or prints them if there is none. */
export const finish = (rows: ReadonlyArray<Row>): void => {
  if (process.send === undefined) console.log(`\n${table(rows)}`)
  else process.send(rows, () => process.disconnect())
}
