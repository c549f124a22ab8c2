/** The prices of models, for `turn.cost` and `budget.usd`. The library ships no price list: prices change, and contracts differ. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type * as Turn from "./Turn.ts"

/** US dollars for a million tokens. `cachedInput` and `cacheWrite` default to `input`. */
export interface Price {
  readonly input: number
  readonly cachedInput?: number | undefined
  readonly cacheWrite?: number | undefined
  /** Reasoning counts as output. */
  readonly output: number
}

/** Returns the price of a model by its exact name, or `undefined` if it is not known. */
export type PriceOf = (model: string) => Price | undefined

/** The prices that a thread uses: those of the caller that opens it, or else those of the layer of `Codex`. Default: none. */
export const Current = Context.Reference<PriceOf>("effect-codex/Prices/Current", {
  defaultValue: () => () => undefined
})

/** A table by the exact name of the model, or a function. */
export type PriceList = Readonly<Record<string, Price>> | PriceOf

/** Returns the function of a price list. */
export const make = (prices: PriceList): PriceOf =>
  typeof prices === "function"
    ? prices
    : (model) => (Object.hasOwn(prices, model) ? prices[model] : undefined)

/**
 * Sets the prices of all threads below it:
 *
 * ```ts
 * Prices.layer({ "gpt-5.4": { input: 1.25, cachedInput: 0.125, output: 10 } })
 * ```
 */
export const layer = (prices: PriceList): Layer.Layer<never> => Layer.succeed(Current, make(prices))

/** Returns the cost of tokens in US dollars. Cached and cache-write input are part of `input`. */
export const cost = (usage: Turn.Usage, price: Price): number => {
  const { cachedInput, cacheWrite = 0, input, output } = usage
  const fresh = Math.max(0, input - cachedInput - cacheWrite)
  const { cachedInput: cached = price.input, cacheWrite: write = price.input } = price
  return (fresh * price.input + cachedInput * cached + cacheWrite * write + output * price.output) / 1e6
}

/** Returns why a price is invalid, or `undefined`. A price that is no number would make every budget endless. */
export const validate = (price: Price): string | undefined => {
  for (const name of ["input", "cachedInput", "cacheWrite", "output"] as const) {
    const value = price[name]
    if (value !== undefined && !(value >= 0 && value < Infinity))
      return `the price ${name} is ${value}, and must be 0 or more`
  }
  return undefined
}
