/** The cost budget and the prices that it needs. No price table ships, so the command line must name one. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Prices from "../domain/Prices.ts"
import { UsageError } from "./CommandEnd.ts"
import * as ProtectedFile from "./ProtectedFile.ts"

/** The values of the flags, and the model that the command line names. */
export interface PriceInput {
  readonly usd: Option.Option<number>
  readonly price: ReadonlyArray<string>
  readonly prices: Option.Option<string>
  readonly model: Option.Option<string>
}

const dollars = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

/** The content of a prices file. */
export const PricesFile = Schema.Record(
  Schema.String,
  Schema.Struct({
    input: dollars,
    cachedInput: Schema.optionalKey(dollars),
    cacheWrite: Schema.optionalKey(dollars),
    output: dollars
  })
)
type Table = typeof PricesFile.Type

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(PricesFile), { onExcessProperty: "error" })

const readFile = Effect.fnUntraced(function* (file: string, target: ProtectedFile.FileTarget) {
  const text = yield* ProtectedFile.readText(file, `--prices: cannot read "${file}"`)
  const problem = ProtectedFile.exposure(file, ProtectedFile.writableRoots(target))
  if (problem !== undefined)
    return yield* new UsageError({
      text:
        `--prices: ${problem}, so it could change its own budget with "${file}"; ` +
        "move the file to a directory that the agent cannot write, or pass --price"
    })
  return yield* Effect.mapError(
    decode(text),
    (error) => new UsageError({ text: `--prices: "${file}" is not a table of prices:\n${error.message}` })
  )
})

/** Parses `MODEL=INPUT,OUTPUT` or `MODEL=INPUT,OUTPUT,CACHED`. The name of a model may contain `=`. */
export const parsePrice = (text: string): readonly [model: string, price: Prices.Price] | undefined => {
  const at = text.lastIndexOf("=")
  const parts = text.slice(at + 1).split(",")
  if (at < 1 || parts.length < 2 || parts.length > 3) return undefined
  const [input = Number.NaN, output = Number.NaN, cachedInput] = parts.map((part) =>
    /^\d+(\.\d+)?$/.test(part) ? Number(part) : Number.NaN
  )
  const price = { input, output, ...(cachedInput === undefined ? {} : { cachedInput }) }
  return Prices.validate(price) === undefined ? [text.slice(0, at), price] : undefined
}

/**
 * Returns the prices. Fails if a cost budget has no prices, or none for the model that the command line names. The model
 * of Codex's configuration is known when the thread is open: without its price, the turn fails before it starts.
 */
export const read = Effect.fnUntraced(function* (input: PriceInput, target: ProtectedFile.FileTarget) {
  const { model, price, prices, usd } = input
  if (Option.exists(usd, (usd) => usd <= 0))
    return yield* new UsageError({ text: "--budget-usd must be more than 0" })
  const entries: Array<readonly [string, Prices.Price]> = []
  for (const text of price) {
    const entry = parsePrice(text)
    if (entry === undefined)
      return yield* new UsageError({
        text: `--price takes MODEL=INPUT,OUTPUT or MODEL=INPUT,OUTPUT,CACHED, not "${text}"`
      })
    entries.push(entry)
  }
  const fromFile: Table = Option.isSome(prices) ? yield* readFile(prices.value, target) : {}
  const table: Readonly<Record<string, Prices.Price>> = { ...fromFile, ...Object.fromEntries(entries) }
  if (Option.isNone(usd)) return table
  if (Object.keys(table).length === 0)
    return yield* new UsageError({
      text: "--budget-usd needs the price of the model: pass --price or --prices"
    })
  if (Option.isSome(model) && !Object.hasOwn(table, model.value))
    return yield* new UsageError({
      text: `--budget-usd: there is no price for the model "${model.value}"; pass it with --price or --prices`
    })
  return table
})
