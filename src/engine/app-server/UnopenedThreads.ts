/**
 * The threads that a client has requested and has not opened. Codex counts the client as a client of the thread from
 * `thread/resume` to the reply to `thread/unsubscribe`, and sends it the requests that wait. Before the reply to
 * `thread/resume` has arrived, and after `thread/unsubscribe` was sent, no handle of the client decides such a request.
 */
import * as Predicate from "effect/Predicate"

export interface UnopenedThreads {
  /** Follows a request that the client sends. Returns a function that follows its reply. */
  readonly follow: (method: string, params: unknown) => () => void
  /** Whether no handle of this client decides the requests of the thread, because it is not open yet or closes. */
  readonly has: (threadId: string) => boolean
}

/** Makes the register. `isOpen` says whether a thread is open already, so that another handle decides its requests. */
export const make = (isOpen: (threadId: string) => boolean): UnopenedThreads => {
  /** The newest request about each thread. Only its reply counts. */
  const newest = new Map<string, object>()
  return {
    follow: (method, params) => {
      const threadId = Predicate.isObject(params) ? params["threadId"] : undefined
      if (!Predicate.isString(threadId)) return () => {}
      const opens = method === "thread/resume"
      if (!opens && method !== "thread/unsubscribe") return () => {}
      if (opens && isOpen(threadId) && !newest.has(threadId)) return () => {}
      const request = {}
      newest.set(threadId, request)
      // Without a reply, the thread stays unopened: a request that was interrupted has its effect on Codex all the same.
      return () => {
        if (newest.get(threadId) === request) newest.delete(threadId)
      }
    },
    has: (threadId) => newest.has(threadId)
  }
}
