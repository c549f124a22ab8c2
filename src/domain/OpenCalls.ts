/**
 * The tool calls, items and approvals of a turn that are open, folded from its events. `TurnState`, `TurnTiming` and
 * `TurnSignals` read them here. Pure; each step takes O(log n).
 *
 * A call and its item end separately: Codex may report that a tool returned before it completes the item, or the
 * reverse. A call that has ended stays in `calls` for a while, because its item may still complete.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as OrderedMap from "../internal/OrderedMap.ts"
import * as ApprovalRequest from "./ApprovalRequest.ts"
import * as Steps from "../internal/Steps.ts"
import * as BoundedContent from "./BoundedContent.ts"
import * as Item from "./Item.ts"
import type * as Turn from "./Turn.ts"

export interface CallState {
  readonly callId: string
  readonly tool: string
  /** The number of calls that opened before this one. */
  readonly order: number
  readonly startedAt: number
  /** When the last approval of the call was decided. A command starts at that time. */
  readonly decidedAt: number | undefined
  /** The item of the call, as Codex reported it since the call opened. */
  readonly item: Item.Work | undefined
  readonly isOpen: boolean
  /** The engine requested the call with `ToolRequested` and has not reported `ToolReturned`. */
  readonly awaitsReturn: boolean
  /** How many calls had ended when this one ended last, itself included; 0 before. */
  readonly endedAt: number
}

export interface PendingApproval {
  readonly itemId: string
  readonly kind: ApprovalRequest.ApprovalKind
  readonly at: number
}

export interface OpenCalls {
  /** The calls by id: the open ones, and the last that have ended. */
  readonly calls: HashMap.HashMap<string, CallState>
  /** The ids of the last calls that have ended, by the number of calls that had ended before. */
  readonly ended: HashMap.HashMap<number, string>
  readonly endedCount: number
  /** The number of calls that have opened so far. An id that opens twice counts twice. */
  readonly opened: number
  readonly openCount: number
  readonly awaitedCount: number
  /** Items that have started and not completed, messages included. */
  readonly items: OrderedMap.OrderedMap<string, Item.Item>
  /** The size of `items`. */
  readonly itemBytes: number
  /** Approval requests without a decision, by request id. */
  readonly approvals: OrderedMap.OrderedMap<string, PendingApproval>
}

/** The call that an event opened or closed. No event does both. */
export type CallChange =
  | { readonly _tag: "Opened"; readonly callId: string; readonly tool: string }
  | { readonly _tag: "Closed"; readonly callId: string }

/** One step of the fold. */
export interface CallStep {
  readonly before: OpenCalls
  readonly after: OpenCalls
  readonly change: CallChange | undefined
}

export const initial: OpenCalls = {
  calls: HashMap.empty(),
  ended: HashMap.empty(),
  endedCount: 0,
  opened: 0,
  openCount: 0,
  awaitedCount: 0,
  items: OrderedMap.empty(),
  itemBytes: 0,
  approvals: OrderedMap.empty()
}

/** How many calls that have ended are kept. */
export const maxEnded = 1000

/** What an open item keeps of its content when the open items together exceed their limit. */
const cutBytes = 1024

/** Returns the call of an id: the last that opened, open or among the last that ended. */
export const get = (state: OpenCalls, callId: string): CallState | undefined =>
  Option.getOrUndefined(HashMap.get(state.calls, callId))

/** Returns the open calls in the order in which they opened. */
export const open = (state: OpenCalls): ReadonlyArray<CallState> => Steps.finish(openSteps(state))

/** The same in small steps. */
export function* openSteps(state: OpenCalls): Generator<void, ReadonlyArray<CallState>> {
  if (state.openCount === 0) return []
  const calls: Array<CallState> = []
  for (const call of HashMap.values(state.calls)) {
    if (call.isOpen) calls.push(call)
    yield
  }
  return calls.toSorted((a, b) => a.order - b.order)
}

const put = (state: OpenCalls, call: CallState): OpenCalls => {
  const known = get(state, call.callId)
  return {
    ...state,
    calls: HashMap.set(state.calls, call.callId, call),
    openCount: state.openCount + Number(call.isOpen) - Number(known?.isOpen ?? false),
    awaitedCount: state.awaitedCount + Number(call.awaitsReturn) - Number(known?.awaitsReturn ?? false)
  }
}

const unchanged = (before: OpenCalls): CallStep => ({ before, after: before, change: undefined })

const openCall = (
  before: OpenCalls,
  state: OpenCalls,
  call: Pick<CallState, "callId" | "tool" | "startedAt" | "item" | "awaitsReturn">
): CallStep => {
  const { callId, tool } = call
  const opened = put(state, { ...call, order: state.opened, decidedAt: undefined, isOpen: true, endedAt: 0 })
  return {
    before,
    after: { ...opened, opened: state.opened + 1 },
    change: { _tag: "Opened", callId, tool }
  }
}

/** Adds a call to those that have ended, and forgets the oldest of them unless it is open again. */
const addEnded = (state: OpenCalls, callId: string): OpenCalls => {
  const endedCount = state.endedCount + 1
  const ended = HashMap.set(state.ended, endedCount, callId)
  const oldest = endedCount - maxEnded
  const id = Option.getOrUndefined(HashMap.get(ended, oldest))
  if (id === undefined) return { ...state, ended, endedCount }
  const call = get(state, id)
  const isForgotten = call?.isOpen === false && !call.awaitsReturn && call.endedAt === oldest
  return {
    ...state,
    ended: HashMap.remove(ended, oldest),
    endedCount,
    calls: isForgotten ? HashMap.remove(state.calls, id) : state.calls
  }
}

const closeCall = (before: OpenCalls, state: OpenCalls, call: CallState): CallStep => {
  const endedAt = state.endedCount + 1
  const closed = put(state, { ...call, isOpen: false, item: undefined, endedAt })
  return {
    before,
    after: addEnded(closed, call.callId),
    change: call.isOpen ? { _tag: "Closed", callId: call.callId } : undefined
  }
}

/** Adds an open item, with its content cut if the open items would exceed `limit` bytes together. */
const openItem = (state: OpenCalls, item: Item.Item, limit: number): OpenCalls => {
  const known = OrderedMap.get(state.items, item.id)
  const others = state.itemBytes - (known === undefined ? 0 : BoundedContent.sizeOf(known))
  const size = BoundedContent.sizeOf(item)
  const kept = others + size <= limit ? item : BoundedContent.boundItem(item, cutBytes)
  return {
    ...state,
    items: OrderedMap.set(state.items, item.id, kept),
    itemBytes: others + (kept === item ? size : BoundedContent.sizeOf(kept))
  }
}

const closeItem = (state: OpenCalls, item: Item.Item): OpenCalls => {
  const known = OrderedMap.get(state.items, item.id)
  return known === undefined
    ? state
    : {
        ...state,
        items: OrderedMap.remove(state.items, item.id),
        itemBytes: state.itemBytes - BoundedContent.sizeOf(known)
      }
}

/**
 * Folds an event. `now` is the time of the turn: the time of the event, but never before that of earlier events.
 * `itemLimit` is how many bytes the open items may keep together.
 */
export const step = (
  before: OpenCalls,
  event: Turn.EngineEvent,
  now: number,
  itemLimit = Infinity
): CallStep => {
  switch (event._tag) {
    case "ToolRequested": {
      const { callId, tool } = event
      const known = get(before, callId)
      // The item of the call, or an earlier copy of this event, has opened the call: it is still one call.
      return known !== undefined && (known.isOpen || known.awaitsReturn)
        ? { ...unchanged(before), after: put(before, { ...known, awaitsReturn: true }) }
        : openCall(before, before, { callId, tool, startedAt: now, item: undefined, awaitsReturn: true })
    }
    case "ToolReturned": {
      const known = get(before, event.callId)
      return known?.awaitsReturn === true
        ? closeCall(before, before, { ...known, awaitsReturn: false })
        : unchanged(before)
    }
    case "ItemStarted": {
      const state = openItem(before, event.item, itemLimit)
      const item = OrderedMap.get(state.items, event.item.id) ?? event.item
      if (!Item.isWork(item)) return { ...unchanged(before), after: state }
      const known = get(before, item.id)
      if (known === undefined || !(known.isOpen || known.awaitsReturn))
        return openCall(before, state, {
          callId: item.id,
          tool: Item.toolName(item),
          startedAt: now,
          item,
          awaitsReturn: false
        })
      return { ...unchanged(before), after: known.isOpen ? put(state, { ...known, item }) : state }
    }
    case "ItemCompleted": {
      const { item } = event
      const state = closeItem(before, item)
      const known = Item.isWork(item) ? get(before, item.id) : undefined
      return known?.isOpen === true ? closeCall(before, state, known) : { ...unchanged(before), after: state }
    }
    case "ApprovalRequested": {
      const { id, itemId } = event.request
      const approval = { itemId, kind: ApprovalRequest.kindOf(event.request), at: event.at }
      const approvals = OrderedMap.set(before.approvals, id, approval)
      return { ...unchanged(before), after: { ...before, approvals } }
    }
    case "ApprovalDecided": {
      const approval = OrderedMap.get(before.approvals, event.requestId)
      if (approval === undefined) return unchanged(before)
      const state = { ...before, approvals: OrderedMap.remove(before.approvals, event.requestId) }
      const known = get(before, approval.itemId)
      const after = known === undefined ? state : put(state, { ...known, decidedAt: event.at })
      return { ...unchanged(before), after }
    }
    default:
      return unchanged(before)
  }
}
