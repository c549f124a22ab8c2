/** Signals of a retried request, from the failure to the first output of the next attempt. Pure. */
import * as Item from "../domain/Item.ts"
import type * as Turn from "../domain/Turn.ts"
import * as Signal from "./Signal.ts"

export interface RetrySignalsState {
  /** The number of failed attempts at the current request. */
  readonly failures: number
  /** The last failure, until the next attempt produces output. */
  readonly retrying: Signal.Retry | undefined
}

export const initial: RetrySignalsState = { failures: 0, retrying: undefined }

type Step = readonly [RetrySignalsState, ReadonlyArray<Signal.Signal>]

const stop = (retry: Signal.Retry, at: number, end: Signal.SignalEnd): Signal.RetryStop => {
  const { at: startedAt, attempt, errorType, status } = retry
  return { _tag: "RetryStop", startedAt, at, durationMillis: at - startedAt, attempt, errorType, status, end }
}

/** Whether an event shows output of the model, and so that the retried request works. */
export const isModelOutput = (event: Turn.EngineEvent): boolean => {
  switch (event._tag) {
    case "ItemStarted":
    case "ItemCompleted": {
      const { item } = event
      return Item.isWork(item) || ["AgentMessage", "Reasoning", "Plan"].includes(item._tag)
    }
    case "MessageDelta":
    case "ReasoningDelta":
    case "PlanDelta":
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

/** Returns the signals for a turn that ends during a retry. */
export const end = (
  { retrying }: RetrySignalsState,
  at: number,
  how: Signal.SignalEnd
): ReadonlyArray<Signal.Signal> => (retrying === undefined ? [] : [stop(retrying, at, how)])
