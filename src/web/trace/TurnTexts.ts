/** How the page names turns and spans, and what it says about a span at a glance. */
import type { Tokens, TurnSpan, TurnTrace } from "../../trace/reader/TraceModel.ts"
import * as Texts from "../ui/Texts.ts"
import type { WaterfallPart, WaterfallRow } from "../waterfall/SpanRows.ts"

/** The id of a turn, short enough for a row: its last part differs between turns of one minute. */
export const shortId = ({ turn }: TurnTrace): string => {
  const id = turn.turnId ?? turn.key
  return Texts.shownLine(/^[0-9a-f-]{20,}$/i.test(id) ? id.slice(-12) : id, 24)
}

/** Milliseconds since the epoch. */
export const startedAt = ({ turn }: TurnTrace): number => Number(BigInt(turn.startUnixNano) / 1_000_000n)

export const tokensText = (tokens: Tokens): string =>
  `${Texts.count(tokens.input)} in, ${Texts.count(tokens.output)} out`

/** What to know about a span at a glance. */
export const noteOf = (span: TurnSpan): string => {
  const parts = [
    span.tokens === undefined || span.kind !== "model" ? undefined : tokensText(span.tokens),
    span.exitCode === undefined ? undefined : `exit ${span.exitCode}`,
    span.decision,
    span.failed && span.exitCode === undefined ? span.errorType : undefined,
    span.httpStatus === undefined ? undefined : `HTTP ${span.httpStatus}`,
    span.incomplete === true ? "still open" : undefined
  ]
  return Texts.shownLine(parts.filter((part) => part !== undefined).join(" · "), 80)
}

export const toRow = (span: TurnSpan): WaterfallRow => ({
  name: span.name,
  kind: span.kind,
  ...(span.parent === undefined ? {} : { parent: span.parent }),
  depth: span.depth,
  start: span.startNanos,
  end: span.startNanos + span.durationNanos,
  failed: span.failed,
  note: noteOf(span)
})

export const criticalParts = (turn: TurnTrace): ReadonlyArray<WaterfallPart> =>
  turn.criticalPath.map(({ durationNanos, span, startNanos }) => ({
    span,
    start: startNanos,
    end: startNanos + durationNanos
  }))

/** From the first start to the last end of all spans. */
export const boundsOf = (turn: TurnTrace): { readonly from: number; readonly to: number } => {
  let from = 0
  let to = turn.turn.durationNanos
  for (const { durationNanos, startNanos } of turn.spans) {
    from = Math.min(from, startNanos)
    to = Math.max(to, startNanos + durationNanos)
  }
  return { from, to: Math.max(to, from + 1) }
}
