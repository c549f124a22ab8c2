/** Passes the notifications of an engine to the listeners that there are at the time. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { EngineNotification } from "./Engine.ts"

export type NotificationListener = (notification: EngineNotification) => void

export interface NotificationHub {
  /** Calls each listener. Costs one comparison if there is none, so `at` is a function. */
  readonly publish: (method: string, params: unknown, at: () => number) => void
  /** Adds a listener until the scope closes. */
  readonly subscribe: (listener: NotificationListener) => Effect.Effect<void, never, Scope.Scope>
}

export const make = (): NotificationHub => {
  const listeners = new Set<NotificationListener>()
  return {
    publish: (method, params, at) => {
      if (listeners.size === 0) return
      const notification = { method, params, at: at() }
      for (const listener of listeners) {
        try {
          listener(notification)
        } catch {
          // The listener is outside code. It must not end the reader of the connection, which calls this.
          listeners.delete(listener)
        }
      }
    },
    subscribe: (listener) => {
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
