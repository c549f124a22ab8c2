/** What a durable turn has used on the engines that died, from its stored events. Pure. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Budget from "../../domain/Budget.ts"
import * as CodexError from "../../domain/CodexError.ts"
import * as EventJson from "../../domain/EventJson.ts"
import type { TurnId } from "../../domain/Ids.ts"
import * as Prices from "../../domain/Prices.ts"
import * as Turn from "../../domain/Turn.ts"
import * as TurnState from "../../domain/TurnState.ts"
import type { StoredTurnOptions } from "../DurableInput.ts"

const decode = Schema.decodeUnknownOption(EventJson.EventLine)

const work = new Set<EventJson.ItemLine["type"]>([
  "command_execution",
  "file_change",
  "tool_call",
  "mcp_tool_call",
  "agent_call"
])

const total = ({ input, output }: Turn.Usage): number => input + output

/** Returns what one agent has used. Codex reports the usage of each response, or that of the turn, or both. */
const useOf = (
  lines: ReadonlyArray<EventJson.EventLine>,
  price: Prices.Price | undefined
): Budget.BudgetUsage => {
  const responded = lines.flatMap((line) => (line.type === "model.responded" ? [line.usage] : []))
  const updated = lines.flatMap((line) => (line.type === "usage.updated" ? [line.usage] : []))
  const [a, b] = [responded, updated].map((usages) =>
    usages.reduce<Turn.Usage>((sum, usage = Turn.noUsage) => TurnState.addUsage(sum, usage), Turn.noUsage)
  )
  const usage = [a, b].reduce<Turn.Usage>(
    (larger, usage = Turn.noUsage) => (total(usage) > total(larger) ? usage : larger),
    Turn.noUsage
  )
  const calls = lines.flatMap((line) =>
    (line.type === "item.started" || line.type === "item.completed") && work.has(line.item.type)
      ? [line.item.id]
      : []
  )
  return {
    tokens: total(usage),
    timeMillis: 0,
    toolCalls: new Set(calls).size,
    modelCalls:
      Math.max(responded.length, updated.length) + lines.filter(({ type }) => type === "retrying").length,
    ...(price === undefined ? {} : { usd: Prices.cost(usage, price) })
  }
}

/**
 * Returns what the turn of Codex with this id, and its sub-agents, have used. `price` is that of the model of the turn, and
 * counts for its sub-agents too. The time is not among it. A model request whose response had not come when the engine died
 * is not known.
 */
export const spentBy = (
  events: ReadonlyArray<unknown>,
  turnId: TurnId,
  price: Prices.Price | undefined
): Budget.BudgetUsage => {
  const agents = new Map<string, Array<EventJson.EventLine>>()
  let current: TurnId | undefined
  for (const event of events) {
    const line = Option.getOrUndefined(decode(event))
    if (line?.type === "turn.started") current = line.turnId
    if (line === undefined || current !== turnId) continue
    const [agent, own] = line.type === "agent.event" ? [line.turnId, line.event] : ["", line]
    agents.set(agent, [...(agents.get(agent) ?? []), own])
  }
  return [...agents.values()].reduce((sum, lines) => Budget.add(sum, useOf(lines, price)), Budget.zero)
}

type StoredBudget = NonNullable<StoredTurnOptions["budget"]>

const limits = ["tokens", "timeMillis", "toolCalls", "modelCalls", "usd"] as const

/** Returns the budget that is left after `spent`. A limit that is used up is 0. */
export const remaining = (budget: StoredBudget, spent: Budget.BudgetUsage): StoredBudget =>
  Object.fromEntries(
    limits.flatMap((name) => {
      const limit = budget[name]
      return limit === undefined ? [] : [[name, Math.max(0, limit - (spent[name] ?? 0))]]
    })
  )

const limitOf = {
  Tokens: "tokens",
  Time: "timeMillis",
  ToolCalls: "toolCalls",
  ModelCalls: "modelCalls",
  Cost: "usd"
} as const satisfies Record<Budget.BudgetReason, (typeof limits)[number]>

/** Returns the error of a budget that was made smaller by `spent`, with the limit and the use of the whole turn. */
export const ofWholeTurn = (
  error: CodexError.BudgetExceeded,
  budget: StoredBudget | undefined,
  spent: Budget.BudgetUsage
): CodexError.CodexError => {
  const { turn, ...fields } = error
  const name = limitOf[error.reason]
  const whole = new CodexError.BudgetExceeded({
    ...fields,
    limit: budget?.[name] ?? error.limit,
    used: error.used + (spent[name] ?? 0)
  })
  return turn === undefined ? whole : CodexError.withTurn(whole, turn)
}
