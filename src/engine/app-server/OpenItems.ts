/**
 * The items of running turns that Codex has started and not completed, as Codex reported them: an approval shows and
 * compares them whole. Bounded in bytes for a turn and its sub-agents together. A request for an approval of an item that
 * was dropped is declined.
 */
import * as BoundedContent from "../../domain/BoundedContent.ts"
import type * as Item from "../../domain/Item.ts"

/** The maximum size of the open items of a turn and its sub-agents together: one line of Codex at most. */
export const maxBytes = 128 * 1024 * 1024

interface Entry {
  readonly item: Item.Item
  readonly bytes: number
  readonly drop: () => void
}

/** What a turn shares with its sub-agents. The oldest entry comes first. */
interface Ledger {
  bytes: number
  readonly entries: Set<Entry>
}

export interface OpenItems {
  readonly ledger: Ledger
  readonly items: ReadonlyMap<string, Item.Item>
  readonly started: (item: Item.Item) => void
  readonly completed: (id: string) => void
  /** Forgets all items, at the end of the turn. */
  readonly clear: () => void
}

/** Makes the open items of a turn. A sub-agent's turn shares the bound of the turn that it works for. */
export const make = (root: OpenItems | undefined, limit = maxBytes): OpenItems => {
  const ledger = root?.ledger ?? { bytes: 0, entries: new Set<Entry>() }
  const items = new Map<string, Item.Item>()
  const entries = new Map<string, Entry>()

  const remove = (id: string) => {
    const entry = entries.get(id)
    if (entry === undefined) return
    ledger.bytes -= entry.bytes
    ledger.entries.delete(entry)
    entries.delete(id)
    items.delete(id)
  }

  return {
    ledger,
    items,
    started: (item) => {
      remove(item.id)
      const entry = { item, bytes: BoundedContent.sizeOf(item), drop: () => remove(item.id) }
      ledger.bytes += entry.bytes
      ledger.entries.add(entry)
      entries.set(item.id, entry)
      items.set(item.id, item)
      for (const oldest of ledger.entries) {
        if (ledger.bytes <= limit) return
        oldest.drop()
      }
    },
    completed: remove,
    clear: () => {
      for (const id of entries.keys()) remove(id)
    }
  }
}
