/** Folds the events of a turn into its state, and the state into the `Turn` at its end. Pure. */
import * as OrderedMap from "../internal/OrderedMap.ts"
import type * as Budget from "./Budget.ts"
import { type ThreadId, TurnId } from "./Ids.ts"
import * as Item from "./Item.ts"
import * as OpenCalls from "./OpenCalls.ts"
import type * as Turn from "./Turn.ts"
import * as TurnTiming from "./TurnTiming.ts"

export interface TurnState {
  readonly threadId: ThreadId
  readonly turnId: TurnId
  readonly time: TurnTiming.TimingState
  readonly calls: OpenCalls.OpenCalls
  /** Completed items, each in its last reported form. */
  readonly items: OrderedMap.OrderedMap<string, Item.Item>
  /** The text so far of the message that the model is writing, for a turn that ends before the message does. */
  readonly writing: { readonly itemId: string; readonly text: string } | undefined
  /** The sum of the usage that model requests reported at their end. */
  readonly requested: Turn.Usage
  /** The sum of the usage that Codex reported, which comes later but includes Codex's own requests. */
  readonly reported: Turn.Usage
  readonly diff: string
  readonly sideEffects: boolean
}

export const initial = (threadId: ThreadId, at: number, noUsage: Turn.Usage): TurnState => ({
  threadId,
  turnId: TurnId.make(""),
  time: TurnTiming.initial(at),
  calls: OpenCalls.initial,
  items: OrderedMap.empty(),
  writing: undefined,
  requested: noUsage,
  reported: noUsage,
  diff: "",
  sideEffects: false
})

/** Adds the usage of two requests. */
export const addUsage = (a: Turn.Usage, b: Turn.Usage): Turn.Usage => ({
  input: a.input + b.input,
  cachedInput: a.cachedInput + b.cachedInput,
  ...(a.cacheWrite === undefined && b.cacheWrite === undefined
    ? {}
    : { cacheWrite: (a.cacheWrite ?? 0) + (b.cacheWrite ?? 0) }),
  output: a.output + b.output,
  reasoning: a.reasoning + b.reasoning
})

/** Returns what the turn has used so far. A model request counts from its start. */
export const spent = (state: TurnState): Omit<Budget.BudgetUsage, "timeMillis"> => {
  const { input, output } = larger(state.requested, state.reported)
  const { model, modelCalls } = state.time
  return {
    tokens: input + output,
    toolCalls: state.calls.opened,
    modelCalls: modelCalls + (model === undefined ? 0 : 1)
  }
}

/** Returns the last message of the agent so far. */
export const message = (state: TurnState): string => lastMessage(OrderedMap.values(state.items))

const lastMessage = (items: ReadonlyArray<Item.Item>): string => {
  const found = items.findLast((item) => item._tag === "AgentMessage")
  return found?._tag === "AgentMessage" ? found.text : ""
}

const larger = (a: Turn.Usage, b: Turn.Usage): Turn.Usage =>
  a.input + a.output >= b.input + b.output ? a : b

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
    case "ItemCompleted":
      return {
        ...state,
        items: OrderedMap.set(state.items, event.item.id, event.item),
        writing: state.writing?.itemId === event.item.id ? undefined : state.writing,
        sideEffects: state.sideEffects || hasSideEffects(event.item, readOnly)
      }
    case "ModelResponded":
      return event.usage === undefined
        ? state
        : { ...state, requested: addUsage(state.requested, event.usage) }
    case "UsageUpdated":
      return { ...state, reported: addUsage(state.reported, event.usage) }
    case "DiffUpdated":
      return { ...state, diff: event.diff }
    default:
      return state
  }
}

/** Whether an item may have changed something: all work that ran, except tools that only read. */
const hasSideEffects = (item: Item.Item, readOnly: ReadonlySet<string>): boolean =>
  Item.isWork(item) && item.status !== "declined" && !(item._tag === "ToolCall" && readOnly.has(item.tool))

/** Folds an event. Returns the new state, and what opened or closed. `readOnly` names the tools that only read. */
export const step = (
  state: TurnState,
  event: Turn.EngineEvent,
  readOnly: ReadonlySet<string>
): readonly [TurnState, ReadonlyArray<TurnTiming.Mark>] => {
  const calls = OpenCalls.step(state.calls, event, Math.max(state.time.at, event.at))
  const [time, marks] = TurnTiming.step(state.time, event, calls)
  return [{ ...apply(state, event, readOnly), calls: calls.after, time }, marks]
}

/** Ends the turn: closes what is open, and returns the `Turn`. */
export const end = (
  state: TurnState,
  at: number,
  outcome: { readonly completed: boolean; readonly errorType?: string; readonly status?: number },
  readOnly: ReadonlySet<string>
): readonly [Turn.Turn, ReadonlyArray<TurnTiming.Mark>] => {
  const { calls } = state
  const [time, marks] = TurnTiming.end(state.time, at, calls, outcome)
  const undecided = new Set(OrderedMap.values(calls.approvals).map(({ itemId }) => itemId))
  let { items, sideEffects } = state
  for (const item of OrderedMap.values(calls.items)) {
    if (Item.isWork(item)) {
      items = OrderedMap.set(items, item.id, Item.interrupt(item))
      sideEffects ||= !undecided.has(item.id) && hasSideEffects(item, readOnly)
    } else if (!outcome.completed && item._tag === "AgentMessage") {
      // In a completed turn, a message that never completed belongs to a model request that was lost and repeated.
      const text = state.writing?.itemId === item.id ? state.writing.text : item.text
      if (text !== "") items = OrderedMap.set(items, item.id, { ...item, text })
    }
  }
  const all = OrderedMap.values(items)
  return [
    {
      id: state.turnId,
      threadId: state.threadId,
      message: lastMessage(all),
      items: all,
      usage: larger(state.requested, state.reported),
      diff: state.diff,
      time: TurnTiming.split(time),
      modelCalls: time.modelCalls,
      toolCalls: calls.opened,
      sideEffects
    },
    marks
  ]
}
