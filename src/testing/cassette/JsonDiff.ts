/** Where two values of JSON part. */
import * as Predicate from "effect/Predicate"

export interface Difference {
  /** `options.tools[0].name`. */
  readonly path: string
  readonly expected: unknown
  readonly actual: unknown
}

const join = (path: string, key: string | number) =>
  typeof key === "number" ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`

/** The first place in which they differ, in the order of what was expected. */
export const first = (expected: unknown, actual: unknown, path: string): Difference | undefined => {
  if (Object.is(expected, actual)) return undefined
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

const longest = 300

const shown = (value: unknown): string => {
  if (value === undefined) return "nothing"
  const text = JSON.stringify(value)
  return text.length <= longest ? text : `${text.slice(0, longest)}… (${text.length} characters)`
}

/** What differs, for a person. Of long texts it shows where they part. */
export const describe = ({ actual, expected, path }: Difference): string => {
  const lines = [`  at ${path}`]
  if (typeof expected === "string" && typeof actual === "string") {
    let same = 0
    while (same < expected.length && expected[same] === actual[same]) same++
    const from = same > 60 ? same - 40 : 0
    const part = (text: string) => `${from > 0 ? "…" : ""}${text.slice(from, from + longest)}`
    lines.push(`  expected ${JSON.stringify(part(expected))}`, `  actual   ${JSON.stringify(part(actual))}`)
  } else lines.push(`  expected ${shown(expected)}`, `  actual   ${shown(actual)}`)
  return lines.join("\n")
}
