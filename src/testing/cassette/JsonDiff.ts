/** The first difference between two JSON values. */
import * as Predicate from "effect/Predicate"
import { mask } from "../../redaction/mask.ts"

export interface Difference {
  /** The path in the value, such as `options.tools[0].name`. */
  readonly path: string
  readonly expected: unknown
  readonly actual: unknown
}

const join = (path: string, key: string | number) =>
  typeof key === "number" ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`

/** Whether a text is the expected text with any texts in the places of masked secrets. */
const isUnmasked = (expected: string, actual: string): boolean => {
  const [start = "", ...parts] = expected.split(mask)
  const end = parts.pop()
  if (end === undefined || !actual.startsWith(start)) return false
  let at = start.length
  for (const part of parts) {
    const found = actual.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return actual.length - end.length >= at && actual.endsWith(end)
}

/**
 * Finds the first difference, in the order of the expected value. A masked secret is equal to any text, because a replay may
 * have another secret, or not know that the text is one.
 */
export const first = (expected: unknown, actual: unknown, path: string): Difference | undefined => {
  if (Object.is(expected, actual)) return undefined
  if (typeof expected === "string" && typeof actual === "string" && isUnmasked(expected, actual))
    return undefined
  if (Array.isArray(expected) && Array.isArray(actual)) {
    for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
      const found = first(expected[i], actual[i], join(path, i))
      if (found !== undefined) return found
    }
    return undefined
  }
  if (Predicate.isObject(expected) && Predicate.isObject(actual)) {
    if (Array.isArray(expected) === Array.isArray(actual)) {
      for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
        const found = first(expected[key], actual[key], join(path, key))
        if (found !== undefined) return found
      }
      return undefined
    }
  }
  return { path, expected, actual }
}

const maxLength = 300

const format = (value: unknown): string => {
  if (value === undefined) return "nothing"
  const text = JSON.stringify(value)
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}… (${text.length} characters)`
}

/** Formats a difference for people. For long texts it shows the part around the first different character. */
export const describe = ({ actual, expected, path }: Difference): string => {
  const lines = [`  at ${path}`]
  if (typeof expected === "string" && typeof actual === "string") {
    let prefix = 0
    while (prefix < expected.length && expected[prefix] === actual[prefix]) prefix++
    const from = prefix > 60 ? prefix - 40 : 0
    const part = (text: string) => `${from > 0 ? "…" : ""}${text.slice(from, from + maxLength)}`
    lines.push(`  expected ${JSON.stringify(part(expected))}`, `  actual   ${JSON.stringify(part(actual))}`)
  } else lines.push(`  expected ${format(expected)}`, `  actual   ${format(actual)}`)
  return lines.join("\n")
}
