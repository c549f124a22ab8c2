/** `effect-codex trace diff`: what got slower, failed or was called more from some files to others. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as DurationText from "../../internal/DurationText.ts"
import { jsonLine } from "../../internal/VisibleText.ts"
import * as TraceComparison from "../../trace/reader/TraceComparison.ts"
import { modelVersion } from "../../trace/reader/TraceModel.ts"
import type { GroupStats } from "../../trace/reader/TraceStatistics.ts"
import type { DiffInput } from "../commands/traceCommand.ts"
import { UsageError } from "../CommandEnd.ts"
import * as Table from "../Table.ts"
import type { TerminalStyle } from "../TerminalStyle.ts"
import * as Style from "../TerminalStyle.ts"
import * as TraceInput from "../TraceInput.ts"
import { statsOf } from "./countTraces.ts"

type GroupChange = TraceComparison.GroupChange

/** Formats a value before and after: `1.20 s → 2.40 s`, or once if both are equal. */
const pair = ({ after, before }: GroupChange, textOf: (group: GroupStats) => string): string => {
  const texts = [before, after].map((group) => (group === undefined ? "–" : textOf(group)))
  return texts[0] === texts[1] ? (texts[0] ?? "") : texts.join(" → ")
}

const time = (nanos: number): string => DurationText.format(BigInt(Math.round(nanos)))

/** The share of failures. Everything in a group of errors failed. */
const failed = (change: GroupChange): string =>
  change.kind === "error"
    ? ""
    : pair(change, ({ successRate }) => `${((1 - successRate) * 100).toFixed(1)} %`)

const perTurn = ({ kind, perTurnAfter, perTurnBefore }: GroupChange): string => {
  if (kind === "turn" || kind === "user") return ""
  const texts = [perTurnBefore, perTurnAfter].map((count) => count.toFixed(2))
  return texts[0] === texts[1] ? (texts[0] ?? "") : texts.join(" → ")
}

const columns: ReadonlyArray<Table.Column<GroupChange>> = [
  { title: "what", cell: ({ kind }) => kind, priority: 0 },
  { title: "name", cell: ({ name }) => name, priority: 0, minWidth: 14 },
  {
    title: "change",
    cell: ({ changes }) => (changes.length === 0 ? "same" : changes.join(", ")),
    priority: 0,
    minWidth: 20,
    isBad: TraceComparison.isWorse
  },
  { title: "p50", cell: (change) => pair(change, ({ p50Nanos }) => time(p50Nanos)), priority: 2 },
  { title: "p95", cell: (change) => pair(change, ({ p95Nanos }) => time(p95Nanos)), priority: 3 },
  { title: "failed", cell: failed, priority: 1 },
  { title: "per turn", cell: perTurn, priority: 4 },
  { title: "count", cell: (change) => pair(change, ({ count }) => String(count)), priority: 5 }
]

/** Formats changes as a table. */
export const lines = (changes: ReadonlyArray<GroupChange>, style: TerminalStyle): ReadonlyArray<string> =>
  changes.length === 0 ? [] : Table.render(columns, changes, style)

/** Returns the files of both sides, or `undefined` if one side has none or both forms are mixed. */
const sidesOf = ({
  after,
  before,
  files
}: Pick<DiffInput, "after" | "before" | "files">):
  | readonly [ReadonlyArray<string>, ReadonlyArray<string>]
  | undefined => {
  const [first, second, ...others] = files
  if (first === undefined) return before.length > 0 && after.length > 0 ? [before, after] : undefined
  const isPair = second !== undefined && others.length === 0 && before.length === 0 && after.length === 0
  return isPair ? [[first], [second]] : undefined
}

export const handle = Effect.fnUntraced(function* ({ all, json, ...input }: DiffInput) {
  const sides = sidesOf(input)
  if (sides === undefined)
    return yield* new UsageError({
      text: "trace diff takes two files, BEFORE and AFTER, or --before FILE and --after FILE, each once or more"
    })
  const a = yield* statsOf(sides[0])
  const b = yield* statsOf(sides[1])
  const compared = TraceComparison.compare(a.stats, b.stats)
  const shown = all ? compared : compared.filter(({ changes }) => changes.length > 0)
  const printed = json
    ? [
        jsonLine({
          type: "diff",
          version: modelVersion,
          turnsBefore: a.stats.turns,
          turnsAfter: b.stats.turns,
          groups: shown
        })
      ]
    : lines(shown, Style.of(process.stdout))
  for (const line of printed) yield* Console.log(line)
  if (shown.length === 0 && !json) yield* Console.error("Nothing got slower, failed more or was called more.")
  yield* TraceInput.report(a.stats.turns, a.report)
  yield* TraceInput.report(b.stats.turns, b.report)
})
