/** Replaces strings inside JSON text. Numbers, whitespace and the order of properties stay byte for byte. */
import { isEscaped } from "./KeyValueSecrets.ts"
import { UniqueNames } from "./UniqueNames.ts"

/**
 * Returns the replacement for a string. The string is a property name (`isName`), or a value; then `name` is the nearest
 * property name above it, also through arrays.
 */
export type Visit = (text: string, name: string | undefined, isName: boolean, path: Path) => string

/** The property names that lead to a string, innermost first. */
export interface Path {
  readonly name: string | undefined
  readonly above: Path | undefined
}

interface Container {
  readonly object: boolean
  readonly path: Path | undefined
  readonly names: UniqueNames
}

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const decode = (quoted: string): string => {
  const value: unknown = JSON.parse(quoted)
  return typeof value === "string" ? value : quoted
}

/** Whether the text starts and ends like a JSON object or array: a cheap test before parsing it. */
export const looksLikeJson = (text: string): boolean => {
  const first = /^\s{0,16}([{[])/.exec(text)?.[1]
  return first === "{"
    ? /\}\s{0,16}$/.test(text.slice(-17))
    : first === "[" && /\]\s{0,16}$/.test(text.slice(-17))
}

const number = /-?\d[\d.eE+-]*/y

/**
 * Replaces each string of a JSON text by what `visit` returns, and each secret number by 0. Returns `undefined` if the
 * text is not JSON.
 */
export const map = (
  text: string,
  visit: Visit,
  isSecretNumber: (name: string, value: number) => boolean = () => false
): string | undefined => {
  if (!isJson(text)) return undefined
  const stack: Array<Container> = []
  let container: Container | undefined
  let name: string | undefined
  let expectsName = false
  let out = ""
  let copiedTo = 0
  const currentPath = (): Path | undefined =>
    container?.object === true ? { name, above: container.path } : container?.path
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === 123 || char === 91) {
      const path = currentPath()
      if (container !== undefined) stack.push(container)
      container = { object: char === 123, path, names: new UniqueNames() }
      expectsName = container.object
    } else if (char === 125 || char === 93) {
      container = stack.pop()
      expectsName = false
    } else if (char === 44) {
      expectsName = container?.object === true
    } else if (char === 34) {
      let end = text.indexOf('"', at + 1)
      while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
      const quoted = text.slice(at, end + 1)
      const value = decode(quoted)
      const path = currentPath() ?? { name: undefined, above: undefined }
      let replacement = visit(value, expectsName ? undefined : path.name, expectsName, path)
      if (expectsName) {
        name = value
        replacement = container?.names.of(value, replacement) ?? replacement
      }
      if (replacement !== value) {
        out += text.slice(copiedTo, at) + JSON.stringify(replacement)
        copiedTo = end + 1
      }
      if (expectsName) expectsName = false
      at = end
    } else if (char === 45 || (char >= 48 && char <= 57)) {
      number.lastIndex = at
      const literal = number.exec(text)?.[0] ?? ""
      const path = literal.length < 4 ? undefined : currentPath()?.name
      if (path !== undefined && isSecretNumber(path, Number(literal))) {
        out += `${text.slice(copiedTo, at)}0`
        copiedTo = at + literal.length
      }
      at += Math.max(0, literal.length - 1)
    }
  }
  return copiedTo === 0 ? text : out + text.slice(copiedTo)
}

const prune = (value: unknown, maxText: number, maxItems: number, depth: number): unknown => {
  if (typeof value === "string") {
    return value.length <= maxText ? value : `${value.slice(0, Math.max(0, maxText - 1))}…`.toWellFormed()
  }
  if (typeof value !== "object" || value === null) return value
  if (depth === 0) return Array.isArray(value) ? [] : {}
  if (Array.isArray(value))
    return value.slice(0, maxItems).map((item) => prune(item, maxText, maxItems, depth - 1))
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, maxItems)
      .map(([name, item]) => [name, prune(item, maxText, maxItems, depth - 1)])
  )
}

/** Shortens JSON to at most `limit` characters: cuts long strings first, then long lists, then deep levels. */
export const cut = (text: string, limit: number): string => {
  if (text.length <= limit) return text
  const value: unknown = JSON.parse(text)
  for (let maxText = Math.min(limit, 4096), maxItems = 1024, depth = 32; ;) {
    const short = JSON.stringify(prune(value, maxText, maxItems, depth))
    if (short.length <= limit) return short
    if (maxText === 1 && maxItems === 1 && depth === 0) return Array.isArray(value) ? "[]" : "{}"
    if (maxText === 1 && maxItems === 1) depth = Math.floor(depth / 2)
    maxText = Math.max(1, Math.floor(maxText / 4))
    maxItems = Math.max(1, Math.floor(maxItems / 2))
  }
}
