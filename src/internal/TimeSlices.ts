/** Runs long synchronous work in slices, so that it blocks the event loop only for a short time. See `Steps`. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

const sliceMillis = 8

/**
 * The maximum time, in milliseconds, that the work takes of one turn of the event loop, besides its last step. A simulation
 * sets it to infinity: with real time, a slow machine would run other fibers in between, and the run would differ.
 */
export const SliceMillis = Context.Reference<number>("effect-codex/internal/TimeSlices", {
  defaultValue: () => sliceMillis
})

/** Takes steps until `end`. Returns the result, or `undefined` if steps are left. */
const takeUntil = <A>(steps: Iterator<unknown, A>, end: number): { readonly value: A } | undefined => {
  do {
    const next = steps.next()
    if (next.done === true) return { value: next.value }
  } while (performance.now() < end)
  return undefined
}

const runWith = <A>(steps: Iterator<unknown, A>, begin: () => number): Effect.Effect<A> =>
  Effect.suspend(() => {
    const done = takeUntil(steps, begin())
    return done === undefined
      ? Effect.andThen(Effect.yieldNow, runWith(steps, begin))
      : Effect.succeed(done.value)
  })

/** Takes all steps, and lets other work run between them when the time of this turn of the event loop is used. */
export const run = <A>(steps: Iterator<unknown, A>): Effect.Effect<A> =>
  Effect.flatMap(SliceMillis, (millis) => runWith(steps, () => performance.now() + millis))

/** Does the same outside of an effect. */
export const runPromise = async <A>(steps: Iterator<unknown, A>): Promise<A> => {
  let done = takeUntil(steps, performance.now() + sliceMillis)
  while (done === undefined) {
    await new Promise((resolve) => setImmediate(resolve))
    done = takeUntil(steps, performance.now() + sliceMillis)
  }
  return done.value
}

export interface SharedSlices {
  /** Takes all steps. The time of a turn of the event loop counts for all iterators together. */
  readonly run: <A>(steps: Iterator<unknown, A>) => Effect.Effect<A>
  /** Whether `run` has begun and not ended. */
  readonly isRunning: () => boolean
}

/** Makes slices for many short iterators, such as the lines of each chunk of a stream. */
export const make = (): SharedSlices => {
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

  return {
    run: (steps) =>
      Effect.suspend(() => {
        running++
        return Effect.ensuring(
          runWith(steps, begin),
          Effect.sync(() => void running--)
        )
      }),
    isRunning: () => running > 0
  }
}
