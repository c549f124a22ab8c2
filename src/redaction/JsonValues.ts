/** Converts any value to a JSON value and replaces its strings. */
import * as Redacted from "effect/Redacted"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { UniqueNames } from "./UniqueNames.ts"
import * as ErrorType from "../semconv/ErrorType.ts"
import * as KubernetesSecrets from "./KubernetesSecrets.ts"
import * as NamedValues from "./NamedValues.ts"
import { isSecret, isSecretNumber } from "./SecretNames.ts"
import { isHarmless } from "./KeyValueSecrets.ts"
import { mask } from "./mask.ts"

type ReplaceText = (text: string, name?: string) => string

// Deeper than any value that a person reads in a log.
const maxDepth = 32

/** Replaces a value that is too deep, refers to itself, or throws when read. */
export const unreadable = "[unreadable]"

/**
 * Converts a value: an error becomes its type, `Redacted` becomes the mask, a date or another value with `toJSON` becomes
 * its JSON. Below a property with the name of a secret, each string becomes the mask, at any depth. Never throws.
 */
export const map = (value: unknown, name: string | undefined, replace: ReplaceText): unknown =>
  mapped(value, name, name !== undefined && isSecret(name) ? name : undefined, replace, [])

const mapped = (
  value: unknown,
  name: string | undefined,
  secret: string | undefined,
  replace: ReplaceText,
  above: ReadonlyArray<object>
): unknown => {
  switch (typeof value) {
    case "string":
      return secret === undefined ? replace(value, name) : isHarmless(value, secret) ? value : mask
    case "number":
      // A number stays a number.
      return name !== undefined && isSecretNumber(name, value) ? 0 : value
    case "boolean":
    case "undefined":
      return value
    case "bigint":
      return replace(value.toString(), name)
    case "object":
      if (value === null) return null
      if (above.length >= maxDepth || above.includes(value)) return unreadable
      try {
        return structure(value, name, secret, replace, [...above, value])
      } catch {
        return unreadable
      }
    default:
      return replace(String(value), name)
  }
}

const structure = (
  value: object,
  name: string | undefined,
  secret: string | undefined,
  replace: ReplaceText,
  above: ReadonlyArray<object>
): unknown => {
  const inner = (item: unknown, name: string | undefined) =>
    mapped(item, name, secret ?? (name !== undefined && isSecret(name) ? name : undefined), replace, above)
  if (Redacted.isRedacted(value)) return mask
  if (Cause.isCause(value)) return ErrorType.fromExit(Exit.failCause(value)) ?? "Interrupted"
  if (value instanceof Error) {
    return ErrorType.fromExit("_tag" in value ? Exit.fail(value) : Exit.die(value)) ?? "Error"
  }
  if (Array.isArray(value)) return NamedValues.list<unknown>(value).map((item) => inner(item, name))
  if (value instanceof Map) {
    return Object.fromEntries(
      [...value].map(([key, item]) => [replace(String(key)), inner(item, String(key))])
    )
  }
  if (value instanceof Set) return [...value].map((item) => inner(item, name))
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if ("toJSON" in value && typeof value.toJSON === "function") return inner(value.toJSON(), name)
  const entries = Object.keys(value).map((key): readonly [string, unknown] => [key, Reflect.get(value, key)])
  const named = NamedValues.nameOf(entries)
  const kubernetes = KubernetesSecrets.isSecret(entries)
  return record(
    entries.map(([key, item]) => [
      key,
      kubernetes && KubernetesSecrets.isData(key)
        ? mapped(item, key, "secret", replace, above)
        : inner(item, named !== undefined && NamedValues.isValueKey(key) ? named : key)
    ]),
    replace
  )
}

const record = (
  entries: ReadonlyArray<readonly [name: string, value: unknown]>,
  replace: ReplaceText
): object => {
  const names = new UniqueNames()
  return Object.fromEntries(entries.map(([name, value]) => [names.of(name, replace(name)), value]))
}
