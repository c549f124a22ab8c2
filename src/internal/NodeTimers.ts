/** Timers of Node, in real time: layers use them because a test clock never advances while an exporter closes. */
import * as Effect from "effect/Effect"

const start = (millis: number, keepAlive: boolean): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const timer = setTimeout(() => resume(Effect.void), millis)
    if (!keepAlive) timer.unref()
    return Effect.sync(() => clearTimeout(timer))
  })

/** Sleeps in real time. */
export const sleep = (millis: number): Effect.Effect<void> => start(millis, true)

/** Sleeps in real time without keeping the process alive. */
export const sleepUnref = (millis: number): Effect.Effect<void> => start(millis, false)

/**
 * Runs a promise and waits until it settles or `millis` have passed, in real time even under a test clock. Never fails:
 * a rejection counts as settled, and a promise that hangs is abandoned.
 */
export const settleWithin = (run: () => Promise<unknown>, millis: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const done = () => {
      clearTimeout(timer)
      resume(Effect.void)
    }
    const timer = setTimeout(done, millis)
    void attempt(run).finally(done)
  })

const attempt = async (run: () => Promise<unknown>): Promise<void> => {
  try {
    await run()
  } catch {
    // The caller waits for the end, whatever it is.
  }
}
