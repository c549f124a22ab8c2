/** A turn while it runs: events in, the state of it out, and at the end the `Turn`. Pure. */
import type * as Budget from "../../../src/domain/Budget.ts"
import { type ThreadId, TurnId } from "../../../src/domain/Ids.ts"
import * as Item from "../../../src/domain/Item.ts"
import type * as Turn from "../../../src/domain/Turn.ts"
import * as TurnTiming from "./TurnTiming.ts"

export interface TurnState {
  readonly threadId: ThreadId
  readonly turnId: TurnId
  readonly time: TurnTiming.TimingState
  readonly items: ReadonlyArray<Item.Item>
  readonly open: ReadonlyMap<string, Item.Item>
  /** The message that is being written: kept as text so far, for a turn that ends in the middle of it. */
  readonly writing: { readonly itemId: string; readonly text: string } | undefined
  /** The sum over model requests, as each ended, and as Codex reported it (later, but also for its own requests). */
  readonly requested: Turn.Usage
  readonly reported: Turn.Usage
  readonly diff: string
  readonly undecided: ReadonlyMap<string, string>
  readonly sideEffects: boolean
}

export const initial = (threadId: ThreadId, at: number, noUsage: Turn.Usage): TurnState => ({
  threadId,
  turnId: TurnId.make(""),
  time: TurnTiming.initial(at),
  items: [],
  open: new Map(),
  writing: undefined,
  requested: noUsage,
  reported: noUsage,
  diff: "",
  undecided: new Map(),
  sideEffects: false
})

/** What two requests used together. */
export const addUsage = (a: Turn.Usage, b: Turn.Usage): Turn.Usage => ({
  input: a.input + b.input,
  cachedInput: a.cachedInput + b.cachedInput,
  ...(a.cacheWrite === undefined && b.cacheWrite === undefined
    ? {}
    : { cacheWrite: (a.cacheWrite ?? 0) + (b.cacheWrite ?? 0) }),
  output: a.output + b.output,
  reasoning: a.reasoning + b.reasoning
})

/** What the turn has used by now; a request that has begun counts as one. */
export const spent = (state: TurnState): Omit<Budget.BudgetUsage, "time"> => {
  const { input, output } = larger(state.requested, state.reported)
  const { model, modelCalls, toolCalls } = state.time
  return { tokens: input + output, toolCalls, modelCalls: modelCalls + (model === undefined ? 0 : 1) }
}

/** The last message of the agent so far. */
export const message = (state: TurnState): string => {
  const found = state.items.findLast((item) => item._tag === "AgentMessage")
  return found?._tag === "AgentMessage" ? found.text : ""
}

const larger = (a: Turn.Usage, b: Turn.Usage): Turn.Usage =>
  a.input + a.output >= b.input + b.output ? a : b

const without = <K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> => {
  if (!map.has(key)) return map
  const rest = new Map(map)
  rest.delete(key)
  return rest
}

const upsert = (items: ReadonlyArray<Item.Item>, item: Item.Item): ReadonlyArray<Item.Item> => {
  const index = items.findIndex((known) => known.id === item.id)
  return index < 0 ? [...items, item] : items.with(index, item)
}

const apply = (state: TurnState, event: Turn.EngineEvent, readOnly: ReadonlySet<string>): TurnState => {
  switch (event._tag) {
    case "TurnStarted":
      return { ...state, turnId: event.turnId }
    case "MessageDelta":
      return {
        ...state,
        writing: {
          itemId: event.itemId,
          text: (state.writing?.itemId === event.itemId ? state.writing.text : "") + event.delta
        }
      }
    case "ItemStarted":
      return { ...state, open: new Map(state.open).set(event.item.id, event.item) }
    case "ItemCompleted":
      return {
        ...state,
        items: upsert(state.items, event.item),
        open: without(state.open, event.item.id),
        writing: state.writing?.itemId === event.item.id ? undefined : state.writing,
        sideEffects: state.sideEffects || changes(event.item, readOnly)
      }
    case "ModelResponded":
      return event.usage === undefined
        ? state
        : { ...state, requested: addUsage(state.requested, event.usage) }
    case "UsageUpdated":
      return { ...state, reported: addUsage(state.reported, event.usage) }
    case "DiffUpdated":
      return { ...state, diff: event.diff }
    case "ApprovalRequested":
      return { ...state, undecided: new Map(state.undecided).set(event.request.id, event.request.itemId) }
    case "ApprovalDecided":
      return { ...state, undecided: without(state.undecided, event.requestId) }
    default:
      return state
  }
}

/** Whether an item may have changed something: everything that ran, but for tools that only read. */
const changes = (item: Item.Item, readOnly: ReadonlySet<string>): boolean =>
  Item.isWork(item) && item.status !== "declined" && !(item._tag === "ToolCall" && readOnly.has(item.tool))

export const step = (
  state: TurnState,
  event: Turn.EngineEvent,
  readOnly: ReadonlySet<string>
): readonly [TurnState, ReadonlyArray<TurnTiming.Mark>] => {
  const [time, marks] = TurnTiming.step(state.time, event)
  const next = apply(state, event, readOnly)
  return [next === state ? { ...state, time } : { ...next, time }, marks]
}

/** Ends the turn: what is open is closed, and what was said and done becomes the `Turn`. */
export const end = (
  state: TurnState,
  at: number,
  outcome: { readonly completed: boolean; readonly errorType?: string; readonly status?: number },
  readOnly: ReadonlySet<string>
): readonly [Turn.Turn, ReadonlyArray<TurnTiming.Mark>] => {
  const [time, marks] = TurnTiming.end(state.time, at, outcome)
  const asked = new Set(state.undecided.values())
  let { items, sideEffects } = state
  for (const item of state.open.values()) {
    // A message that Codex began and never completed belongs to an attempt that was lost, unless the turn broke off.
    if (Item.isWork(item)) {
      items = upsert(items, Item.interrupt(item))
      sideEffects ||= !asked.has(item.id) && changes(item, readOnly)
    } else if (!outcome.completed && item._tag === "AgentMessage") {
      const text = state.writing?.itemId === item.id ? state.writing.text : item.text
      if (text !== "") items = upsert(items, { ...item, text })
    }
  }
  const message = items.findLast((item) => item._tag === "AgentMessage")
  return [
    {
      id: state.turnId,
      threadId: state.threadId,
      message: message?._tag === "AgentMessage" ? message.text : "",
      items,
      usage: larger(state.requested, state.reported),
      diff: state.diff,
      time: TurnTiming.split(time),
      modelCalls: time.modelCalls,
      toolCalls: time.toolCalls,
      sideEffects
    },
    marks
  ]
}
