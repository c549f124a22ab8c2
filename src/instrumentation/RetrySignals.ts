/** A request that failed and is made again, from the failure to the first that is heard of the next attempt. Pure. */
import * as Item from "../domain/Item.ts"
import type * as Turn from "../domain/Turn.ts"
import * as Signal from "./Signal.ts"

export interface RetrySignalsState {
  /** How often the request that is being made has failed. */
  readonly failures: number
  /** The failure that nothing was heard of the request since. */
  readonly retrying: Signal.Retry | undefined
}

export const initial: RetrySignalsState = { failures: 0, retrying: undefined }

type Step = readonly [RetrySignalsState, ReadonlyArray<Signal.Signal>]

const stop = (retry: Signal.Retry, at: number, end: Signal.SignalEnd): Signal.RetryStop => {
  const { at: startedAt, attempt, errorType, status } = retry
  return { _tag: "RetryStop", startedAt, at, duration: at - startedAt, attempt, errorType, status, end }
}

/** Whatever a model puts out is heard of the request that was made again. */
const isModelOutput = (event: Turn.EngineEvent): boolean => {
  switch (event._tag) {
    case "ItemStarted":
    case "ItemCompleted": {
      const { item } = event
      return Item.isWork(item) || item._tag === "AgentMessage" || item._tag === "Reasoning"
    }
    case "MessageDelta":
    case "ReasoningDelta":
    case "ToolRequested":
    case "ModelResponded":
    case "ApprovalRequested":
      return true
    default:
      return false
  }
}

export const step = (state: RetrySignalsState, event: Turn.EngineEvent): Step => {
  const { failures, retrying } = state
  if (event._tag === "Retrying") {
    const { at, errorType, status } = event
    const next: Signal.Retry = { _tag: "Retry", at, attempt: failures + 1, errorType, status }
    const failed = retrying === undefined ? [] : [stop(retrying, at, { _tag: "Error", errorType, status })]
    return [{ failures: failures + 1, retrying: next }, [...failed, next]]
  }
  if (failures === 0 || !isModelOutput(event)) return [state, []]
  return [initial, retrying === undefined ? [] : [stop(retrying, event.at, Signal.ok)]]
}

/** Of a turn that ends meanwhile. */
export const end = (
  { retrying }: RetrySignalsState,
  at: number,
  how: Signal.SignalEnd
): ReadonlyArray<Signal.Signal> => (retrying === undefined ? [] : [stop(retrying, at, how)])
