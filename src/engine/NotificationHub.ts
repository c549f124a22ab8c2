/** Passes the notifications of an engine to the listeners that there are at the time. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type { EngineNotification } from "./Engine.ts"

export type NotificationListener = (notification: EngineNotification) => void

export interface NotificationHub {
  /** Calls each listener. Costs one comparison if there is none, so `at` is a function. */
  readonly publish: (method: string, params: unknown, at: () => number) => void
  /** Adds a listener until the scope closes, for all notifications or for those of one method. */
  readonly subscribe: (
    listener: NotificationListener,
    method?: string
  ) => Effect.Effect<void, never, Scope.Scope>
}

/** Returns the id of the thread that the parameters of a notification name. */
export const threadIdOf = (params: unknown): string | undefined => {
  if (!Predicate.isObject(params)) return undefined
  const { thread, threadId } = params
  const id = threadId ?? (Predicate.isObject(thread) ? thread["id"] : undefined)
  return typeof id === "string" ? id : undefined
}

export const make = (): NotificationHub => {
  const ofAll = new Set<NotificationListener>()
  /** Listeners of one method, so that they cost nothing for the deltas of a message. */
  const byMethod = new Map<string, Set<NotificationListener>>()
  const call = (listeners: Set<NotificationListener>, notification: EngineNotification) => {
    for (const listener of listeners) {
      try {
        listener(notification)
      } catch {
        // The listener is outside code. It must not end the reader of the connection, which calls this.
        listeners.delete(listener)
      }
    }
  }
  return {
    publish: (method, params, at) => {
      const ofMethod = byMethod.get(method)
      if (ofAll.size === 0 && ofMethod === undefined) return
      const notification = { method, params, at: at() }
      if (ofMethod !== undefined) call(ofMethod, notification)
      call(ofAll, notification)
    },
    subscribe: (listener, method) => {
      const listeners = method === undefined ? ofAll : (byMethod.get(method) ?? new Set())
      if (method !== undefined) byMethod.set(method, listeners)
      // A function of its own: the same listener may be added twice.
      const added: NotificationListener = (notification) => listener(notification)
      return Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => listeners.add(added)),
          () => Effect.sync(() => listeners.delete(added))
        )
      )
    }
  }
}
