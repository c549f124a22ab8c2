/**
 * A persistent map that iterates in the order in which its keys were first set, as `Map` does. Reading and changing it
 * takes O(log n), so a fold over many events does not copy what it collected with every event.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Steps from "./Steps.ts"

interface Entry<V> {
  readonly order: number
  readonly value: V
}

export interface OrderedMap<K, V> {
  readonly entries: HashMap.HashMap<K, Entry<V>>
  /** The order of the next new key. */
  readonly next: number
}

export const empty = <K, V>(): OrderedMap<K, V> => ({ entries: HashMap.empty(), next: 0 })

export const size = <K, V>(map: OrderedMap<K, V>): number => HashMap.size(map.entries)

export const get = <K, V>(map: OrderedMap<K, V>, key: K): V | undefined =>
  Option.getOrUndefined(HashMap.get(map.entries, key))?.value

/** Sets a value. A key that is present keeps its place in the order. */
export const set = <K, V>(map: OrderedMap<K, V>, key: K, value: V): OrderedMap<K, V> => {
  const known = Option.getOrUndefined(HashMap.get(map.entries, key))
  return known === undefined
    ? { entries: HashMap.set(map.entries, key, { order: map.next, value }), next: map.next + 1 }
    : { ...map, entries: HashMap.set(map.entries, key, { ...known, value }) }
}

/** Removes a key. Returns the same map if the key is absent. */
export const remove = <K, V>(map: OrderedMap<K, V>, key: K): OrderedMap<K, V> =>
  HashMap.has(map.entries, key) ? { ...map, entries: HashMap.remove(map.entries, key) } : map

/**
 * Orders are whole numbers, so entries are placed by their order, in small steps: a sort is one long step. Entries that are
 * more spread out than this are few, and are sorted.
 */
const maxSpread = 8

function* entrySteps<K, V>(map: OrderedMap<K, V>): Generator<void, ReadonlyArray<readonly [K, Entry<V>]>> {
  if (size(map) === 0) return []
  const entries: Array<readonly [K, Entry<V>]> = []
  let first = map.next
  for (const entry of HashMap.entries(map.entries)) {
    entries.push(entry)
    first = Math.min(first, entry[1].order)
    yield
  }
  const spread = map.next - first
  if (spread > maxSpread * entries.length) return entries.toSorted(([, a], [, b]) => a.order - b.order)
  const placed = Array.from<readonly [K, Entry<V>] | undefined>({ length: spread })
  for (const entry of entries) {
    placed[entry[1].order - first] = entry
    yield
  }
  return placed.filter((entry) => entry !== undefined)
}

/** Returns the values in order, in small steps. */
export function* valueSteps<K, V>(map: OrderedMap<K, V>): Generator<void, ReadonlyArray<V>> {
  return (yield* entrySteps(map)).map(([, { value }]) => value)
}

/** Returns the values in order. Takes O(n): call it at the end of a fold, not in its steps. */
export const values = <K, V>(map: OrderedMap<K, V>): ReadonlyArray<V> =>
  size(map) === 0 ? [] : Steps.finish(valueSteps(map))

/** Returns keys and values in order. Takes O(n). */
export const toArray = <K, V>(map: OrderedMap<K, V>): ReadonlyArray<readonly [K, V]> =>
  size(map) === 0 ? [] : Steps.finish(entrySteps(map)).map(([key, { value }]) => [key, value])
