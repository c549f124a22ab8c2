/** Limits on what a turn, or all turns of a thread together, may use. Pure. */
import * as Schema from "effect/Schema"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type * as Turn from "./Turn.ts"

/**
 * Limits of use. An omitted limit is unlimited. Use may reach a limit but not exceed it. If no tokens, time, model
 * requests or money are left, no turn starts. Sub-agents count.
 * @since 0.1.0
 * @category models
 */
export interface Budget {
  /** Input and output tokens together, including cached input, which is billed. */
  readonly tokens?: number | undefined
  /**
   * The time from the start of the turn to its end, including waits between attempts. For a thread, the sum over its
   * turns. A number is milliseconds.
   */
  readonly time?: Duration.Input | undefined
  /** The number of commands, edits and tool calls. */
  readonly toolCalls?: number | undefined
  /** The number of requests to the model, including failed attempts. */
  readonly modelCalls?: number | undefined
  /**
   * The cost in US dollars, by the prices in `Prices`. A turn on a model without a price fails before it starts, and a
   * sub-agent on one ends the turn.
   */
  readonly usd?: number | undefined
}

/** Use so far, in the units of `Budget`. */
export interface BudgetUsage {
  readonly tokens: number
  readonly timeMillis: number
  readonly toolCalls: number
  readonly modelCalls: number
  /** The cost in US dollars of the models that have a price. Absent if none of them has one. */
  readonly usd?: number | undefined
}

export const zero: BudgetUsage = { tokens: 0, timeMillis: 0, toolCalls: 0, modelCalls: 0 }

/** Returns what a turn that has ended used. */
export const fromTurn = (turn: Turn.Turn): BudgetUsage => ({
  tokens: turn.usage.input + turn.usage.output,
  timeMillis: turn.time.totalMillis,
  toolCalls: turn.toolCalls,
  modelCalls: turn.modelCalls,
  ...(turn.cost === undefined ? {} : { usd: turn.cost })
})

/** Adds the use of two turns. */
export const add = (a: BudgetUsage, b: BudgetUsage): BudgetUsage => ({
  tokens: a.tokens + b.tokens,
  timeMillis: a.timeMillis + b.timeMillis,
  toolCalls: a.toolCalls + b.toolCalls,
  modelCalls: a.modelCalls + b.modelCalls,
  ...(a.usd === undefined && b.usd === undefined ? {} : { usd: (a.usd ?? 0) + (b.usd ?? 0) })
})

/** Returns what was used in addition to `before`. */
export const subtract = (total: BudgetUsage, before: BudgetUsage): BudgetUsage => ({
  tokens: total.tokens - before.tokens,
  timeMillis: total.timeMillis - before.timeMillis,
  toolCalls: total.toolCalls - before.toolCalls,
  modelCalls: total.modelCalls - before.modelCalls,
  ...(total.usd === undefined ? {} : { usd: total.usd - (before.usd ?? 0) })
})

/** Returns by how much use without time has grown, or `undefined` if it has not changed. */
export const difference = (
  after: Omit<BudgetUsage, "timeMillis">,
  before: Omit<BudgetUsage, "timeMillis">
): BudgetUsage | undefined =>
  after.tokens === before.tokens &&
  after.toolCalls === before.toolCalls &&
  after.modelCalls === before.modelCalls
    ? undefined
    : {
        tokens: after.tokens - before.tokens,
        timeMillis: 0,
        toolCalls: after.toolCalls - before.toolCalls,
        modelCalls: after.modelCalls - before.modelCalls
      }

/**
 * The limit of a budget that was exceeded.
 * @since 0.1.0
 * @category schemas
 */
export const BudgetReason = Schema.Literals(["Tokens", "Time", "ToolCalls", "ModelCalls", "Cost"])
export type BudgetReason = typeof BudgetReason.Type

/** An exceeded limit. */
export interface Excess {
  readonly reason: BudgetReason
  readonly limit: number
  readonly used: number
}

/** Returns the first exceeded limit. Does not check time, which a timer limits. */
export const exceeded = (budget: Budget, spent: BudgetUsage): Excess | undefined => {
  const { modelCalls = Infinity, tokens = Infinity, toolCalls = Infinity, usd = Infinity } = budget
  if (spent.tokens > tokens) return { reason: "Tokens", limit: tokens, used: spent.tokens }
  if (spent.toolCalls > toolCalls) return { reason: "ToolCalls", limit: toolCalls, used: spent.toolCalls }
  if (spent.modelCalls > modelCalls)
    return { reason: "ModelCalls", limit: modelCalls, used: spent.modelCalls }
  const { usd: used = 0 } = spent
  return used > usd ? { reason: "Cost", limit: usd, used } : undefined
}

/** Returns the limit that prevents another turn: a turn requests the model at least once and uses tokens. */
export const exhausted = (budget: Budget, spent: BudgetUsage): Excess | undefined => {
  const { modelCalls = Infinity, tokens = Infinity } = budget
  const time = timeOf(budget)
  if (time !== undefined && spent.timeMillis >= time)
    return { reason: "Time", limit: time, used: spent.timeMillis }
  if (spent.tokens >= tokens) return { reason: "Tokens", limit: tokens, used: spent.tokens }
  if (budget.usd !== undefined && (spent.usd ?? 0) >= budget.usd)
    return { reason: "Cost", limit: budget.usd, used: spent.usd ?? 0 }
  return spent.modelCalls >= modelCalls
    ? { reason: "ModelCalls", limit: modelCalls, used: spent.modelCalls }
    : exceeded(budget, spent)
}

/** Returns why a limit is invalid, or `undefined`. */
export const validate = (budget: Budget): string | undefined => {
  for (const name of ["tokens", "toolCalls", "modelCalls", "usd"] as const) {
    const limit = budget[name]
    if (limit !== undefined && !(limit >= 0)) return `budget.${name} is ${limit}, and must be 0 or more`
  }
  return budget.time === undefined || isValidDuration(budget.time)
    ? undefined
    : 'budget.time must be a duration of 0 or more, in milliseconds or like "20 seconds"'
}

/** Whether this is a valid, non-negative duration. NaN must be rejected explicitly. */
export const isValidDuration = (time: Duration.Input): boolean => {
  if (typeof time === "number" && Number.isNaN(time)) return false
  const duration = Duration.fromInput(time)
  return Option.isSome(duration) && Duration.toMillis(duration.value) >= 0
}

const timeOf = (budget: Budget): number | undefined =>
  budget.time === undefined ? undefined : Duration.toMillis(Duration.fromInputUnsafe(budget.time))

/** Returns the milliseconds that are left, or `undefined` if time is not limited. */
export const timeLeft = (budget: Budget, spent: BudgetUsage): number | undefined => {
  const time = timeOf(budget)
  return time === undefined ? undefined : Math.max(0, time - spent.timeMillis)
}
