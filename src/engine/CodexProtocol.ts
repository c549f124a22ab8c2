/**
 * The types of the whole protocol of `codex app-server`: every method, notification and item, generated from Codex's own
 * definitions (`npm run protocol`). They describe what Codex sends; nothing checks at run time that it does.
 */
import type { ClientRequests, ServerNotifications } from "./app-server/generated/Methods.ts"

export type { ClientRequests, ServerNotifications, ServerRequests } from "./app-server/generated/Methods.ts"
export type * from "./app-server/generated/Types.ts"

/** A method of a request to Codex. */
export type RequestMethod = keyof ClientRequests
/** The parameters of a request; `undefined` if it has none. */
export type RequestParams<M extends RequestMethod> = ClientRequests[M]["params"]
/** The reply to a request. */
export type RequestResult<M extends RequestMethod> = ClientRequests[M]["result"]

/** A method of a notification from Codex. */
export type NotificationMethod = keyof ServerNotifications
/** The parameters of a notification. */
export type NotificationParams<M extends NotificationMethod> = ServerNotifications[M]
