/** Runs long synchronous work in slices, so that it blocks the event loop only for a short time. */
import * as Effect from "effect/Effect"

/** The maximum time, in milliseconds, that the work takes of one turn of the event loop, besides its last step. */
const sliceMillis = 8

export interface TimeSlices {
  /** Takes all steps of an iterator, in order. Lets other work run when the time of this turn of the event loop is used. */
  readonly run: (steps: Iterator<unknown>) => Effect.Effect<void>
  /** Whether `run` has begun and not ended. */
  readonly isRunning: () => boolean
}

/** Makes slices that share the time of a turn of the event loop. */
export const make = (): TimeSlices => {
  /** When the time of this turn of the event loop is used; `undefined` if no work has run in it. */
  let until: number | undefined
  let running = 0

  const begin = (): number => {
    if (until === undefined) {
      until = performance.now() + sliceMillis
      setImmediate(() => {
        until = undefined
      })
    }
    return until
  }

  const step = (steps: Iterator<unknown>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const end = begin()
      while (performance.now() < end) if (steps.next().done === true) return Effect.void
      return Effect.andThen(Effect.yieldNow, step(steps))
    })

  return {
    run: (steps) =>
      Effect.suspend(() => {
        running++
        return Effect.ensuring(
          step(steps),
          Effect.sync(() => void running--)
        )
      }),
    isRunning: () => running > 0
  }
}

/** Takes all steps of an iterator in slices, outside of an effect. */
export const drain = async (steps: Iterator<unknown>): Promise<void> => {
  while (true) {
    const end = performance.now() + sliceMillis
    while (performance.now() < end) if (steps.next().done === true) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}
