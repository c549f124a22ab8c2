/** Runs what may not end when it is told to: nobody waits for it longer than was said. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

export interface SuperviseOptions {
  readonly deadline: Duration.Duration
  /** How long it is waited for once it is interrupted. */
  readonly grace: Duration.Duration
  /** It ignores its interruption and is left behind. */
  readonly abandoned: (fiber: Fiber.Fiber<unknown>) => Effect.Effect<void>
}

/**
 * How `effect` ended; none when it did not before the deadline. It runs in a fiber of its own, which is interrupted at
 * the deadline, and when whoever waits for it is.
 */
export const supervise = <A, R>(
  effect: Effect.Effect<A, never, R>,
  options: SuperviseOptions
): Effect.Effect<Option.Option<Exit.Exit<A>>, never, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkDetach(effect)
      const stop = Fiber.interrupt(fiber).pipe(
        Effect.timeoutOption(options.grace),
        Effect.tap((ended) => (Option.isNone(ended) ? options.abandoned(fiber) : Effect.void))
      )
      const inTime = yield* restore(Effect.timeoutOption(Fiber.await(fiber), options.deadline)).pipe(
        Effect.onInterrupt(() => stop)
      )
      if (Option.isNone(inTime)) yield* stop
      return inTime
    })
  )
