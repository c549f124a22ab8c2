/** The usage limit of the account of the faulty engine: reports of its use, and turns that exhaust it. */
import type * as NotificationHub from "../../engine/NotificationHub.ts"
import type { FaultyEngineOptions } from "./FaultyTurn.ts"
import type { EngineTurn } from "./History.ts"
import * as SeededRandom from "./SeededRandom.ts"

const minute = 60_000

export interface FaultyLimits {
  /** Returns a function that sometimes reports how much of the limit is used. */
  readonly report: (name: string) => () => void
  /** Returns a function that decides whether the turn exhausts the limit, and returns when it resets. */
  readonly exhaust: (name: string, turn: EngineTurn) => () => number | undefined
}

export const make = (
  { faults, history, seed }: FaultyEngineOptions,
  notifications: NotificationHub.NotificationHub
): FaultyLimits => {
  const publish = (usedPercent: number, resetsAt: number) => {
    history.count("limit updates")
    history.limit = { usedPercent, resetsAt }
    const primary = { usedPercent, windowDurationMins: 300, resetsAt: resetsAt / 1000 }
    const params = { rateLimits: { limitId: "codex", primary } }
    notifications.publish("account/rateLimits/updated", params, history.now)
  }
  return {
    report: (name) => {
      const random = SeededRandom.make(seed, `limits ${name}`)
      return () => {
        if (random.chance(10)) publish(random.below(100), history.now() + 120 * minute)
      }
    },
    exhaust: (name, turn) => () => {
      const random = SeededRandom.make(seed, `exhausted ${name}`)
      if (!random.chance(faults.limit)) return undefined
      const resetsAt = history.now() + random.oneOf([0, 1, 20, 120, 540]) * minute
      history.count("exhausted limits")
      publish(100, resetsAt)
      turn.limitResetsAt = resetsAt
      return resetsAt
    }
  }
}
