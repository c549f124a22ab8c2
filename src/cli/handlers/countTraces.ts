/** `effect-codex trace stats`: counts and times by tool, model, command, error class and user. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as DurationText from "../../internal/DurationText.ts"
import { jsonLine } from "../../internal/VisibleText.ts"
import { modelVersion } from "../../trace/reader/TraceModel.ts"
import * as TraceStatistics from "../../trace/reader/TraceStatistics.ts"
import type { StatsInput } from "../commands/traceCommand.ts"
import * as Table from "../Table.ts"
import type { TerminalStyle } from "../TerminalStyle.ts"
import * as Style from "../TerminalStyle.ts"
import * as TraceInput from "../TraceInput.ts"
import { costText } from "./listTurns.ts"

type GroupStats = TraceStatistics.GroupStats

const timeOf = (nanos: number): string => DurationText.format(BigInt(Math.round(nanos)))

/** The share of successes. Everything in a group of errors failed. */
const successText = ({ kind, successRate }: GroupStats): string =>
  kind === "error" ? "" : `${(Math.floor(successRate * 1000) / 10).toFixed(successRate === 1 ? 0 : 1)} %`

const columns: ReadonlyArray<Table.Column<GroupStats>> = [
  { title: "what", cell: ({ kind }) => kind, priority: 0 },
  { title: "name", cell: ({ name }) => name, priority: 0, minWidth: 14 },
  { title: "count", cell: ({ count }) => String(count), priority: 0, align: "right" },
  { title: "p50", cell: ({ p50Nanos }) => timeOf(p50Nanos), priority: 2, align: "right" },
  { title: "p95", cell: ({ p95Nanos }) => timeOf(p95Nanos), priority: 1, align: "right" },
  { title: "max", cell: ({ maxNanos }) => timeOf(maxNanos), priority: 3, align: "right" },
  {
    title: "success",
    cell: successText,
    priority: 0,
    align: "right",
    isBad: ({ kind, successRate }) => kind !== "error" && successRate < 0.9
  },
  {
    title: "tokens",
    cell: ({ tokens }) => (tokens === 0 ? "" : String(tokens)),
    priority: 5,
    align: "right"
  },
  {
    title: "cost",
    cell: ({ costUsd }) => (costUsd === 0 ? "" : costText(costUsd)),
    priority: 4,
    align: "right"
  }
]

/** Formats statistics as a table. */
export const lines = ({ groups }: TraceStatistics.TraceStats, style: TerminalStyle): ReadonlyArray<string> =>
  groups.length === 0 ? [] : Table.render(columns, groups, style)

/** Reads the statistics of some files. */
export const statsOf = Effect.fnUntraced(function* (files: ReadonlyArray<string>) {
  const statistics = new TraceStatistics.Statistics()
  // The list of turns is not needed: the statistics count every turn, however many there are.
  const { report } = yield* TraceInput.scan(files, { onSpan: statistics.add, maxTurns: 0 })
  return { stats: statistics.finish(), report }
})

export const handle = Effect.fnUntraced(function* ({ files, json }: StatsInput) {
  const { report, stats } = yield* statsOf(files)
  const printed = json
    ? [jsonLine({ type: "stats", version: modelVersion, ...stats })]
    : lines(stats, Style.of(process.stdout))
  for (const line of printed) yield* Console.log(line)
  yield* TraceInput.report(stats.turns, report)
})
