/** Folds the events of a turn into its state, and the state into the `Turn` at its end. Pure. */
import * as OrderedMap from "../internal/OrderedMap.ts"
import * as Steps from "../internal/Steps.ts"
import * as BoundedText from "./BoundedText.ts"
import * as ContentLimits from "./ContentLimits.ts"
import * as KeptItems from "./KeptItems.ts"
import * as Budget from "./Budget.ts"
import { type ThreadId, TurnId } from "./Ids.ts"
import * as Item from "./Item.ts"
import * as OpenCalls from "./OpenCalls.ts"
import type * as Review from "./Review.ts"
import * as SideEffects from "./SideEffects.ts"
import type * as Turn from "./Turn.ts"
import * as TurnTiming from "./TurnTiming.ts"

export interface TurnState {
  readonly threadId: ThreadId
  readonly turnId: TurnId
  readonly time: TurnTiming.TimingState
  readonly calls: OpenCalls.OpenCalls
  readonly limits: ContentLimits.MemoryLimits
  /** Whether the turn has a result that contains its items: that of a sub-agent has none. */
  readonly keepsItems: boolean
  /** Completed items, each in its last reported form. */
  readonly items: KeptItems.KeptItems
  /** The last complete message of the agent that may be its answer. The turn keeps it when it drops older items. */
  readonly lastMessage: Item.AgentMessage | undefined
  /** The text so far of the message that the model is writing, for a turn that ends before the message does. */
  readonly writing: { readonly itemId: string; readonly text: BoundedText.BoundedText } | undefined
  /** The sum of the usage that model requests reported at their end. */
  readonly requested: Turn.Usage
  /** The sum of the usage that Codex reported, which comes later but includes Codex's own requests. */
  readonly reported: Turn.Usage
  readonly context: Turn.ContextWindow | undefined
  readonly diff: string
  /** The agent's last list of steps. */
  readonly plan: Turn.TurnPlan | undefined
  /** The result of the last code review. */
  readonly review: Review.Review | undefined
  readonly sideEffects: SideEffects.SideEffects
}

export const initial = (
  threadId: ThreadId,
  at: number,
  noUsage: Turn.Usage,
  limits: ContentLimits.MemoryLimits = ContentLimits.defaults,
  keepsItems = true
): TurnState => ({
  threadId,
  turnId: TurnId.make(""),
  time: TurnTiming.initial(at),
  calls: OpenCalls.initial,
  limits,
  keepsItems,
  items: KeptItems.empty,
  lastMessage: undefined,
  writing: undefined,
  requested: noUsage,
  reported: noUsage,
  context: undefined,
  diff: "",
  plan: undefined,
  review: undefined,
  sideEffects: SideEffects.none
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

/** Returns the tokens of the turn so far. */
export const usageOf = (state: TurnState): Turn.Usage => larger(state.requested, state.reported)

/** Returns what the turn has used so far. A model request counts from its start. */
export const spent = (state: TurnState): Omit<Budget.BudgetUsage, "timeMillis"> => {
  const { input, output } = usageOf(state)
  const { model, modelCalls } = state.time
  return {
    tokens: input + output,
    toolCalls: state.calls.opened,
    modelCalls: modelCalls + (model === undefined ? 0 : 1)
  }
}

/**
 * Returns what a step used, or `undefined` if it used nothing. A model request or a call that starts leaves a mark, so the
 * deltas of a message cost nothing here.
 */
export const spentBetween = (
  before: TurnState,
  after: TurnState,
  marks: ReadonlyArray<TurnTiming.Mark>
): Budget.BudgetUsage | undefined =>
  marks.length === 0 && before.requested === after.requested && before.reported === after.reported
    ? undefined
    : Budget.difference(spent(after), spent(before))

/** Marks a turn that is being interrupted. Tools that return from now on are not followed by a model request. */
export const stopping = (state: TurnState): TurnState =>
  state.time.stopping ? state : { ...state, time: { ...state.time, stopping: true } }

/** Returns the answer of the agent so far. */
export const message = (state: TurnState): string => state.lastMessage?.text ?? ""

/** Returns the last answer after an item has completed. A message that completes again keeps its place in the order. */
const lastMessage = (
  last: Item.AgentMessage | undefined,
  items: KeptItems.KeptItems,
  item: Item.Item
): Item.AgentMessage | undefined => {
  if (item._tag === "AgentMessage" && Item.isAnswer(item))
    return last === undefined || last.id === item.id || KeptItems.isAfter(items, item.id, last.id)
      ? item
      : last
  if (last?.id !== item.id) return last
  // An item of another kind, or a comment, has taken the place of the message.
  const isAnswer = (item: Item.Item) => item._tag === "AgentMessage" && Item.isAnswer(item)
  const found = KeptItems.values(items).findLast(isAnswer)
  return found?._tag === "AgentMessage" ? found : undefined
}

/** Adds a completed item to the result. */
const keep = (state: TurnState, item: Item.Item): TurnState => {
  if (!state.keepsItems) return state
  const items = KeptItems.set(state.items, item, state.limits.turnBytes)
  return { ...state, items, lastMessage: lastMessage(state.lastMessage, items, item) }
}

const larger = (a: Turn.Usage, b: Turn.Usage): Turn.Usage =>
  a.input + a.output >= b.input + b.output ? a : b

const apply = (state: TurnState, event: Turn.EngineEvent): TurnState => {
  switch (event._tag) {
    case "TurnStarted":
      return { ...state, turnId: event.turnId }
    case "MessageDelta":
      return {
        ...state,
        writing: {
          itemId: event.itemId,
          text: BoundedText.append(
            state.writing?.itemId === event.itemId ? state.writing.text : BoundedText.empty,
            event.delta,
            Math.floor(state.limits.itemBytes / 8)
          )
        }
      }
    case "ItemCompleted":
      return {
        ...keep(state, event.item),
        writing: state.writing?.itemId === event.item.id ? undefined : state.writing,
        review: event.item._tag === "ExitedReviewMode" ? event.item.review : state.review
      }
    case "ModelResponded":
      return event.usage === undefined
        ? state
        : {
            ...state,
            requested: addUsage(state.requested, event.usage),
            context: contextOf(state, event.usage, undefined)
          }
    case "UsageUpdated":
      return {
        ...state,
        reported: addUsage(state.reported, event.usage),
        context: contextOf(state, event.usage, event.contextWindow)
      }
    case "PlanUpdated":
      return { ...state, plan: event.plan }
    case "DiffUpdated":
      return { ...state, diff: event.diff }
    default:
      return state
  }
}

/** Returns how full the context is after a model request. Its input and output are the whole conversation. */
const contextOf = (
  { context }: TurnState,
  { input, output }: Turn.Usage,
  contextWindow: number | undefined
): Turn.ContextWindow => {
  const size = contextWindow ?? context?.size
  return { used: input + output, ...(size === undefined ? {} : { size }) }
}

/**
 * Folds an event. Returns the new state, and what opened or closed. `readOnly` names the tools that only read. The content
 * of the event is within the limits: see `BoundedContent.boundEvent`.
 */
export const step = (
  state: TurnState,
  event: Turn.EngineEvent,
  readOnly: ReadonlySet<string>
): readonly [TurnState, ReadonlyArray<TurnTiming.Mark>] => {
  const now = Math.max(state.time.at, event.at)
  const calls = OpenCalls.step(state.calls, event, now, state.limits.turnBytes / 4)
  const [time, marks] = TurnTiming.step(state.time, event, calls)
  const sideEffects = SideEffects.step(state.sideEffects, event, readOnly)
  return [{ ...apply(state, event), sideEffects, calls: calls.after, time }, marks]
}

interface Outcome {
  readonly completed: boolean
  readonly errorType?: string
  readonly status?: number
}

/** Ends the turn: closes what is open, and returns the `Turn`. */
export const end = (
  state: TurnState,
  at: number,
  outcome: Outcome,
  readOnly: ReadonlySet<string>
): readonly [Turn.Turn, ReadonlyArray<TurnTiming.Mark>] =>
  Steps.finish(endSteps(state, at, outcome, readOnly))

/** The same in small steps: a turn may have thousands of open items. */
export function* endSteps(
  state: TurnState,
  at: number,
  outcome: Outcome,
  readOnly: ReadonlySet<string>
): Generator<void, readonly [Turn.Turn, ReadonlyArray<TurnTiming.Mark>]> {
  const { calls } = state
  const [time, marks] = yield* TurnTiming.endSteps(state.time, at, calls, outcome)
  const undecided = new Set(OrderedMap.values(calls.approvals).map(({ itemId }) => itemId))
  let sideEffects = SideEffects.atEnd(state.sideEffects)
  let kept = state
  for (const item of yield* OrderedMap.valueSteps(calls.items)) {
    yield
    if (Item.isWork(item)) {
      kept = keep(kept, Item.interrupt(item))
      sideEffects ||= !undecided.has(item.id) && SideEffects.ofItem(item, readOnly)
    } else if (!outcome.completed && item._tag === "AgentMessage") {
      // In a completed turn, a message that never completed belongs to a model request that was lost and repeated.
      const { writing } = state
      const text = writing?.itemId === item.id ? BoundedText.toString(writing.text) : item.text
      const omitted = writing?.itemId === item.id ? writing.text.omittedCharacters : 0
      if (text !== "")
        kept = keep(kept, { ...item, text, ...(omitted === 0 ? {} : { omittedCharacters: omitted }) })
    }
  }
  const { omittedItems } = kept.items
  const all = yield* KeptItems.valueSteps(kept.items)
  const omittedCharacters = all.reduce((sum, item) => sum + (item.omittedCharacters ?? 0), 0)
  return [
    {
      id: state.turnId,
      threadId: state.threadId,
      message: message(kept),
      items: all,
      usage: usageOf(state),
      ...(state.context === undefined ? {} : { context: state.context }),
      diff: state.diff,
      ...(state.plan === undefined ? {} : { plan: state.plan }),
      ...(state.review === undefined ? {} : { review: state.review }),
      time: TurnTiming.split(time),
      modelCalls: time.modelCalls,
      toolCalls: calls.opened,
      sideEffects,
      ...(omittedItems === 0 ? {} : { omittedItems }),
      ...(omittedCharacters === 0 ? {} : { omittedCharacters })
    },
    marks
  ]
}

/** Returns the turn so far. Open items have their last reported form. Pure: the turn goes on. */
export const snapshot = (state: TurnState, at: number, readOnly: ReadonlySet<string>): Turn.Turn => {
  const open = new Map<string, Item.Item>(
    [...OrderedMap.values(state.calls.items)].map((item) => [item.id, item])
  )
  const [turn] = end(state, at, { completed: false }, readOnly)
  return {
    ...turn,
    sideEffects: SideEffects.atEnd(state.sideEffects),
    items: turn.items.map((item) => {
      const reported = open.get(item.id)
      return reported !== undefined && Item.isWork(reported) ? reported : item
    })
  }
}
