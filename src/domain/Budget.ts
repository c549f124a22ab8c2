/** Limits on what a turn, or all turns of a thread together, may use. Pure. */
import * as Schema from "effect/Schema"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type * as Turn from "./Turn.ts"

/**
 * What may be used; what is left out is not limited. A limit may be reached, and must not be passed; where nothing is
 * left of tokens, time or model calls no turn begins. What sub-agents use counts.
 */
export interface Budget {
  /** Input and output tokens together, as they are billed: cached input counts. */
  readonly tokens?: number | undefined
  /**
   * Time from the start of the turn to its end, waits between attempts included; over a thread, the time of its turns
   * together.
   */
  readonly time?: Duration.Input | undefined
  /** Commands, edits and calls of tools. */
  readonly toolCalls?: number | undefined
  /** Requests to the model, lost attempts included. */
  readonly modelCalls?: number | undefined
}

/** What was used: tokens, milliseconds, calls. */
export interface BudgetUsage {
  readonly tokens: number
  readonly time: number
  readonly toolCalls: number
  readonly modelCalls: number
}

export const zero: BudgetUsage = { tokens: 0, time: 0, toolCalls: 0, modelCalls: 0 }

/** What a turn that has ended used. */
export const fromTurn = (turn: Turn.Turn): BudgetUsage => ({
  tokens: turn.usage.input + turn.usage.output,
  time: turn.time.total,
  toolCalls: turn.toolCalls,
  modelCalls: turn.modelCalls
})

/** What two turns used together. */
export const add = (a: BudgetUsage, b: BudgetUsage): BudgetUsage => ({
  tokens: a.tokens + b.tokens,
  time: a.time + b.time,
  toolCalls: a.toolCalls + b.toolCalls,
  modelCalls: a.modelCalls + b.modelCalls
})

export const BudgetReason = Schema.Literals(["Tokens", "Time", "ToolCalls", "ModelCalls"])
export type BudgetReason = typeof BudgetReason.Type

/** Which limit was passed. */
export interface Excess {
  readonly reason: BudgetReason
  readonly limit: number
  readonly used: number
}

/** The first limit that was passed; time is not looked at, a clock does that. */
export const exceeded = (budget: Budget, spent: BudgetUsage): Excess | undefined => {
  const { modelCalls = Infinity, tokens = Infinity, toolCalls = Infinity } = budget
  if (spent.tokens > tokens) return { reason: "Tokens", limit: tokens, used: spent.tokens }
  if (spent.toolCalls > toolCalls) return { reason: "ToolCalls", limit: toolCalls, used: spent.toolCalls }
  return spent.modelCalls > modelCalls
    ? { reason: "ModelCalls", limit: modelCalls, used: spent.modelCalls }
    : undefined
}

/** The limit that leaves no room for anything more: a turn asks the model at least once, and uses tokens. */
export const exhausted = (budget: Budget, spent: BudgetUsage): Excess | undefined => {
  const { modelCalls = Infinity, tokens = Infinity } = budget
  const time = timeOf(budget)
  if (time !== undefined && spent.time >= time) return { reason: "Time", limit: time, used: spent.time }
  if (spent.tokens >= tokens) return { reason: "Tokens", limit: tokens, used: spent.tokens }
  return spent.modelCalls >= modelCalls
    ? { reason: "ModelCalls", limit: modelCalls, used: spent.modelCalls }
    : exceeded(budget, spent)
}

/** What is wrong with a limit, if anything is. */
export const validate = (budget: Budget): string | undefined => {
  for (const name of ["tokens", "toolCalls", "modelCalls"] as const) {
    const limit = budget[name]
    if (limit !== undefined && !(limit >= 0))
      return `budget.${name} is ${limit}, and must be a number from 0 on`
  }
  return budget.time === undefined || isValidDuration(budget.time)
    ? undefined
    : 'budget.time must be a duration from 0 on, in milliseconds or like "20 seconds"'
}

/** Whether it is a length of time; what is no number would otherwise be none at all. */
export const isValidDuration = (time: Duration.Input): boolean => {
  if (typeof time === "number" && Number.isNaN(time)) return false
  const duration = Duration.fromInput(time)
  return Option.isSome(duration) && Duration.toMillis(duration.value) >= 0
}

const timeOf = (budget: Budget): number | undefined =>
  budget.time === undefined ? undefined : Duration.toMillis(Duration.fromInputUnsafe(budget.time))

/** The milliseconds that are left of the time; none where it is not limited. */
export const timeLeft = (budget: Budget, spent: BudgetUsage): number | undefined => {
  const time = timeOf(budget)
  return time === undefined ? undefined : Math.max(0, time - spent.time)
}
