/** Attribute values of OpenTelemetry: conversion of any value, and length limits. */
import type { Attributes, AttributeValue } from "@opentelemetry/api"
import * as Formatter from "effect/Formatter"

/**
 * Converts any value to an attribute value. Strings, numbers, booleans and lists of one of these types are kept; other
 * objects become JSON; `null`, `undefined`, functions and symbols become `undefined`. Strings are cut at `limit`
 * characters. Never throws.
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

/** Converts a property like {@link fromUnknown}. Returns `undefined` if its getter throws. */
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

/**
 * Cuts every string in the attributes at `limit` characters. Returns the same object if no string is longer.
 */
export const truncateAttributes = (attributes: Attributes, limit: number): Attributes => {
  let changed: Attributes | undefined
  for (const name in attributes) {
    const value = attributes[name]
    if (!isTooLong(value, limit)) continue
    changed ??= { ...attributes }
    changed[name] = fromUnknown(value, limit)
  }
  return changed ?? attributes
}

const isTooLong = (value: AttributeValue | undefined, limit: number): boolean =>
  typeof value === "string"
    ? value.length > limit
    : Array.isArray(value) && value.some((item) => typeof item === "string" && item.length > limit)

/** Cuts text at `limit` characters. Removes half surrogate pairs: a receiver rejects the whole batch because of one. */
export const truncate = (value: string, limit: number): string =>
  (value.length <= limit ? value : value.slice(0, limit)).toWellFormed()

// OTLP encodes integers as int64, and its JSON has no NaN: any other number makes the receiver reject the whole batch.
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
