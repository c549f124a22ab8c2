import type { AttributeValue } from "@opentelemetry/api"
import * as Formatter from "effect/Formatter"

/**
 * What a back end may store of any value: text, numbers, booleans and lists of one of these as they are, the rest as
 * JSON; `undefined` for what has no value. Text is cut at `limit` characters. Never throws.
 */
export const fromUnknown = (value: unknown, limit: number): AttributeValue | undefined => {
  switch (typeof value) {
    case "string":
      return truncate(value, limit)
    case "number":
      return isEncodable(value) ? value : String(value)
    case "boolean":
      return value
    case "object":
      return value === null ? undefined : fromObject(value, limit)
    case "bigint":
      return truncate(value.toString(), limit)
    default:
      return undefined
  }
}

/** The same of a property, also where reading it throws. */
export const fromProperty = (
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
export const truncate = (value: string, limit: number): string =>
  (value.length <= limit ? value : value.slice(0, limit)).toWellFormed()

// OTLP writes integers as int64 and knows no NaN in JSON: a number beyond would cost the whole batch.
const isEncodable = (value: number) =>
  Number.isFinite(value) && (!Number.isInteger(value) || Math.abs(value) < 2 ** 63)

const fromObject = (value: object, limit: number): AttributeValue | undefined => {
  try {
    const list = Array.isArray(value) ? fromList(value, limit) : undefined
    if (list !== undefined) return list
    const json: unknown = Formatter.formatJson(value)
    return typeof json === "string" ? truncate(json, limit) : undefined
  } catch {
    return undefined
  }
}

const fromList = (items: ReadonlyArray<unknown>, limit: number): AttributeValue | undefined => {
  const texts: Array<string> = []
  const numbers: Array<number> = []
  const booleans: Array<boolean> = []
  for (const item of items) {
    if (typeof item === "string") texts.push(truncate(item, limit))
    else if (typeof item === "bigint") texts.push(truncate(item.toString(), limit))
    else if (typeof item === "number" && isEncodable(item)) numbers.push(item)
    else if (typeof item === "boolean") booleans.push(item)
    else return undefined
  }
  if (texts.length === items.length) return texts
  if (numbers.length === items.length) return numbers
  return booleans.length === items.length ? booleans : undefined
}
