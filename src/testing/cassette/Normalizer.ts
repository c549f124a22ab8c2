/**
 * What is another in every run, by names that are always the same: ids of threads, turns, items and responses in the
 * order in which they are met, and the folder of each thread.
 */
import * as Predicate from "effect/Predicate"

export interface Stable {
  /** Makes a value of JSON one that is the same in every run. */
  readonly hide: (value: unknown) => unknown
  /** Such a value, with the ids and folders of this run. */
  readonly show: (value: unknown) => unknown
  /** Gives an id of this run the name that it has in the recording. */
  readonly bind: (id: string, name: string) => void
  /** The name of an id, a new one where it has none. */
  readonly name: (id: string, kind: "thread" | "turn" | "item") => string
  /** The folder of a thread: `name` is `<workspace>` of the first, `<workspace-2>` of the second. */
  readonly folder: (path: string, name: string) => void
}

/** A value as it is when it has been written as JSON and read again; `undefined` stays what it is. */
export const plain = (value: unknown): unknown =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(value))

/** The fields that hold ids, and what those are ids of. */
const kinds = new Map([
  ["threadId", "thread"],
  ["forkedFrom", "thread"],
  ["parent", "thread"],
  ["of", "thread"],
  ["turnId", "turn"],
  ["through", "turn"],
  ["itemId", "item"],
  ["callId", "item"],
  ["requestId", "item"],
  ["responseId", "response"],
  ["item.id", "item"],
  ["items.id", "item"],
  ["request.id", "item"],
  ["turns.id", "turn"]
])

type Visit = (text: string, kind: string | undefined, isId: boolean) => string

const mapStrings = (value: unknown, visit: Visit, key = "", above = ""): unknown => {
  if (typeof value === "string")
    return visit(value, kinds.get(key) ?? kinds.get(`${above}.${key}`), key === "id")
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, visit, key, above))
  if (!Predicate.isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, mapStrings(inner, visit, name, key)])
  )
}

// An id that is shorter may stand in a text for something else.
const long = /[A-Za-z0-9_-]{16,}/g

export const folderName = (thread: number): string => (thread === 1 ? "<workspace>" : `<workspace-${thread}>`)

/** For a recording, which gives names out, or for one that is played: there an id without a name stays as it is. */
export const make = (use: "record" | "play"): Stable => {
  const names = new Map<string, string>()
  const ids = new Map<string, string>()
  const counts = new Map<string, number>()
  /** The longest first: a folder may lie in another. */
  let folders: ReadonlyArray<readonly [path: string, name: string]> = []

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

  const hideText = (text: string): string => {
    let out = text.replace(long, (id) => names.get(id) ?? id)
    for (const [path, name] of folders) out = out.replaceAll(path, name)
    return out
  }
  const showText = (text: string): string => {
    let out = text
    for (const [path, name] of folders) out = out.replaceAll(name, path)
    return out
  }

  return {
    name: nameOf,
    hide: (value) =>
      mapStrings(value, (text, kind, isId) => {
        if (kind !== undefined && text !== "") return nameOf(text, kind)
        return isId ? (names.get(text) ?? text) : hideText(text)
      }),
    show: (value) =>
      mapStrings(value, (text, kind, isId) =>
        kind !== undefined || isId ? (ids.get(text) ?? text) : showText(text)
      ),
    bind,
    folder: (path, name) => {
      if (path.length < 2 || folders.some(([known]) => known === path)) return
      folders = [...folders, [path, name] as const].toSorted(([a], [b]) => b.length - a.length)
    }
  }
}
