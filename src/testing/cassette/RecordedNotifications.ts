/**
 * Records and replays the notifications that the program subscribes to. A cassette without a subscriber contains only the
 * changes of limits, which the library itself subscribes to.
 *
 * Parts of streamed texts and raw items of the model are left out: a secret may be split across parts, and a raw item may
 * quote the answer to a secret question. The events of the turn contain them, with their secrets masked.
 */
import * as Effect from "effect/Effect"
import type * as Engine from "../../engine/Engine.ts"
import * as NotificationHub from "../../engine/NotificationHub.ts"
import type * as CassetteFormat from "./CassetteFormat.ts"
import * as ResetTimes from "./ResetTimes.ts"

type Subscribe = NotificationHub.NotificationHub["subscribe"]

const isRecorded = (method: string): boolean => !/delta$/i.test(method) && !method.startsWith("rawResponse")

/** Wraps a subscription. Calls `record` once for each notification, however many subscribers there are. */
export const recordSubscribe = (
  subscribe: Subscribe,
  record: (notification: Engine.EngineNotification) => void
): Subscribe => {
  // An engine passes one notification to all its listeners before the next one.
  let last: Engine.EngineNotification | undefined
  return (listener, method) =>
    subscribe((notification) => {
      if (notification !== last && isRecorded(notification.method)) record(notification)
      last = notification
      listener(notification)
    }, method)
}

export interface PlayedNotifications {
  readonly subscribe: Subscribe
  /** Sends a notification of a turn. */
  readonly play: (line: CassetteFormat.LineOf<"Notified">, at: number) => void
  /** Sends the notifications that the recording received before its first line, and those after this line. */
  readonly playAfter: (line: number) => Effect.Effect<void>
}

/**
 * Makes the player of notifications. `restore` replaces the recorded ids and directories by those of this run. The recording
 * has the times of limits relative to its own time if `hasRelativeTimes`.
 */
export const makePlayer = (
  recorded: CassetteFormat.Recording["notified"],
  restore: (value: unknown) => unknown,
  hasRelativeTimes: boolean
): PlayedNotifications => {
  const shift = (method: string, params: unknown, now: number) =>
    hasRelativeTimes ? ResetTimes.shiftNotification(method, params, now) : params
  const hub = NotificationHub.make()
  let waiting = recorded
  return {
    subscribe: hub.subscribe,
    play: ({ method, params }, at) => hub.publish(method, shift(method, params, at), () => at),
    playAfter: (line) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => {
          const isDue = ({ after }: (typeof recorded)[number]) => after === line || after === 1
          const due = waiting.filter(isDue)
          if (due.length === 0) return
          waiting = waiting.filter((notified) => !isDue(notified))
          const now = clock.currentTimeMillisUnsafe()
          for (const { method, params } of due)
            hub.publish(method, shift(method, restore(params), now), () => now)
        })
      )
  }
}
