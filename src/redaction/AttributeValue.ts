import type { AttributeValue } from "@opentelemetry/api"
import * as Formatter from "effect/Formatter"

/**
 * What a back end may store of any value: text, numbers, booleans and lists of one of these as they are, the rest as
 * JSON; `undefined` for what has no value. Text is cut at `limit` characters. Never throws.
 */
export const fromUnknown = (value: unknown, limit: number): AttributeValue | undefined => {
  switch (typeof value) {
    case "string":
      return text(value, limit)
    case "number":
      return isNumeral(value) ? value : String(value)
    case "boolean":
      return value
    case "object":
      return value === null ? undefined : structure(value, limit)
    case "bigint":
      return text(value.toString(), limit)
    default:
      return undefined
  }
}

/** The same of a property, also where reading it throws. */
export const ofProperty = (
  source: Readonly<Record<string, unknown>>,
  key: string,
  limit: number
): AttributeValue | undefined => {
  try {
    return fromUnknown(source[key], limit)
  } catch {
    return undefined
  }
}

/** Text of at most `limit` characters without half a surrogate pair, which receivers refuse together with its batch. */
export const text = (value: string, limit: number): string =>
  (value.length <= limit ? value : value.slice(0, limit)).toWellFormed()

// OTLP writes integers as int64 and knows no NaN in JSON: a number beyond would cost the whole batch.
const isNumeral = (value: number) =>
  Number.isFinite(value) && (!Number.isInteger(value) || Math.abs(value) < 2 ** 63)

const structure = (value: object, limit: number): AttributeValue | undefined => {
  try {
    const list = Array.isArray(value) ? uniform(value, limit) : undefined
    if (list !== undefined) return list
    const json: unknown = Formatter.formatJson(value)
    return typeof json === "string" ? text(json, limit) : undefined
  } catch {
    return undefined
  }
}

const uniform = (items: ReadonlyArray<unknown>, limit: number): AttributeValue | undefined => {
  const texts: Array<string> = []
  const numbers: Array<number> = []
  const booleans: Array<boolean> = []
  for (const item of items) {
    if (typeof item === "string") texts.push(text(item, limit))
    else if (typeof item === "bigint") texts.push(text(item.toString(), limit))
    else if (typeof item === "number" && isNumeral(item)) numbers.push(item)
    else if (typeof item === "boolean") booleans.push(item)
    else return undefined
  }
  if (texts.length === items.length) return texts
  if (numbers.length === items.length) return numbers
  return booleans.length === items.length ? booleans : undefined
}
