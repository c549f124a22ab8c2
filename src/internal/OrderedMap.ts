/**
 * A persistent map that iterates in the order in which its keys were first set, as `Map` does. Reading and changing it
 * takes O(log n), so a fold over many events does not copy what it collected with every event.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"

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

/** Returns keys and values in order. Takes O(n log n): call it at the end of a fold, not in its steps. */
export const toArray = <K, V>(map: OrderedMap<K, V>): ReadonlyArray<readonly [K, V]> =>
  HashMap.toEntries(map.entries)
    .toSorted(([, a], [, b]) => a.order - b.order)
    .map(([key, { value }]) => [key, value])

/** Returns the values in order, in small steps. */
export function* valueSteps<K, V>(map: OrderedMap<K, V>): Generator<void, ReadonlyArray<V>> {
  const entries: Array<Entry<V>> = []
  for (const entry of HashMap.values(map.entries)) {
    entries.push(entry)
    yield
  }
  return entries.toSorted((a, b) => a.order - b.order).map(({ value }) => value)
}

/** Returns the values in order. Takes O(n log n). */
export const values = <K, V>(map: OrderedMap<K, V>): ReadonlyArray<V> =>
  HashMap.toValues(map.entries)
    .toSorted((a, b) => a.order - b.order)
    .map(({ value }) => value)
