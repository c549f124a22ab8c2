/** Reads the notifications of a thread slowly, and checks that each arrives in order or is counted as omitted. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ContentLimits from "../../domain/ContentLimits.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as NotificationHub from "../../engine/NotificationHub.ts"
import type * as Thread from "../../Thread.ts"
import type { RunHistory } from "./History.ts"
import type { Random } from "./SeededRandom.ts"

/** Makes a function that sends the next notification of a thread; they have consecutive numbers from 0. */
export const sender = (
  hub: NotificationHub.NotificationHub,
  history: RunHistory
): ((threadId: ThreadId) => void) => {
  const numbers = new Map<string, number>()
  return (threadId) => {
    const number = numbers.get(threadId) ?? 0
    numbers.set(threadId, number + 1)
    hub.publish("simulation/number", { threadId, number }, history.now)
  }
}

/** Observes a thread until the scope closes. */
export const observe = (
  thread: Thread.Thread,
  history: RunHistory,
  random: Random
): Effect.Effect<void, never, Scope.Scope> => {
  const readTime = random.oneOf([0, 50, 3_000])
  const bufferBytes = random.oneOf([500, 4_000, ContentLimits.defaults.bufferBytes])
  let next: number | undefined
  return thread.notifications.pipe(
    Stream.runForEachArray((batch) => {
      for (const notification of batch) {
        if (notification._tag === "NotificationsOmitted") {
          if (next !== undefined) next += notification.count
          continue
        }
        const { params } = notification
        if (!Predicate.isObject(params) || params["threadId"] !== thread.id) {
          history.addViolation(5, thread.id, "a notification of another thread arrives")
          continue
        }
        if (notification.method !== "simulation/number") continue
        const number = Number(params["number"])
        if (next !== undefined && number !== next)
          history.addViolation(5, thread.id, `notification ${number} arrives instead of ${next}`)
        next = number + 1
      }
      return readTime === 0 ? Effect.void : Effect.sleep(readTime)
    }),
    Effect.provideService(ContentLimits.Current, { ...ContentLimits.defaults, bufferBytes }),
    Effect.forkScoped({ startImmediately: true }),
    Effect.asVoid
  )
}
