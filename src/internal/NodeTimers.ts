import * as Effect from "effect/Effect"

/** Waits for so many milliseconds without keeping the process: what is spooled is safe, and nobody waits for it. */
export const sleep = (millis: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const timer = setTimeout(() => resume(Effect.void), millis)
    timer.unref()
    return Effect.sync(() => clearTimeout(timer))
  })

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
