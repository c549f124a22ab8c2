/**
 * The completed items of a turn, in order, within a limit in bytes. Pure; setting an item takes O(log n), because each item
 * is cut at most once and dropped at most once.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Steps from "../internal/Steps.ts"
import * as BoundedContent from "./BoundedContent.ts"
import type * as Item from "./Item.ts"

interface Entry {
  readonly order: number
  readonly item: Item.Item
  readonly bytes: number
}

export interface KeptItems {
  readonly entries: HashMap.HashMap<string, Entry>
  /** The ids by order. */
  readonly ids: HashMap.HashMap<number, string>
  /** The order of the next new item. */
  readonly next: number
  readonly bytes: number
  /** The order of the oldest item that is not cut yet, and of the oldest item that is not dropped. */
  readonly nextToCut: number
  readonly nextToDrop: number
  readonly omittedItems: number
}

export const empty: KeptItems = {
  entries: HashMap.empty(),
  ids: HashMap.empty(),
  next: 0,
  bytes: 0,
  nextToCut: 0,
  nextToDrop: 0,
  omittedItems: 0
}

/** What an item takes besides its content: its places in the two maps. */
const entryBytes = 256
/** What an old item keeps of its content. */
const cutBytes = 1024

const entryAt = (items: KeptItems, order: number): Entry | undefined =>
  Option.getOrUndefined(Option.flatMap(HashMap.get(items.ids, order), (id) => HashMap.get(items.entries, id)))

const put = (items: KeptItems, order: number, item: Item.Item, known: Entry | undefined): KeptItems => {
  const bytes = entryBytes + BoundedContent.sizeOf(item)
  return {
    ...items,
    entries: HashMap.set(items.entries, item.id, { order, item, bytes }),
    bytes: items.bytes + bytes - (known?.bytes ?? 0)
  }
}

/** Cuts the oldest item that is not cut yet. */
const cutNext = (items: KeptItems): KeptItems => {
  const order = items.nextToCut
  const entry = entryAt(items, order)
  const next = { ...items, nextToCut: order + 1 }
  const item = entry === undefined ? undefined : BoundedContent.boundItem(entry.item, cutBytes)
  return item === undefined || item === entry?.item ? next : put(next, order, item, entry)
}

const dropNext = (items: KeptItems): KeptItems => {
  const order = items.nextToDrop
  const entry = entryAt(items, order)
  const next = { ...items, nextToDrop: order + 1 }
  return entry === undefined
    ? next
    : {
        ...next,
        entries: HashMap.remove(items.entries, entry.item.id),
        ids: HashMap.remove(items.ids, order),
        bytes: items.bytes - entry.bytes,
        omittedItems: items.omittedItems + 1
      }
}

const fit = (all: KeptItems, limit: number): KeptItems => {
  let items = all
  while (items.bytes > limit && items.nextToCut < items.next) items = cutNext(items)
  while (items.bytes > limit && items.nextToDrop < items.next) items = dropNext(items)
  return items
}

/** Sets an item, and cuts or drops the oldest ones beyond `limit`. An item that is present keeps its place. */
export const set = (items: KeptItems, item: Item.Item, limit: number): KeptItems => {
  const known = Option.getOrUndefined(HashMap.get(items.entries, item.id))
  if (known !== undefined) {
    // An old item that completes again is not visited again, so it is cut at once.
    const bounded = known.order < items.nextToCut ? BoundedContent.boundItem(item, cutBytes) : item
    return fit(put(items, known.order, bounded, known), limit)
  }
  const order = items.next
  const added = { ...items, ids: HashMap.set(items.ids, order, item.id), next: order + 1 }
  return fit(put(added, order, item, undefined), limit)
}

/** Whether an item that was just set comes after another one, which may be dropped since. */
export const isAfter = (items: KeptItems, id: string, other: string): boolean => {
  const order = (id: string) => Option.getOrUndefined(HashMap.get(items.entries, id))?.order
  return (order(id) ?? items.next) > (order(other) ?? -1)
}

export const get = (items: KeptItems, id: string): Item.Item | undefined =>
  Option.getOrUndefined(HashMap.get(items.entries, id))?.item

/** Returns the items in order. Takes O(n). */
export const values = (items: KeptItems): ReadonlyArray<Item.Item> => Steps.finish(valueSteps(items))

/** The same in small steps. */
export function* valueSteps(items: KeptItems): Generator<void, ReadonlyArray<Item.Item>> {
  // Orders are whole numbers, so the items are placed by them instead of sorted.
  const first = items.nextToDrop
  const placed = Array.from<Item.Item | undefined>({ length: items.next - first })
  for (const { item, order } of HashMap.values(items.entries)) {
    placed[order - first] = item
    yield
  }
  return placed.filter((item) => item !== undefined)
}
