/** Reads the files of `effect-codex trace`, and says on stderr what it could not read. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { printableLine } from "../internal/VisibleText.ts"
import type { ReadReport } from "../trace/reader/TraceModel.ts"
import * as TraceReader from "../trace/reader/TraceReader.ts"
import { UsageError } from "./CommandEnd.ts"

/** Reads the list of turns. A file that cannot be read is a mistake of the caller. */
export const scan = (paths: ReadonlyArray<string>, options?: TraceReader.ScanOptions) =>
  Effect.mapError(TraceReader.scan([...new Set(paths)], options), toUsageError)

export const toUsageError = ({ message }: TraceReader.UnreadableTrace): UsageError =>
  new UsageError({ text: message })

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

/** The number of bad lines that are named. */
const maxNamed = 5

/** Says on stderr what was read, and which lines were not. */
export const report = (turns: number, read: ReadReport): Effect.Effect<void> => {
  const left = [
    ...read.badLines
      .slice(0, maxNamed)
      .map(({ file, line, reason }) => `${printableLine(file, 200)}:${line}: ${reasons[reason]}`),
    ...(read.bad > maxNamed ? [`… and ${plural(read.bad - maxNamed, "more line")} that cannot be read`] : []),
    ...(read.badSpans > 0 ? [`${plural(read.badSpans, "span")} without a valid id or start left out`] : []),
    ...(read.cutFiles > 0 ? [`${plural(read.cutFiles, "packed file")} ended too early`] : []),
    ...(read.omittedTurns > 0 ? [`${plural(read.omittedTurns, "older turn")} left out`] : [])
  ]
  const total = `${plural(turns, "turn")}, ${plural(read.spans, "span")} in ${plural(read.files, "file")}`
  return Effect.forEach([...left, total], (line) => Console.error(line), { discard: true })
}

const reasons = {
  cut: "the last line is cut",
  "not JSON": "not JSON",
  "not OTLP": "not a line of OTLP JSON",
  "too long": "the line is too long"
}
