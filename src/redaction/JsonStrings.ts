/** JSON that stays as it is but for its texts: numbers, blanks and the order of everything are left alone. */
import { isEscaped } from "./KeyValueSecrets.ts"
import { UniqueNames } from "./UniqueNames.ts"

/** What a text in JSON is: a name, or the value that goes by this name, itself or in lists of it. */
export type Visit = (text: string, name: string | undefined, isName: boolean, path: Path) => string

/** The names that lead to a text, from the inside. */
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

/** Whether it is worth a try. */
export const looksLikeJson = (text: string): boolean => {
  const first = /^\s{0,16}([{[])/.exec(text)?.[1]
  return first === "{"
    ? /\}\s{0,16}$/.test(text.slice(-17))
    : first === "[" && /\]\s{0,16}$/.test(text.slice(-17))
}

/** The same JSON with each text as `visit` has it; `undefined` if this is no JSON. */
export const map = (text: string, visit: Visit): string | undefined => {
  if (!isJson(text)) return undefined
  const stack: Array<Container> = []
  let inside: Container | undefined
  let name: string | undefined
  let naming = false
  let out = ""
  let from = 0
  const within = (): Path | undefined =>
    inside?.object === true ? { name, above: inside.path } : inside?.path
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === 123 || char === 91) {
      const path = within()
      if (inside !== undefined) stack.push(inside)
      inside = { object: char === 123, path, names: new UniqueNames() }
      naming = inside.object
    } else if (char === 125 || char === 93) {
      inside = stack.pop()
      naming = false
    } else if (char === 44) {
      naming = inside?.object === true
    } else if (char === 34) {
      let end = text.indexOf('"', at + 1)
      while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
      const quoted = text.slice(at, end + 1)
      const value = decode(quoted)
      const path = within() ?? { name: undefined, above: undefined }
      let seen = visit(value, naming ? undefined : path.name, naming, path)
      if (naming) {
        name = value
        seen = inside?.names.of(value, seen) ?? seen
      }
      if (seen !== value) {
        out += text.slice(from, at) + JSON.stringify(seen)
        from = end + 1
      }
      if (naming) naming = false
      at = end
    }
  }
  return from === 0 ? text : out + text.slice(from)
}

const prune = (value: unknown, texts: number, items: number, depth: number): unknown => {
  if (typeof value === "string") {
    return value.length <= texts ? value : `${value.slice(0, Math.max(0, texts - 1))}…`.toWellFormed()
  }
  if (typeof value !== "object" || value === null) return value
  if (depth === 0) return Array.isArray(value) ? [] : {}
  if (Array.isArray(value)) return value.slice(0, items).map((item) => prune(item, texts, items, depth - 1))
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, items)
      .map(([name, item]) => [name, prune(item, texts, items, depth - 1)])
  )
}

/** JSON of at most `limit` characters: long texts are cut first, then long lists, then what lies deep. */
export const cut = (text: string, limit: number): string => {
  if (text.length <= limit) return text
  const value: unknown = JSON.parse(text)
  for (let texts = Math.min(limit, 4096), items = 1024, depth = 32; ;) {
    const short = JSON.stringify(prune(value, texts, items, depth))
    if (short.length <= limit) return short
    if (texts === 1 && items === 1 && depth === 0) return Array.isArray(value) ? "[]" : "{}"
    if (texts === 1 && items === 1) depth = Math.floor(depth / 2)
    texts = Math.max(1, Math.floor(texts / 4))
    items = Math.max(1, Math.floor(items / 2))
  }
}
