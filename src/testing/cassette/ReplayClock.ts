/**
 * Lets the time of a recording pass in a replay. A test clock stands still until the test adjusts it, so the replay advances
 * a test clock by itself: to the next recorded time at which a part of the replay continues, and no further.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as TestClock from "effect/testing/TestClock"

export interface ReplayClock {
  /** Waits. */
  readonly sleep: (millis: number) => Effect.Effect<void>
  /**
   * Waits for something that the program does, such as a tool call. A test clock advances by at most `millis`, the time that
   * it took in the recording, and then at the speed of real time.
   */
  readonly waitFor: <A>(millis: number, effect: Effect.Effect<A>) => Effect.Effect<A>
}

/** How often a test clock advances at the speed of real time. */
const tick = 10

const isTestClock = (clock: Clock.Clock): clock is TestClock.TestClock =>
  "adjust" in clock && "withLive" in clock

/** Waits until the event loop has run everything that is ready. Fibers that start together then wait together. */
const settle: Effect.Effect<void> = Effect.repeat(
  Effect.callback<void>((resume) => {
    const immediate = setImmediate(() => resume(Effect.void))
    return Effect.sync(() => clearImmediate(immediate))
  }),
  { times: 2 }
)

/** Makes the clock of a replay. What it forks ends with the scope. */
export const make: Effect.Effect<ReplayClock, never, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  /** The times until which parts of the replay wait. */
  const waiting = new Set<{ readonly until: number }>()
  let isAdvancing = false

  /** Advances the clock to the earliest of these times, until nothing waits. */
  const advance = (clock: TestClock.TestClock): Effect.Effect<void> =>
    Effect.gen(function* () {
      while (true) {
        yield* settle
        if (waiting.size === 0) {
          isAdvancing = false
          return
        }
        const until = Math.min(...Array.from(waiting, ({ until }) => until))
        const left = Math.max(0, until - clock.currentTimeMillisUnsafe())
        // The sum of fractions is not exact, and a sleep that lacks less than a nanosecond would never end.
        yield* clock.adjust(Number.isInteger(left) ? left : left + 0.001)
      }
    })

  const sleepOn = (clock: TestClock.TestClock, millis: number): Effect.Effect<void> =>
    Effect.acquireUseRelease(
      Effect.gen(function* () {
        const entry = { until: clock.currentTimeMillisUnsafe() + millis }
        waiting.add(entry)
        if (isAdvancing) return entry
        isAdvancing = true
        yield* Effect.forkIn(advance(clock), scope)
        return entry
      }),
      () => Effect.sleep(millis),
      (entry) => Effect.sync(() => waiting.delete(entry))
    )

  const sleep = (millis: number): Effect.Effect<void> =>
    millis <= 0
      ? Effect.void
      : Effect.clockWith((clock) => (isTestClock(clock) ? sleepOn(clock, millis) : Effect.sleep(millis)))

  const atRealSpeed = (clock: TestClock.TestClock): Effect.Effect<never> =>
    Effect.forever(Effect.andThen(clock.withLive(Effect.sleep(tick)), clock.adjust(tick)))

  return {
    sleep,
    waitFor: (millis, effect) =>
      Effect.clockWith((clock) =>
        isTestClock(clock)
          ? Effect.raceFirst(effect, Effect.andThen(sleep(millis), atRealSpeed(clock)))
          : effect
      )
  }
})
