/** Finds secrets that another item names: `{ name: "DB_PASSWORD", value }`, `["--password", value]`, header lists. */
import * as CommandSecrets from "./CommandSecrets.ts"
import * as KubernetesSecrets from "./KubernetesSecrets.ts"
import * as SecretNames from "./SecretNames.ts"
import { mask } from "./mask.ts"

const nameKey = /^(?:\w{0,32}name|key|field|header|variable)$/i
const valueKey = /^(?:\w{0,32}value|val)$/i
const header = /^(?:(?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{1,64})$/i

/** Returns the secret name that the entry of an object gives its value, if the object is such an entry. */
export const nameOf = (entries: ReadonlyArray<readonly [string, unknown]>): string | undefined => {
  const found = entries.find(
    ([key, value]) => typeof value === "string" && nameKey.test(key) && SecretNames.isSecret(value)
  )
  return typeof found?.[1] === "string" ? found[1] : undefined
}

/** Whether a property holds the value of an entry that {@link nameOf} found a name of. */
export const isValueKey = (key: string): boolean => valueKey.test(key)

const isListed = (before: string, items: ReadonlyArray<unknown>, item: string): boolean => {
  if (before.startsWith("-")) {
    return (
      !item.startsWith("--") && before.length > 2 && !/[=\s]/.test(before) && SecretNames.isSecret(before)
    )
  }
  if (!/^[\w-]{1,64}$/.test(before)) return false
  return (items.length === 2 || header.test(before)) && SecretNames.isSecret(before)
}

/** Returns the list with secrets masked that the item before them names, or the same list. */
export const list = <A>(items: ReadonlyArray<A | string>): ReadonlyArray<A | string> => {
  let changed: Array<A | string> | undefined
  for (let at = 1; at < items.length; at++) {
    const before = items[at - 1]
    const item = items[at]
    if (typeof before !== "string" || typeof item !== "string" || item === mask) continue
    const found = replacement(before, item, items, at)
    if (found === undefined || found === item) continue
    changed ??= [...items]
    changed[at] = found
  }
  return changed ?? items
}

const replacement = (
  before: string,
  item: string,
  items: ReadonlyArray<unknown>,
  at: number
): string | undefined => {
  const argument = CommandSecrets.argument(items, at)
  if (argument !== undefined) return argument
  if (/^(?:true|false|null|undefined|none|yes|no|)$/i.test(item)) return undefined
  return isListed(before, items, item) ? mask : undefined
}

const textsBelow = (value: unknown, found: Set<string>): void => {
  if (typeof value !== "object" || value === null) return
  for (const item of Object.values(value)) if (typeof item === "string" && item !== "") found.add(item)
}

const secretsBelow = (value: unknown, found: Set<string>, depth: number): void => {
  if (typeof value !== "object" || value === null || depth > 64) return
  if (Array.isArray(value)) {
    const items: ReadonlyArray<unknown> = value
    const masked = list(items)
    for (const [at, item] of items.entries()) {
      if (typeof item === "string" && masked[at] !== item) found.add(item)
      else secretsBelow(item, found, depth + 1)
    }
    return
  }
  const entries = Object.entries(value)
  const name = nameOf(entries)
  const kubernetes = KubernetesSecrets.isSecret(entries)
  for (const [key, item] of entries) {
    if (kubernetes && KubernetesSecrets.isData(key)) textsBelow(item, found)
    else if (name !== undefined && isValueKey(key) && typeof item === "string" && item !== "") found.add(item)
    else secretsBelow(item, found, depth + 1)
  }
}

// Without one of these no item of the JSON text can name another.
const named = /"\w{0,32}(?:name|key|field|header|variable)"\s{0,16}:/i
const listed =
  /"(?:-|x-|(?:proxy-)?authorization"|(?:set-)?cookie")|\[\s{0,16}"[\w-]{1,64}"\s{0,16},\s{0,16}"/i

/** Returns the strings of a JSON text that another item of the same list or object names as secrets. */
export const inJson = (text: string): ReadonlySet<string> => {
  const found = new Set<string>()
  if (
    !text.includes('"Secret"') &&
    !(text.includes('ue"') || text.includes('al"') ? named.test(text) : false) &&
    !listed.test(text)
  )
    return found
  try {
    secretsBelow(JSON.parse(text), found, 0)
  } catch {
    // Text that is not JSON has no items.
  }
  return found
}
