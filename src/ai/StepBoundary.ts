/**
 * Decides when a response of the model is complete whose tool calls wait for their results.
 *
 * Codex starts a tool call as soon as the model has written it, while the model may still write more calls. The response is
 * complete when the model has ended it and each of its calls has reached this process.
 */
import type * as Turn from "../domain/Turn.ts"

/** A call of one of the program's tools has reached this process. */
export interface CallArrived {
  readonly _tag: "CallArrived"
  readonly callId: string
}

export interface BoundaryState {
  /** The model has announced a call of the program's tools in a response that has not ended. */
  readonly responding: boolean
  /** Calls that the model has announced and that have not reached this process. */
  readonly announced: ReadonlySet<string>
  /** Calls whose item has started. */
  readonly started: ReadonlySet<string>
  /** Calls that have reached this process and have no result. */
  readonly waiting: ReadonlySet<string>
  /** The calls of the last response, in the order in which the model has written them. */
  readonly order: ReadonlyArray<string>
}

export const initial: BoundaryState = {
  responding: false,
  announced: new Set(),
  started: new Set(),
  waiting: new Set(),
  order: []
}

const including = (set: ReadonlySet<string>, id: string): ReadonlySet<string> => new Set([...set, id])
const excluding = (set: ReadonlySet<string>, id: string): ReadonlySet<string> =>
  set.has(id) ? new Set([...set].filter((other) => other !== id)) : set

/** A call that has ended, with or without a result, is awaited no more. */
const end = (state: BoundaryState, callId: string): BoundaryState => ({
  ...state,
  announced: excluding(state.announced, callId),
  started: excluding(state.started, callId),
  waiting: excluding(state.waiting, callId)
})

/** Folds an event of the turn, or the arrival of a call. `tools` are the names of the program's tools. */
export const step = (
  state: BoundaryState,
  event: Turn.TurnEvent | CallArrived,
  tools: ReadonlySet<string>
): BoundaryState => {
  switch (event._tag) {
    case "ToolRequested":
      return tools.has(event.tool)
        ? {
            ...state,
            responding: true,
            // The call may have arrived before the event that announces it.
            announced: state.waiting.has(event.callId)
              ? state.announced
              : including(state.announced, event.callId),
            order: state.responding ? [...state.order, event.callId] : [event.callId]
          }
        : state
    case "ModelResponded":
      return { ...state, responding: false }
    // The response broke off. Codex may have started some of its calls.
    case "Retrying":
      return { ...state, responding: false, announced: new Set() }
    case "ItemStarted":
      return event.item._tag === "ToolCall"
        ? { ...state, started: including(state.started, event.item.id) }
        : state
    case "ItemCompleted":
      return event.item._tag === "ToolCall" ? end(state, event.item.id) : state
    case "ToolReturned":
      return end(state, event.callId)
    case "CallArrived":
      return {
        ...state,
        announced: excluding(state.announced, event.callId),
        waiting: including(state.waiting, event.callId)
      }
    default:
      return state
  }
}

/**
 * Whether the response is complete. A call may reach this process before the events that precede it, so a waiting call
 * counts only once its item has started: everything that was announced before it is then known.
 *
 * A call that no response announces comes from a script of the model, or from an engine that does not report the bounds of
 * responses. It completes the response at once.
 */
export const isComplete = ({ announced, responding, started, waiting }: BoundaryState): boolean =>
  waiting.size > 0 && !responding && announced.size === 0 && [...waiting].every((id) => started.has(id))

/** Sorts calls in the order in which the model has written them. They arrive in any order. */
export const sort = <A extends { readonly callId: string }>(
  { order }: BoundaryState,
  calls: Iterable<A>
): ReadonlyArray<A> => [...calls].toSorted((a, b) => order.indexOf(a.callId) - order.indexOf(b.callId))

/** The state after the results of all waiting calls have been delivered. */
export const answered = (state: BoundaryState): BoundaryState => ({ ...state, waiting: new Set() })
