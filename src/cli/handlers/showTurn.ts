/** `effect-codex trace show`: shows one turn of files of telemetry. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as DurationText from "../../internal/DurationText.ts"
import { jsonLine, printableLine } from "../../internal/VisibleText.ts"
import type { Tokens, TurnSpan, TurnSummary, TurnTrace } from "../../trace/reader/TraceModel.ts"
import * as Waterfall from "../../trace/Waterfall.ts"
import type { ShowTurnInput } from "../commands/traceCommand.ts"
import { ExitWith } from "../CommandEnd.ts"
import { code } from "../ExitCode.ts"
import type { TerminalStyle } from "../TerminalStyle.ts"
import * as Style from "../TerminalStyle.ts"
import * as TraceInput from "../TraceInput.ts"
import * as WrapText from "../WrapText.ts"
import { costText, errorsText, startText } from "./listTurns.ts"

const timeOf = (nanos: number): string => DurationText.format(BigInt(Math.round(nanos)))

const clean = (text: string): string => printableLine(text, 200)

const tokensText = ({ cachedInput, input, output, reasoning }: Tokens): string =>
  `${input} in${cachedInput === undefined ? "" : ` (${cachedInput} cached)`}, ` +
  `${output} out${reasoning === undefined ? "" : ` (${reasoning} reasoning)`}`

/** A title and the texts beside it. */
type Fact = readonly [title: string, texts: ReadonlyArray<string>]

const facts = (turn: TurnSummary): ReadonlyArray<Fact> => {
  const named = (name: string, value: string | undefined) =>
    value === undefined ? [] : [`${name} ${clean(value)}`]
  const { time, tokens } = turn
  const failure = [turn.errorClass, errorsText(turn)].filter((text) => text !== undefined && text !== "")
  const end = turn.status === "unknown" ? "no end recorded," : turn.status
  return [
    ["turn", [clean(turn.key), `${end} after ${timeOf(turn.durationNanos)}, started ${startText(turn)} UTC`]],
    ["thread", turn.threadId === undefined ? [] : [clean(turn.threadId)]],
    [
      "of",
      joined([
        ...named("model", turn.model),
        ...named("service", turn.service),
        ...named("workflow", turn.workflow),
        ...named("user", turn.user)
      ])
    ],
    [
      "time",
      time === undefined
        ? []
        : joined([
            `thinking ${timeOf(time.thinkingNanos)}`,
            `tools ${timeOf(time.toolsNanos)}`,
            `approval ${timeOf(time.approvalNanos)}`,
            `overhead ${timeOf(time.overheadNanos)}`
          ])
    ],
    ["tokens", tokens === undefined ? [] : [tokensText(tokens)]],
    ["cost", turn.costUsd === undefined ? [] : [costText(turn.costUsd)]],
    ["errors", failure.length === 0 ? [] : [clean(failure.join(": "))]]
  ]
}

const joined = (parts: ReadonlyArray<string>): ReadonlyArray<string> =>
  parts.length === 0 ? [] : [parts.join(", ")]

/** The width from which a text is beside its title. On a narrower terminal it is below. */
const wide = 60
const titleWidth = 7

/** Formats facts, broken at their spaces to fit the terminal. */
const layOut = (facts: ReadonlyArray<Fact>, width: number): ReadonlyArray<string> =>
  facts.flatMap(([title, texts]) => {
    const isWide = width >= wide
    const lines = texts.flatMap((text) => WrapText.wrap(text, width, isWide ? " ".repeat(titleWidth) : "  "))
    if (lines.length === 0 || !isWide) return lines.length === 0 ? [] : [title, ...lines]
    return lines.map((line, at) => (at === 0 ? title.padEnd(titleWidth) + line.slice(titleWidth) : line))
  })

const toWaterfall = (turn: TurnSummary, spans: ReadonlyArray<TurnSpan>) => {
  const origin = BigInt(turn.startUnixNano)
  return spans.map((span, at): Waterfall.WaterfallSpan => ({
    name: span.name,
    // The index: an id may occur in two traces.
    spanId: String(at),
    parentSpanId: span.parent === undefined ? undefined : String(span.parent),
    startNanos: origin + BigInt(span.startNanos),
    endNanos: origin + BigInt(span.startNanos) + BigInt(span.durationNanos),
    status: span.failed ? "error" : "unset",
    attributes: span.attributes
  }))
}

const nameOf = (span: TurnSpan): string => clean(span.tool ?? span.name)

/** The number of model calls, of approvals, and of parts of the critical path that are named. */
const maxNamed = 10
const maxParts = 5

const firstOf = (
  spans: ReadonlyArray<TurnSpan>,
  textOf: (span: TurnSpan) => string
): ReadonlyArray<string> => [
  ...spans.slice(0, maxNamed).map(textOf),
  ...(spans.length > maxNamed ? [`… and ${spans.length - maxNamed} more`] : [])
]

/** The tokens of each request to the model, and its cost if the file has it. */
const modelCalls = (spans: ReadonlyArray<TurnSpan>): ReadonlyArray<string> =>
  firstOf(
    spans.filter(({ kind }) => kind === "model"),
    ({ costUsd, model, tokens }) => {
      const usage = [
        ...(tokens === undefined ? ["unknown tokens"] : [tokensText(tokens)]),
        ...(costUsd === undefined ? [] : [costText(costUsd)])
      ]
      return `${clean(model ?? "model")}: ${usage.join(", ")}`
    }
  )

const approvals = (spans: ReadonlyArray<TurnSpan>): ReadonlyArray<string> =>
  firstOf(
    spans.filter(({ kind }) => kind === "approval"),
    ({ approvalKind, decidedBy, decision, durationNanos, parent }) => {
      const call = parent === undefined ? undefined : spans[parent]
      const subject = [approvalKind, call?.tool]
        .flatMap((text) => (text === undefined ? [] : [clean(text)]))
        .join(" for ")
      const by = decidedBy === undefined ? "" : ` by ${clean(decidedBy)}`
      return `${subject} waited ${timeOf(durationNanos)}: ${clean(decision ?? "no decision")}${by}`
    }
  )

/** The spans that the turn waited for the longest. */
const longest = ({ criticalPath, spans, turn }: TurnTrace): ReadonlyArray<string> => {
  const bySpan = new Map<number, number>()
  for (const { durationNanos, span } of criticalPath)
    bySpan.set(span, (bySpan.get(span) ?? 0) + durationNanos)
  return [...bySpan]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, maxParts)
    .flatMap(([at, nanos]) => {
      const span = spans[at]
      if (span === undefined) return []
      const share = turn.durationNanos === 0 ? 0 : Math.round((nanos / turn.durationNanos) * 100)
      return [`${timeOf(nanos)} (${share} %) in ${nameOf(span)}`]
    })
}

/** Formats a turn: what is known of it, its waterfall, its model calls, its approvals, and what it waited for the longest. */
export const lines = (trace: TurnTrace, style: TerminalStyle): ReadonlyArray<string> => {
  const below = layOut(
    [
      ["calls", modelCalls(trace.spans)],
      ["waits", approvals(trace.spans)],
      ["path", longest(trace)],
      ["spans", trace.omittedSpans === 0 ? [] : [`${trace.omittedSpans} more are left out`]]
    ],
    style.width
  )
  return [
    ...layOut(facts(trace.turn), style.width),
    "",
    ...Waterfall.render(toWaterfall(trace.turn, trace.spans), style).split("\n").slice(0, -1),
    ...(below.length === 0 ? [] : ["", ...below])
  ]
}

/** Finds a turn by its id, or by the beginning or end of it, which must name one turn only. */
const find = (turns: ReadonlyArray<TurnSummary>, id: string): ReadonlyArray<TurnSummary> => {
  const exact = turns.filter(({ key }) => key === id)
  return exact.length > 0 ? exact : turns.filter(({ key }) => key.startsWith(id) || key.endsWith(id))
}

export const handle = Effect.fnUntraced(function* ({ files, json, turn: chosen }: ShowTurnInput) {
  const { read, report, turns } = yield* TraceInput.scan(files)
  const fail = (text: string) => Effect.andThen(Console.error(text), new ExitWith({ code: code.failed }))
  const last = turns.findLast(({ parentKey }) => parentKey === undefined)
  const found = Option.match(chosen, {
    onNone: () => (last === undefined ? [] : [last]),
    onSome: (id) => find(turns, id.replace(/^…/, ""))
  })
  if (found.length > 1)
    return yield* fail(
      `${found.length} turns have this id: ${found
        .slice(0, 5)
        .map(({ key }) => clean(key))
        .join(", ")}`
    )
  const [trace] = yield* Effect.mapError(read(found.map(({ key }) => key)), TraceInput.toUsageError)
  if (trace === undefined) {
    yield* TraceInput.report(turns.length, report)
    return yield* fail(
      Option.isSome(chosen)
        ? `no turn ${JSON.stringify(clean(chosen.value))}; \`effect-codex trace list\` prints the ids`
        : "the files contain no turn"
    )
  }
  const printed = json ? [jsonLine({ type: "turn.trace", ...trace })] : lines(trace, Style.of(process.stdout))
  for (const line of printed) yield* Console.log(line)
  yield* TraceInput.report(turns.length, report)
})
