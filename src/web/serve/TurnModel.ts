/** What a live turn shows so far: a fold of its event lines. Pure. */
import type { ItemMessage } from "./Messages.ts"

/** An event line. `type` names its kind; docs/events.md lists the other fields. */
export interface EventLineMessage {
  readonly type: string
  readonly [field: string]: unknown
}

/** An item of a turn, and the text that arrived for it before it was completed. */
export interface LiveItem {
  readonly item: ItemMessage
  readonly partial: string
  readonly completed: boolean
}

export interface LiveTurnEnd {
  readonly outcome: "completed" | "failed" | "interrupted"
  readonly error: string | undefined
  readonly cost: number | undefined
}

export interface LiveTurn {
  readonly id: string | undefined
  readonly items: ReadonlyMap<string, LiveItem>
  /** Tokens of the whole turn so far. */
  readonly usage: { readonly input: number; readonly output: number } | undefined
  readonly omitted: number
  readonly retries: number
  readonly end: LiveTurnEnd | undefined
}

export const empty: LiveTurn = {
  id: undefined,
  items: new Map(),
  usage: undefined,
  omitted: 0,
  retries: 0,
  end: undefined
}

/** The most characters of an item that the page keeps before the item is completed. */
const maxPartial = 200_000

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

export const textOf = (value: unknown, field: string): string | undefined => {
  const found = isRecord(value) ? value[field] : undefined
  return typeof found === "string" ? found : undefined
}

export const numberOf = (value: unknown, field: string): number | undefined => {
  const found = isRecord(value) ? value[field] : undefined
  return typeof found === "number" ? found : undefined
}

export const listOf = (value: unknown, field: string): ReadonlyArray<unknown> => {
  const found = isRecord(value) ? value[field] : undefined
  return Array.isArray(found) ? found : []
}

const deltaKinds: Readonly<Record<string, string>> = {
  "message.delta": "agent_message",
  "reasoning.delta": "reasoning",
  "plan.delta": "plan",
  "output.delta": "command_execution"
}

const withItem = (turn: LiveTurn, id: string, change: (old: LiveItem | undefined) => LiveItem): LiveTurn => ({
  ...turn,
  items: new Map(turn.items).set(id, change(turn.items.get(id)))
})

const itemIn = (event: EventLineMessage): ItemMessage | undefined => {
  const { item } = event
  const [id, type] = [textOf(item, "id"), textOf(item, "type")]
  return id === undefined || type === undefined ? undefined : { ...(isRecord(item) ? item : {}), id, type }
}

const addUsage = (turn: LiveTurn, usage: unknown): LiveTurn => ({
  ...turn,
  usage: {
    input: (turn.usage?.input ?? 0) + (numberOf(usage, "input") ?? 0),
    output: (turn.usage?.output ?? 0) + (numberOf(usage, "output") ?? 0)
  }
})

const ended = (turn: LiveTurn, event: EventLineMessage, outcome: LiveTurnEnd["outcome"]): LiveTurn => ({
  ...(isRecord(event["usage"]) ? addUsage({ ...turn, usage: undefined }, event["usage"]) : turn),
  end: { outcome, error: textOf(event["error"], "message"), cost: numberOf(event, "cost") }
})

/** Returns the turn after an event. Events of sub-agents belong to their own threads and are left out. */
export const step = (turn: LiveTurn, event: EventLineMessage): LiveTurn => {
  const kind = deltaKinds[event.type]
  const itemId = textOf(event, "itemId")
  if (kind !== undefined && itemId !== undefined)
    return withItem(turn, itemId, (old) => ({
      item: old?.item ?? { type: kind, id: itemId },
      partial: ((old?.partial ?? "") + (textOf(event, "delta") ?? "")).slice(-maxPartial),
      completed: old?.completed ?? false
    }))
  switch (event.type) {
    case "turn.started":
      return { ...turn, id: textOf(event, "turnId") }
    case "item.started":
    case "item.completed": {
      const item = itemIn(event)
      if (item === undefined) return turn
      const completed = event.type === "item.completed"
      return withItem(turn, item.id, (old) => ({
        item,
        partial: completed ? "" : (old?.partial ?? ""),
        completed
      }))
    }
    case "usage.updated":
      return addUsage(turn, event["usage"])
    case "events.omitted":
      return { ...turn, omitted: turn.omitted + (numberOf(event, "events") ?? 0) }
    case "retrying":
      return { ...turn, retries: turn.retries + 1 }
    case "turn.completed":
      return ended(turn, event, "completed")
    case "turn.failed":
      return ended(turn, event, "failed")
    case "turn.interrupted":
      return ended(turn, event, "interrupted")
    default:
      return turn
  }
}
