/** Chooses the turns of a page, and adds the costs that a price list gives. */
import * as Prices from "../domain/Prices.ts"
import type { Tokens, TurnSpan, TurnSummary, TurnTrace } from "../trace/reader/TraceModel.ts"

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
 * Adds the cost of each call of the model that has none in the trace. A turn without a cost of its own gets the sum of its calls,
 * if each has a cost; calls of its sub-agents do not count.
 */
export const withCosts = (trace: TurnTrace, priceOf: Prices.PriceOf): TurnTrace => {
  const spans = trace.spans.map((span): TurnSpan => {
    const { costUsd, kind, model, tokens } = span
    if (kind !== "model" || costUsd !== undefined || tokens === undefined || model === undefined) return span
    const price = priceOf(model)
    return price === undefined ? span : { ...span, costUsd: costOf(tokens, price) }
  })
  const own = spans.filter(
    ({ kind, parent, tokens }) =>
      kind === "model" && tokens !== undefined && (parent === undefined || spans[parent]?.kind === "turn")
  )
  const costs = own.flatMap(({ costUsd }) => (costUsd === undefined ? [] : [costUsd]))
  const isKnown = costs.length > 0 && costs.length === own.length
  const costUsd = trace.turn.costUsd ?? (isKnown ? costs.reduce((sum, cost) => sum + cost, 0) : undefined)
  return { ...trace, spans, turn: { ...trace.turn, costUsd } }
}
