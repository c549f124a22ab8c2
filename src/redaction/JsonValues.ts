/** Any value as one of JSON, its texts as somebody wants to see them. */
import * as Redacted from "effect/Redacted"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { DistinctNames } from "./UniqueNames.ts"
import * as ErrorType from "../semconv/ErrorType.ts"
import { isSecret } from "./SecretNames.ts"
import { isPlain } from "./KeyValueSecrets.ts"
import { mask } from "./TokenPatterns.ts"

type See = (text: string, name?: string) => string

// Deeper than anything that is written down to be read.
const deepest = 32

/** What `map` makes of what is too deep, goes in circles, or cannot be read. */
export const unreadable = "[unreadable]"

/**
 * Errors by their type, secrets of Effect masked, dates and the like as their JSON. What has the name of a secret is
 * masked, text by text, however deep. Never throws.
 */
export const map = (value: unknown, name: string | undefined, see: See): unknown =>
  mapped(value, name, name !== undefined && isSecret(name) ? name : undefined, see, [])

const mapped = (
  value: unknown,
  name: string | undefined,
  secret: string | undefined,
  see: See,
  above: ReadonlyArray<object>
): unknown => {
  switch (typeof value) {
    case "string":
      return secret === undefined ? see(value, name) : isPlain(value, secret) ? value : mask
    case "number":
    case "boolean":
    case "undefined":
      return value
    case "bigint":
      return see(value.toString(), name)
    case "object":
      if (value === null) return null
      if (above.length >= deepest || above.includes(value)) return unreadable
      try {
        return structure(value, name, secret, see, [...above, value])
      } catch {
        return unreadable
      }
    default:
      return see(String(value), name)
  }
}

const structure = (
  value: object,
  name: string | undefined,
  secret: string | undefined,
  see: See,
  above: ReadonlyArray<object>
): unknown => {
  const inner = (item: unknown, name: string | undefined) =>
    mapped(item, name, secret ?? (name !== undefined && isSecret(name) ? name : undefined), see, above)
  if (Redacted.isRedacted(value)) return mask
  if (Cause.isCause(value)) return ErrorType.fromExit(Exit.failCause(value)) ?? "Interrupted"
  if (value instanceof Error) {
    return ErrorType.fromExit("_tag" in value ? Exit.fail(value) : Exit.die(value)) ?? "Error"
  }
  if (Array.isArray(value)) return value.map((item) => inner(item, name))
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [see(String(key)), inner(item, String(key))]))
  }
  if (value instanceof Set) return [...value].map((item) => inner(item, name))
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if ("toJSON" in value && typeof value.toJSON === "function") return inner(value.toJSON(), name)
  return record(
    Object.keys(value).map((key) => [key, inner(Reflect.get(value, key), key)] as const),
    see
  )
}

const record = (entries: ReadonlyArray<readonly [name: string, value: unknown]>, see: See): object => {
  const names = new DistinctNames()
  return Object.fromEntries(entries.map(([name, value]) => [names.of(name, see(name)), value]))
}
