/** Chooses the turns of a page, and adds the costs that a price list gives. */
import * as Prices from "../domain/Prices.ts"
import type { Tokens, TurnSummary, TurnTrace } from "../trace/reader/TraceModel.ts"
import type { PageTurn } from "../web/trace/PageData.ts"

export interface PageLimits {
  readonly turns: number
  /** A page with more spans takes seconds to open. A single turn is always shown. */
  readonly spans: number
}

export const defaultLimits: PageLimits = { turns: 1_000, spans: 100_000 }

/** Returns the keys of the newest turns that fit, the newest first. */
export const chooseTurns = (turns: ReadonlyArray<TurnSummary>, limits: PageLimits): ReadonlyArray<string> => {
  const chosen: Array<string> = []
  let spans = 0
  for (const turn of turns.toReversed()) {
    spans += turn.spans
    if (chosen.length >= limits.turns || (chosen.length > 0 && spans > limits.spans)) break
    chosen.push(turn.key)
  }
  return chosen
}

const costOf = (tokens: Tokens, price: Prices.Price): number =>
  Prices.cost(
    {
      input: tokens.input,
      cachedInput: tokens.cachedInput ?? 0,
      cacheWrite: tokens.cacheWrite ?? 0,
      output: tokens.output,
      reasoning: tokens.reasoning ?? 0
    },
    price
  )

/**
 * Adds the cost of each call of the model. A turn without a cost of its own gets the sum of its calls, if each has a price;
 * calls of its sub-agents do not count.
 */
export const toPageTurn = (trace: TurnTrace, priceOf: Prices.PriceOf): PageTurn => {
  const callCosts: Record<string, number> = {}
  let sum = 0
  let complete = true
  let found = false
  for (const [index, { kind, model, parent, tokens }] of trace.spans.entries()) {
    if (kind !== "model" || tokens === undefined) continue
    const price = model === undefined ? undefined : priceOf(model)
    const isOwn = parent === undefined || trace.spans[parent]?.kind === "turn"
    if (price === undefined) complete &&= !isOwn
    else {
      callCosts[index] = costOf(tokens, price)
      if (isOwn) sum += callCosts[index]
      found = true
    }
  }
  const costUsd = trace.turn.costUsd ?? (found && complete ? sum : undefined)
  return { ...trace, turn: { ...trace.turn, costUsd }, callCosts }
}
