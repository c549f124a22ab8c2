/** `effect-codex trace list`: lists the turns in files of telemetry. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as DurationText from "../../internal/DurationText.ts"
import { jsonLine } from "../../internal/VisibleText.ts"
import { modelVersion, type TurnSummary } from "../../trace/reader/TraceModel.ts"
import type { ListTurnsInput } from "../commands/traceCommand.ts"
import { UsageError } from "../CommandEnd.ts"
import * as Table from "../Table.ts"
import * as TerminalStyle from "../TerminalStyle.ts"
import * as TraceInput from "../TraceInput.ts"
import * as TurnFilter from "../TurnFilter.ts"

/** The time of day in UTC at which a turn began. */
export const startText = ({ startUnixNano }: TurnSummary): string => {
  const millis = Number(BigInt(startUnixNano) / 1_000_000n)
  return millis <= 8.64e15 ? new Date(millis).toISOString().slice(0, 19).replace("T", " ") : "?"
}

export const costText = (usd: number): string => `$${usd >= 100 ? usd.toFixed(0) : usd.toPrecision(3)}`

const statusText = ({ errorClass, errorType, status }: TurnSummary): string =>
  status === "failed" ? `✗ ${errorClass ?? errorType ?? "failed"}` : status === "unknown" ? "no end" : status

/** The errors of a turn: its own, and those of its calls and commands with their numbers. */
export const errorsText = ({ errorType, errors }: TurnSummary): string =>
  [
    ...(errorType === undefined || Object.hasOwn(errors, errorType) ? [] : [errorType]),
    ...Object.entries(errors).map(([type, count]) => (count === 1 ? type : `${type} ×${count}`))
  ].join(", ")

const callsOf = ({ count, failed }: TurnSummary["toolCalls"]): string =>
  failed === 0 ? `${count}` : `${count} (✗${failed})`

/** The width from which the ids of turns are whole. Otherwise they are their last digits, which `--turn` takes too. */
const wide = 76

const columns = (width: number): ReadonlyArray<Table.Column<TurnSummary>> => [
  { title: "turn", cell: ({ key }) => (width < wide ? `…${key.slice(-8)}` : key), priority: 0 },
  { title: "started (UTC)", cell: startText, priority: 4 },
  {
    title: "time",
    cell: ({ durationNanos }) => DurationText.format(BigInt(durationNanos)),
    priority: 0,
    align: "right"
  },
  {
    title: "status",
    cell: statusText,
    priority: 0,
    minWidth: 12,
    isBad: ({ status }) => status === "failed"
  },
  {
    title: "cost",
    cell: ({ costUsd }) => (costUsd === undefined ? "" : costText(costUsd)),
    priority: 1,
    align: "right"
  },
  {
    title: "tokens",
    cell: ({ tokens }) => (tokens === undefined ? "" : String(tokens.input + tokens.output)),
    priority: 2,
    align: "right"
  },
  { title: "model", cell: ({ model }) => model ?? "", priority: 5, minWidth: 7 },
  { title: "calls", cell: ({ modelCalls }) => callsOf(modelCalls), priority: 7, align: "right" },
  { title: "tools", cell: ({ toolCalls }) => callsOf(toolCalls), priority: 6, align: "right" },
  {
    title: "waited",
    cell: ({ approvals: { count, waitNanos } }) =>
      count === 0 ? "" : DurationText.format(BigInt(waitNanos)),
    priority: 8,
    align: "right"
  },
  { title: "workflow", cell: ({ source, workflow }) => workflow ?? source ?? "", priority: 9, minWidth: 8 },
  { title: "errors", cell: errorsText, priority: 3, minWidth: 16 }
]

/** Formats turns as a table. */
export const lines = (
  turns: ReadonlyArray<TurnSummary>,
  style: TerminalStyle.TerminalStyle
): ReadonlyArray<string> => (turns.length === 0 ? [] : Table.render(columns(style.width), turns, style))

export const handle = Effect.fnUntraced(function* ({ files, filter, json, limit, sort }: ListTurnsInput) {
  if (limit < 0) return yield* new UsageError({ text: "--limit must be 0 or more" })
  const predicates = yield* Effect.forEach(filter, (text) =>
    Option.match(TurnFilter.parse(text), {
      onNone: () =>
        Effect.fail(
          new UsageError({
            text: `--filter: "${text}" is no filter such as status=failed, error=*Timeout, time>5s or cost>=0.1`
          })
        ),
      onSome: Effect.succeed
    })
  )
  const { report, turns } = yield* TraceInput.scan(files)
  // The turns of a sub-agent are shown with the turn that started it.
  const matching = turns.filter(
    (turn) => turn.parentKey === undefined && predicates.every((matches) => matches(turn))
  )
  const ordered = TurnFilter.sorted(matching, sort)
  const shown = limit === 0 ? ordered : ordered.slice(0, limit)
  const printed = json
    ? shown.map((turn) => jsonLine({ type: "turn", version: modelVersion, ...turn }))
    : lines(shown, TerminalStyle.of(process.stdout))
  for (const line of printed) yield* Console.log(line)
  if (shown.length < matching.length && !json)
    yield* Console.error(`These are ${shown.length} of ${matching.length} turns; use --limit to see more`)
  yield* TraceInput.report(turns.length, report)
})
