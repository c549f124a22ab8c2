/** The state of the approval queue: pending requests and how recent requests ended. Pure. */
import type { ThreadId, TurnId } from "../domain/Ids.ts"
import { type ApprovalDecision, decisionName, type DecisionName } from "../domain/ApprovalDecision.ts"
import { mismatch } from "./DecisionValidation.ts"
import type { ApprovalRequest } from "../domain/ApprovalRequest.ts"

/**
 * A pending request. `threadId` is the thread of the agent that asks, `openedThreadId` the thread that the caller opened: for
 * a sub-agent they differ. `text` is the whole request for a person to read, with every character visible. `hash` identifies the
 * content, and `at` is the time of the request in milliseconds since the epoch.
 * @since 0.1.0
 * @category models
 */
export interface Pending {
  readonly id: string
  readonly threadId: ThreadId | undefined
  readonly openedThreadId?: ThreadId | undefined
  readonly turnId: TurnId | undefined
  readonly request: ApprovalRequest
  readonly text: string
  readonly hash: string
  readonly at: number
}

/** How a request ended: the decision, or `withdrawn` if it ended without an answer. */
export type RequestEnd = DecisionName | "withdrawn"

export interface PendingState {
  readonly pending: ReadonlyMap<string, Pending>
  /** The requests that ended most recently, with the threads that the caller opened. */
  readonly ended: ReadonlyMap<string, EndedRequest>
}

interface EndedRequest {
  readonly how: RequestEnd
  readonly openedThreadId: ThreadId | undefined
}

export const initial: PendingState = { pending: new Map(), ended: new Map() }

/** Why an answer has no effect. */
export type Refusal =
  | { readonly _tag: "AlreadyDecided"; readonly decided: RequestEnd }
  | { readonly _tag: "NotPending" }
  | { readonly _tag: "ArgumentsChanged"; readonly hash: string }
  | { readonly _tag: "AnswerRejected"; readonly problem: string }

const maxEnded = 10_000

export const ask = (state: PendingState, entry: Pending): PendingState => ({
  ...state,
  pending: new Map(state.pending).set(entry.id, entry)
})

const end = (state: PendingState, id: string, how: RequestEnd): PendingState => {
  const pending = new Map(state.pending)
  const openedThreadId = pending.get(id)?.openedThreadId
  pending.delete(id)
  const ended = new Map(state.ended).set(id, { how, openedThreadId })
  for (const oldest of ended.keys()) {
    if (ended.size <= maxEnded) break
    ended.delete(oldest)
  }
  return { pending, ended }
}

export const withdraw = (state: PendingState, id: string): PendingState =>
  state.pending.has(id) ? end(state, id, "withdrawn") : state

/**
 * Applies an answer. The first valid answer ends the request; any other is refused and leaves the state unchanged. With
 * `openedThreadId`, the answer to a request of another thread is the same as to a request that does not exist.
 */
export const answer = (
  state: PendingState,
  id: string,
  decision: ApprovalDecision,
  hash: string,
  openedThreadId?: ThreadId
): readonly [PendingState, Refusal | undefined] => {
  const isOther = (request: { readonly openedThreadId?: ThreadId | undefined }) =>
    openedThreadId !== undefined && request.openedThreadId !== openedThreadId
  const entry = state.pending.get(id)
  if (entry === undefined) {
    const ended = state.ended.get(id)
    return [
      state,
      ended === undefined || isOther(ended)
        ? { _tag: "NotPending" }
        : { _tag: "AlreadyDecided", decided: ended.how }
    ]
  }
  if (isOther(entry)) return [state, { _tag: "NotPending" }]
  if (entry.hash !== hash) return [state, { _tag: "ArgumentsChanged", hash: entry.hash }]
  const problem = mismatch(entry.request, decision)
  if (problem !== undefined) return [state, { _tag: "AnswerRejected", problem }]
  return [end(state, id, decisionName(decision)), undefined]
}
