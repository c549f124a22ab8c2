import * as Effect from "effect/Effect"

/** Waits for so many milliseconds without keeping the process: what is spooled is safe, and nobody waits for it. */
export const sleep = (millis: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const timer = setTimeout(() => resume(Effect.void), millis)
    timer.unref()
    return Effect.sync(() => clearTimeout(timer))
  })
