/**
 * Replaces values that differ in every run by stable names. These are the ids of threads, turns, items and responses,
 * numbered in order of appearance, the working directory of each thread, and the directories of staged files.
 */
import * as Predicate from "effect/Predicate"

export interface Normalizer {
  /** Replaces the ids and directories in a JSON value by their names. */
  readonly normalize: (value: unknown) => unknown
  /** Replaces names in a JSON value by the ids and directories of this run. */
  readonly restore: (value: unknown) => unknown
  /** Maps an id of this run to a name of the recording. */
  readonly bind: (id: string, name: string) => void
  /** Returns the name of an id, and creates one while recording. */
  readonly nameOf: (id: string, kind: "thread" | "turn" | "item") => string
  /** Adds a thread's directory: the name is `<workspace>` for the first thread, `<workspace-2>` for the second. */
  readonly addDirectory: (path: string, name: string) => void
  /** Adds a directory of staged files: `<attachments>`, then `<attachments-2>`. */
  readonly nameDirectory: (path: string) => void
}

/** Returns the value after a round trip through JSON. `undefined` stays `undefined`. */
export const toJson = (value: unknown): unknown =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(value))

/** The fields that hold ids, and the kind of each id. */
const kinds = new Map([
  ["threadId", "thread"],
  ["forkedFrom", "thread"],
  ["parent", "thread"],
  ["of", "thread"],
  ["turnId", "turn"],
  ["rootTurnId", "turn"],
  ["through", "turn"],
  ["itemId", "item"],
  ["callId", "item"],
  ["requestId", "item"],
  ["responseId", "response"],
  ["item.id", "item"],
  ["items.id", "item"],
  ["request.id", "item"],
  ["turns.id", "turn"],
  ["turn.id", "turn"]
])

type Visit = (text: string, kind: string | undefined, isId: boolean) => string

const mapStrings = (value: unknown, visit: Visit, key = "", above = ""): unknown => {
  if (typeof value === "string")
    return visit(value, kinds.get(key) ?? kinds.get(`${above}.${key}`), key === "id")
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, visit, key, above))
  if (!Predicate.isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]) => [field, mapStrings(inner, visit, field, key)])
  )
}

// In a text, replace long ids only: a shorter one may be an ordinary word.
const longIds = /[A-Za-z0-9_-]{16,}/g

export const directoryName = (thread: number): string =>
  thread === 1 ? "<workspace>" : `<workspace-${thread}>`

/** `record` creates names for new ids; `play` leaves an id without a name unchanged. */
export const make = (use: "record" | "play"): Normalizer => {
  const names = new Map<string, string>()
  const ids = new Map<string, string>()
  const counts = new Map<string, number>()
  /** Longest path first, because one directory may contain another. */
  let directories: ReadonlyArray<readonly [path: string, name: string]> = []

  const bind = (id: string, name: string) => {
    names.set(id, name)
    ids.set(name, id)
  }
  const nameOf = (id: string, kind: string): string => {
    const known = names.get(id)
    if (known !== undefined) return known
    if (use === "play") return id
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    const name = `${kind}-${count}`
    bind(id, name)
    return name
  }

  const normalizeText = (text: string): string => {
    let out = text.replace(longIds, (id) => names.get(id) ?? id)
    for (const [path, name] of directories) out = out.replaceAll(path, name)
    return out
  }
  const restoreText = (text: string): string => {
    let out = text
    for (const [path, name] of directories) out = out.replaceAll(name, path)
    return out
  }

  const addDirectory = (path: string, name: string) => {
    if (path.length < 2 || directories.some(([known]) => known === path)) return
    directories = [...directories, [path, name] as const].toSorted(([a], [b]) => b.length - a.length)
  }

  return {
    nameOf,
    normalize: (value) =>
      mapStrings(value, (text, kind, isId) => {
        if (kind !== undefined && text !== "") return nameOf(text, kind)
        return isId ? (names.get(text) ?? text) : normalizeText(text)
      }),
    restore: (value) =>
      mapStrings(value, (text, kind, isId) =>
        kind !== undefined || isId ? (ids.get(text) ?? text) : restoreText(text)
      ),
    bind,
    addDirectory,
    nameDirectory: (path) => {
      if (directories.some(([known]) => known === path)) return
      const count = directories.filter(([, name]) => name.startsWith("<attachments")).length + 1
      addDirectory(path, count === 1 ? "<attachments>" : `<attachments-${count}>`)
    }
  }
}
