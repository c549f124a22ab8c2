import type { Attributes, AttributeValue as Value } from "@opentelemetry/api"
import * as AttributeValue from "./AttributeValue.ts"

/** The same attributes, their texts cut at `limit` characters; the same object if none is longer. */
export const make = (attributes: Attributes, limit: number): Attributes => {
  let changed: Attributes | undefined
  for (const name in attributes) {
    const value = attributes[name]
    if (!isLong(value, limit)) continue
    changed ??= { ...attributes }
    changed[name] = AttributeValue.fromUnknown(value, limit)
  }
  return changed ?? attributes
}

const isLong = (value: Value | undefined, limit: number): boolean =>
  typeof value === "string"
    ? value.length > limit
    : Array.isArray(value) && value.some((item) => typeof item === "string" && item.length > limit)
