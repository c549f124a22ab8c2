/** Runs an effect on fake Node timers, so that a test measures a bound in real time exactly and without waiting. */
import { vi } from "@effect/vitest"
import * as Effect from "effect/Effect"

const step = 100

const runEventLoop = () => new Promise<void>((resolve) => setImmediate(resolve))

/**
 * Runs the effect until `isHanging`, then advances the timers until it ends. Gives its exit and the milliseconds that the
 * timers advanced.
 */
export const advanceTimers = <A, E>(effect: Effect.Effect<A, E>, isHanging: () => boolean) =>
  Effect.promise(async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
    try {
      const state = { ended: false }
      const running = Effect.runPromiseExit(effect).finally(() => (state.ended = true))
      while (!isHanging() && !state.ended) await runEventLoop()
      let millis = 0
      for (;;) {
        for (let turn = 0; turn < 20 && !state.ended; turn++) await runEventLoop()
        if (state.ended || millis > 60_000) break
        await vi.advanceTimersByTimeAsync(step)
        millis += step
      }
      return { exit: await running, millis }
    } finally {
      vi.useRealTimers()
    }
  })
