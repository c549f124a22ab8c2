/**
 * The types of the whole protocol of `codex app-server`: every method, notification and item, generated from Codex's own
 * definitions (`npm run protocol`). They describe what Codex sends; nothing checks at run time that it does.
 */
import type * as Effect from "effect/Effect"
import type * as CodexError from "../domain/CodexError.ts"
import type { EngineNotification, EngineRequestOptions } from "./Engine.ts"
import {
  type ClientRequests,
  notificationMethods,
  type ServerNotifications
} from "./app-server/generated/Methods.ts"

export type { ClientRequests, ServerNotifications, ServerRequests } from "./app-server/generated/Methods.ts"
export type * from "./app-server/generated/Types.ts"

/**
 * A method of a request to Codex.
 * @since 0.1.0
 * @category models
 */
export type RequestMethod = keyof ClientRequests
/**
 * The parameters of a request; `undefined` if it has none.
 * @since 0.1.0
 * @category models
 */
export type RequestParams<M extends RequestMethod> = ClientRequests[M]["params"]
/**
 * The reply to a request.
 * @since 0.1.0
 * @category models
 */
export type RequestResult<M extends RequestMethod> = ClientRequests[M]["result"]

/**
 * The arguments of a request after its method. Parameters whose fields are all optional may be omitted.
 * @since 0.1.0
 * @category models
 */
export type RequestArguments<M extends RequestMethod> =
  {} extends Exclude<RequestParams<M>, null | undefined>
    ? [params?: RequestParams<M>, options?: EngineRequestOptions]
    : undefined extends RequestParams<M>
      ? [params?: RequestParams<M>, options?: EngineRequestOptions]
      : [params: RequestParams<M>, options?: EngineRequestOptions]

/**
 * Sends a request to Codex.
 * @since 0.1.0
 * @category models
 */
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

/**
 * A method of a notification from Codex.
 * @since 0.1.0
 * @category models
 */
export type NotificationMethod = keyof ServerNotifications
/**
 * The parameters of a notification.
 * @since 0.1.0
 * @category models
 */
export type NotificationParams<M extends NotificationMethod> = ServerNotifications[M]

/**
 * A notification from Codex, with the parameters of its method.
 * @since 0.1.0
 * @category models
 */
export type KnownNotification<M extends NotificationMethod = NotificationMethod> = {
  readonly [K in M]: {
    readonly _tag: "Notification"
    readonly method: K
    readonly params: NotificationParams<K>
    /** Milliseconds since the epoch. */
    readonly at: number
  }
}[M]

/**
 * A notification with a method that the types do not know, for example of a newer Codex.
 * @since 0.1.0
 * @category models
 */
export interface UnknownNotification extends EngineNotification {
  readonly _tag: "UnknownNotification"
}

/**
 * Notifications that were dropped at this point, because the consumer was too slow for `ContentLimits.bufferBytes`.
 * @since 0.1.0
 * @category models
 */
export interface NotificationsOmitted {
  readonly _tag: "NotificationsOmitted"
  readonly count: number
  /** The time of the last of them. */
  readonly at: number
}

/**
 * An element of a stream of notifications.
 * @since 0.1.0
 * @category models
 */
export type Notification = KnownNotification | UnknownNotification | NotificationsOmitted

/**
 * Returns a check whether a notification has one of these methods.
 * @since 0.1.0
 * @category guards
 * @example
 * ```ts
 * import { Codex, CodexProtocol } from "effect-codex"
 * import { Console, Effect, Stream } from "effect"
 *
 * const logins = Codex.use(({ notifications }) =>
 *   notifications.pipe(
 *     Stream.filter(CodexProtocol.isNotification("account/login/completed")),
 *     Stream.runForEach(({ params }) => Console.log(params.success))
 *   )
 * )
 * const running = Effect.forkScoped(logins)
 * ```
 */
export const isNotification =
  <M extends NotificationMethod>(...methods: ReadonlyArray<M>) =>
  (notification: Notification): notification is Extract<KnownNotification, { readonly method: M }> =>
    notification._tag === "Notification" && methods.some((method) => method === notification.method)

const knownMethods: ReadonlySet<string> = new Set(notificationMethods)

/** The parameters are typed, not checked: the types say what Codex sends. */
const isKnown = (
  notification: EngineNotification & { readonly _tag: "Notification" }
): notification is KnownNotification => knownMethods.has(notification.method)

/** @internal Gives a notification of the engine its type. */
export const toNotification = (notification: EngineNotification): Notification => {
  const known = { ...notification, _tag: "Notification" } as const
  return isKnown(known) ? known : { ...notification, _tag: "UnknownNotification" }
}
