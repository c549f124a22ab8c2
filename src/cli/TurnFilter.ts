/** Parses `--filter` and `--sort` of `effect-codex trace list`. */
import * as Option from "effect/Option"
import * as DurationText from "../internal/DurationText.ts"
import type { TurnSummary } from "../trace/reader/TraceModel.ts"

export type TurnPredicate = (turn: TurnSummary) => boolean

const tokensOf = ({ tokens }: TurnSummary): number => (tokens?.input ?? 0) + (tokens?.output ?? 0)

/** The number of failed calls and commands of a turn, and one more if the turn itself failed. */
const failuresOf = ({ errors, status }: TurnSummary): number =>
  Object.values(errors).reduce((sum, count) => sum + count, status === "failed" ? 1 : 0)

type Texts = (turn: TurnSummary) => ReadonlyArray<string | undefined>

const texts: Readonly<Record<string, Texts>> = {
  turn: ({ key }) => [key],
  thread: ({ threadId }) => [threadId],
  trace: ({ traceId }) => [traceId],
  status: ({ status }) => [status],
  model: ({ model }) => [model],
  provider: ({ provider }) => [provider],
  service: ({ service }) => [service],
  source: ({ source }) => [source],
  workflow: ({ workflow }) => [workflow],
  group: ({ group }) => [group],
  user: ({ user }) => [user],
  error: ({ errorClass, errors, errorType }) => [errorClass, errorType, ...Object.keys(errors)]
}

const numbers: Readonly<Record<string, (turn: TurnSummary) => number>> = {
  time: ({ durationNanos }) => durationNanos / 1e6,
  wait: ({ approvals }) => approvals.waitNanos / 1e6,
  tokens: tokensOf,
  cost: ({ costUsd }) => costUsd ?? 0,
  errors: failuresOf,
  calls: ({ modelCalls }) => modelCalls.count,
  tools: ({ toolCalls }) => toolCalls.count,
  spans: ({ spans }) => spans
}

const durations = new Set(["time", "wait"])

/** The names that a filter may use. */
export const filterNames: ReadonlyArray<string> = [...Object.keys(texts), ...Object.keys(numbers)]

/**
 * Parses `status=failed`, `error=TurnFailed*`, `time>5s` or `cost>=0.1`. A text matches without regard to case, and `*` matches
 * any text. Returns none for anything else.
 */
export const parse = (text: string): Option.Option<TurnPredicate> => {
  const [, name = "", operator = "", value = ""] = /^([a-z]+)(>=|<=|!=|[=<>])(.+)$/.exec(text) ?? []
  const textsOf = Object.hasOwn(texts, name) ? texts[name] : undefined
  if (textsOf !== undefined) {
    if (operator !== "=" && operator !== "!=") return Option.none()
    const pattern = patternOf(value)
    const matches: TurnPredicate = (turn) =>
      textsOf(turn).some((found) => found !== undefined && pattern.test(found))
    return Option.some(operator === "=" ? matches : (turn) => !matches(turn))
  }
  const numberOf = Object.hasOwn(numbers, name) ? numbers[name] : undefined
  const limit = durations.has(name) ? DurationText.parseMillis(value, ["ms", "s", "m", "h"]) : numberIn(value)
  if (numberOf === undefined || limit === undefined) return Option.none()
  return Option.some((turn) => compare(numberOf(turn), operator, limit))
}

const numberIn = (text: string): number | undefined =>
  /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined

const patternOf = (value: string): RegExp => {
  const parts = value.split(/\*+/).map((part) => part.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"))
  return new RegExp(`^${parts.join("[^]*?")}$`, "i")
}

const compare = (found: number, operator: string, limit: number): boolean => {
  switch (operator) {
    case ">":
      return found > limit
    case ">=":
      return found >= limit
    case "<":
      return found < limit
    case "<=":
      return found <= limit
    default:
      return (found === limit) === (operator === "=")
  }
}

export const sortNames = ["start", "time", "tokens", "cost", "errors"] as const
export type SortName = (typeof sortNames)[number]

/** Returns the turns in order, the newest or largest first. Turns that are equal otherwise have the newest first. */
export const sorted = (turns: ReadonlyArray<TurnSummary>, by: SortName): ReadonlyArray<TurnSummary> => {
  const newest = turns.toReversed()
  const valueOf = by === "start" ? undefined : numbers[by]
  return valueOf === undefined ? newest : newest.toSorted((a, b) => valueOf(b) - valueOf(a))
}
