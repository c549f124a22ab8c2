/** Which requests may take long, and how to end what a request started when its caller no longer waits for it. */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { ClientRequests } from "./generated/Methods.ts"

type Method = keyof ClientRequests

/** A request that ends what another request started. */
export type EndRequest = {
  readonly [M in Method]: { readonly method: M; readonly params: ClientRequests[M]["params"] }
}[Method]

/** What is known of a request whose caller no longer waits. */
export interface AbandonedRequest {
  /** The id of its message. */
  readonly id: number
  readonly params: unknown
}

/**
 * How a request is ended: from its parameters at once, or from its reply, which names what it started. A function returns
 * `undefined` if it started nothing that can be ended.
 */
export type Ending =
  | { readonly _tag: "Now"; readonly end: (request: AbandonedRequest) => EndRequest | undefined }
  | {
      readonly _tag: "AfterReply"
      readonly end: (request: AbandonedRequest, result: unknown) => EndRequest | undefined
    }

const text = Schema.String

const now = <A>(schema: Schema.Decoder<A>, end: (params: A) => EndRequest): Ending => {
  const decode = Schema.decodeUnknownOption(schema)
  return { _tag: "Now", end: ({ params }) => Option.getOrUndefined(Option.map(decode(params), end)) }
}

const nowById = (end: (id: number) => EndRequest): Ending => ({ _tag: "Now", end: ({ id }) => end(id) })

const afterReply = <A>(
  schema: Schema.Decoder<A>,
  end: (result: A, params: unknown) => EndRequest | undefined
): Ending => {
  const decode = Schema.decodeUnknownOption(schema)
  return {
    _tag: "AfterReply",
    end: ({ params }, result) =>
      Option.getOrUndefined(Option.map(decode(result), (value) => end(value, params)))
  }
}

const startedTurn = Schema.Struct({ turn: Schema.Struct({ id: text }) })
const withThread = Schema.Struct({ threadId: text })
const decodeThread = Schema.decodeUnknownOption(withThread)

const endings: { readonly [M in Method]?: Ending } = {
  "command/exec": now(Schema.Struct({ processId: text }), (params) => ({
    method: "command/exec/terminate",
    params
  })),
  "process/spawn": now(Schema.Struct({ processHandle: text }), (params) => ({
    method: "process/kill",
    params
  })),
  "account/login/start": afterReply(Schema.Struct({ loginId: text }), (params) => ({
    method: "account/login/cancel",
    params
  })),
  "account/gatewayOAuth/login": afterReply(Schema.Unknown, () => ({
    method: "account/gatewayOAuth/cancel",
    params: undefined
  })),
  "turn/start": afterReply(startedTurn, ({ turn }, params) =>
    Option.getOrUndefined(
      Option.map(decodeThread(params), ({ threadId }) => ({
        method: "turn/interrupt",
        params: { threadId, turnId: turn.id }
      }))
    )
  ),
  "review/start": afterReply(
    Schema.Struct({ ...startedTurn.fields, reviewThreadId: text }),
    ({ reviewThreadId, turn }) => ({
      method: "turn/interrupt",
      params: { threadId: reviewThreadId, turnId: turn.id }
    })
  ),
  "thread/realtime/start": now(withThread, (params) => ({ method: "thread/realtime/stop", params })),
  "thread/sample": nowById((requestId) => ({ method: "thread/sample/cancel", params: { requestId } })),
  "userVerification/enroll": nowById((requestId) => ({
    method: "userVerification/cancel",
    params: { requestId }
  })),
  "userVerification/verify": nowById((requestId) => ({
    method: "userVerification/cancel",
    params: { requestId }
  })),
  "mcpServer/event/stream/start": now(Schema.Struct({ subscriptionId: text }), (params) => ({
    method: "mcpServer/event/stream/stop",
    params
  })),
  "fuzzyFileSearch/sessionStart": now(Schema.Struct({ sessionId: text }), (params) => ({
    method: "fuzzyFileSearch/sessionStop",
    params
  })),
  "fs/watch": now(Schema.Struct({ watchId: text }), (params) => ({ method: "fs/unwatch", params }))
}

/**
 * Methods without a deadline: a command, a tool, a model, a download or a person decides how long they take. Most have a
 * deadline of their own in Codex.
 */
const unlimited: ReadonlySet<string> = new Set<Method>([
  "account/bedrock/discover",
  "account/bedrock/setup",
  "account/gatewayOAuth/login",
  "account/gcp/setup",
  "account/login/start",
  "command/exec",
  "environment/add",
  "externalAgentConfig/import",
  "feedback/upload",
  "fuzzyFileSearch",
  "marketplace/add",
  "marketplace/upgrade",
  "mcpServer/oauth/login",
  "mcpServer/resource/read",
  "mcpServer/tool/call",
  "plugin/install",
  "plugin/reconcile",
  "plugin/share/checkout",
  "plugin/share/save",
  "project/import",
  "rollout/compress",
  "thread/guardianReview",
  "thread/prediction/request",
  "thread/sample",
  "userVerification/enroll",
  "userVerification/verify"
])

/** Whether a request may take as long as it needs. */
export const isUnlimited = (method: string): boolean => unlimited.has(method)

const hasEnding = (method: string): method is Method => Object.hasOwn(endings, method)

/** Returns how to end what a request starts, if Codex can end it. */
export const of = (method: string): Ending | undefined => (hasEnding(method) ? endings[method] : undefined)

/** Names the process of `command/exec`, because Codex cannot end a command without a name. */
export const withProcessId = (method: string, params: unknown, processId: string): unknown =>
  method === "command/exec" &&
  Predicate.isObject(params) &&
  (params["processId"] === undefined || params["processId"] === null)
    ? { ...params, processId }
    : params
