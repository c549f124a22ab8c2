/**
 * The requests of Codex that a connection has received. Codex sends the requests that still wait again, with the same ids,
 * to a client that resumes their thread. The library repeats an answer that got lost with its connection, without asking for another decision.
 */
import * as Predicate from "effect/Predicate"
import type * as JsonRpcConnection from "./JsonRpcConnection.ts"

interface Known {
  /** The request on the newest connection. */
  latest: JsonRpcConnection.IncomingRequest
  /** Repeats the answer. `undefined` before there is one. */
  answer: ((request: JsonRpcConnection.IncomingRequest) => void) | undefined
  readonly threadId: string | undefined
  readonly isToolCall: boolean
}

export interface ResentRequests {
  /** Records a request. Returns it with an id of all connections, or `undefined` if the listener has it already. */
  readonly receive: (
    request: JsonRpcConnection.IncomingRequest,
    method: string,
    params: unknown
  ) => JsonRpcConnection.IncomingRequest | undefined
  /** Forgets a request that Codex no longer waits for. */
  readonly resolve: (id: string | number) => void
  /** Forgets the requests of a thread: its turn has ended. */
  readonly endTurn: (threadId: string) => void
  /** Returns the unanswered questions of a thread: its requests, except for calls of tools. */
  readonly questions: (threadId: string) => ReadonlyArray<string | number>
}

const toolCall = "item/tool/call"

const threadOf = (params: unknown): string | undefined =>
  Predicate.isObject(params) && Predicate.isString(params["threadId"]) ? params["threadId"] : undefined

export const make = (): ResentRequests => {
  const requests = new Map<string | number, Known>()
  return {
    receive: (request, method, params) => {
      const known = requests.get(request.id)
      if (known !== undefined) {
        known.latest = request
        known.answer?.(request)
        return undefined
      }
      const added: Known = {
        latest: request,
        answer: undefined,
        threadId: threadOf(params),
        isToolCall: method === toolCall
      }
      requests.set(request.id, added)
      const answer = (send: (request: JsonRpcConnection.IncomingRequest) => void) => {
        if (added.answer !== undefined) return
        added.answer = send
        send(added.latest)
      }
      return {
        id: request.id,
        reply: (result) => answer((latest) => latest.reply(result)),
        refuse: (code, message) => answer((latest) => latest.refuse(code, message))
      }
    },
    resolve: (id) => void requests.delete(id),
    endTurn: (threadId) => {
      for (const [id, known] of requests) if (known.threadId === threadId) requests.delete(id)
    },
    questions: (threadId) =>
      [...requests].flatMap(([id, known]) =>
        known.threadId === threadId && !known.isToolCall && known.answer === undefined ? [id] : []
      )
  }
}
