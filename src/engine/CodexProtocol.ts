/**
 * The types of the whole protocol of `codex app-server`: every method, notification and item, generated from Codex's own
 * definitions (`npm run protocol`). They describe what Codex sends; nothing checks at run time that it does.
 */
import type * as Effect from "effect/Effect"
import type * as CodexError from "../domain/CodexError.ts"
import type { EngineRequestOptions } from "./Engine.ts"
import type { ClientRequests, ServerNotifications } from "./app-server/generated/Methods.ts"

export type { ClientRequests, ServerNotifications, ServerRequests } from "./app-server/generated/Methods.ts"
export type * from "./app-server/generated/Types.ts"

/** A method of a request to Codex. */
export type RequestMethod = keyof ClientRequests
/** The parameters of a request; `undefined` if it has none. */
export type RequestParams<M extends RequestMethod> = ClientRequests[M]["params"]
/** The reply to a request. */
export type RequestResult<M extends RequestMethod> = ClientRequests[M]["result"]

/** The arguments of a request after its method. Parameters whose fields are all optional may be omitted. */
export type RequestArguments<M extends RequestMethod> =
  {} extends Exclude<RequestParams<M>, null | undefined>
    ? [params?: RequestParams<M>, options?: EngineRequestOptions]
    : undefined extends RequestParams<M>
      ? [params?: RequestParams<M>, options?: EngineRequestOptions]
      : [params: RequestParams<M>, options?: EngineRequestOptions]

/** Sends a request to Codex. */
export interface SendProtocolRequest {
  /** A method that the types do not know, for example of a newer Codex. */
  <M extends string>(
    method: M extends RequestMethod ? never : M,
    params?: unknown,
    options?: EngineRequestOptions
  ): Effect.Effect<unknown, CodexError.StartError>
  // The last signature, because the compiler explains a mistake by the last one.
  <M extends RequestMethod>(
    method: M,
    ...args: RequestArguments<M>
  ): Effect.Effect<RequestResult<M>, CodexError.StartError>
}

/** A method of a notification from Codex. */
export type NotificationMethod = keyof ServerNotifications
/** The parameters of a notification. */
export type NotificationParams<M extends NotificationMethod> = ServerNotifications[M]
