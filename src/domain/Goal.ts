/** A goal of a thread: Codex starts turn after turn until it is reached. */
import * as Schema from "effect/Schema"
import type * as Turn from "./Turn.ts"

/**
 * The state of a goal. Codex starts turns only for an `active` goal. `complete` and `blocked` are the judgement of the
 * model; `budgetLimited` means that the goal used its token budget, `usageLimited` that the account has no usage left.
 * @since 0.1.0
 * @category schemas
 */
export const GoalStatus = Schema.Literals([
  "active",
  "paused",
  "blocked",
  "usageLimited",
  "budgetLimited",
  "complete"
])
export type GoalStatus = typeof GoalStatus.Type

/**
 * A goal and what it has used. Codex counts these tokens itself, sub-agents not included.
 * @since 0.1.0
 * @category schemas
 */
export class Goal extends Schema.Opaque<Goal>()(
  Schema.Struct({
    objective: Schema.String,
    status: GoalStatus,
    tokenBudget: Schema.optionalKey(Schema.Natural),
    tokensUsed: Schema.Natural
  })
) {}

/**
 * What a goal asks for. `tokenBudget` limits the tokens that Codex spends on it, including cached input.
 * @since 0.1.0
 * @category models
 */
export interface GoalOptions {
  readonly objective: string
  readonly tokenBudget?: number | undefined
}

/**
 * How a goal ended, and its turns. `status` is `cleared` if another caller cleared the goal. `usage` is the sum over the
 * turns. `cost` is in US dollars: the sum over the turns that have a `cost`, which includes their sub-agents. It is absent if
 * no turn has one, because `Prices` does not know the model.
 * @since 0.1.0
 * @category models
 */
export interface GoalResult {
  readonly status: Exclude<GoalStatus, "active"> | "cleared"
  readonly turns: ReadonlyArray<Turn.Turn>
  readonly usage: Turn.Usage
  readonly cost?: number
}
