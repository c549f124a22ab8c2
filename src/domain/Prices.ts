/** The prices of models, for `turn.cost` and `budget.usd`. The library ships no price list: prices change, and contracts differ. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type * as Turn from "./Turn.ts"

/**
 * US dollars for a million tokens. `cachedInput` and `cacheWrite` default to `input`.
 * @since 0.1.0
 * @category models
 */
export interface Price {
  readonly input: number
  readonly cachedInput?: number | undefined
  readonly cacheWrite?: number | undefined
  /** Reasoning counts as output. */
  readonly output: number
}

/**
 * Returns the price of a model by its exact name, or `undefined` if it is not known.
 * @since 0.1.0
 * @category models
 */
export type PriceOf = (model: string) => Price | undefined

/**
 * The prices that a thread uses: those of the caller that opens it, or else those of the layer of `Codex`. Default: none.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Prices } from "effect-codex"
 *
 * const priceOf = Effect.map(Prices.Current, (prices) => prices("gpt-5.4")?.output)
 * ```
 */
export const Current = Context.Reference<PriceOf>("effect-codex/Prices/Current", {
  defaultValue: () => () => undefined
})

/**
 * A table by the exact name of the model, or a function.
 * @since 0.1.0
 * @category models
 */
export type PriceList = Readonly<Record<string, Price>> | PriceOf

/**
 * Returns the function of a price list.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Prices } from "effect-codex"
 *
 * const prices = Prices.make({ "gpt-5.4": { input: 1.25, cachedInput: 0.125, output: 10 } })
 * prices("gpt-5.4")?.input // 1.25
 * prices("unknown") // undefined
 * ```
 */
export const make = (prices: PriceList): PriceOf =>
  typeof prices === "function"
    ? prices
    : (model) => (Object.hasOwn(prices, model) ? prices[model] : undefined)

/**
 * Sets the prices of all threads below it.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Codex, Prices } from "effect-codex"
 *
 * const CodexWithPrices = Codex.layer.pipe(
 *   Layer.provide(Prices.layer({ "gpt-5.4": { input: 1.25, cachedInput: 0.125, output: 10 } }))
 * )
 * ```
 */
export const layer = (prices: PriceList): Layer.Layer<never> => Layer.succeed(Current, make(prices))

/**
 * Returns the cost of tokens in US dollars. Cached and cache-write input are part of `input`.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Prices, Turn } from "effect-codex"
 *
 * const usage: Turn.Usage = { ...Turn.noUsage, input: 200_000, output: 10_000 }
 * Prices.cost(usage, { input: 1.25, output: 10 }) // 0.35 US dollars
 * ```
 */
export const cost = (usage: Turn.Usage, price: Price): number => {
  const { cachedInput, cacheWrite = 0, input, output } = usage
  const fresh = Math.max(0, input - cachedInput - cacheWrite)
  const { cachedInput: cached = price.input, cacheWrite: write = price.input } = price
  return (fresh * price.input + cachedInput * cached + cacheWrite * write + output * price.output) / 1e6
}

/**
 * Returns why a price is invalid, or `undefined`. A price that is no number would make every budget endless.
 * @since 0.1.0
 * @category guards
 * @example
 * ```ts
 * import { Prices } from "effect-codex"
 *
 * Prices.validate({ input: 1.25, output: 10 }) // undefined
 * Prices.validate({ input: Number.NaN, output: 10 }) // "the price input is NaN, and must be 0 or more"
 * ```
 */
export const validate = (price: Price): string | undefined => {
  for (const name of ["input", "cachedInput", "cacheWrite", "output"] as const) {
    const value = price[name]
    if (value !== undefined && !(value >= 0 && value < Infinity))
      return `the price ${name} is ${value}, and must be 0 or more`
  }
  return undefined
}
