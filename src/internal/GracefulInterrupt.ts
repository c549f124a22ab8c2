/** Interrupts fibers, and abandons a fiber that ignores its interruption for longer than a grace period. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

/**
 * Interrupts fibers and waits until all of them ended, at most for `grace`. Runs `onAbandoned` if one of them ignores its
 * interruption for that long.
 */
export const interruptWithin = (
  fibers: Iterable<Fiber.Fiber<unknown, unknown>>,
  grace: Duration.Duration,
  onAbandoned: Effect.Effect<void>
): Effect.Effect<void> =>
  Fiber.interruptAll(fibers).pipe(
    Effect.timeoutOption(grace),
    Effect.flatMap((ended) => (Option.isSome(ended) ? Effect.void : onAbandoned))
  )

const signalGrace = Duration.seconds(1)

/**
 * Runs an effect until `signal` succeeds, then interrupts the effect and returns the signal's value at once, even if the
 * effect ignores its interruption. In that case a warning is logged a second later.
 */
export const unless = <A, E, R, B, R2>(
  effect: Effect.Effect<A, E, R>,
  signal: Effect.Effect<B, never, R2>,
  what: string
): Effect.Effect<A | B, E, R | R2> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkDetach(effect, { startImmediately: true })
      const first = yield* restore(
        Effect.raceFirst(
          Effect.map(Fiber.await(fiber), (exit) => ({ _tag: "Done", exit }) as const),
          Effect.map(signal, (value) => ({ _tag: "Signal", value }) as const)
        )
      ).pipe(Effect.onInterrupt(() => Fiber.interrupt(fiber)))
      if (first._tag === "Done") return yield* first.exit
      fiber.interruptUnsafe()
      if (fiber.pollUnsafe() === undefined)
        yield* Effect.forkDetach(
          interruptWithin(
            [fiber],
            signalGrace,
            Effect.logWarning(`${what} ignores its interruption; it is abandoned`)
          )
        )
      return first.value
    })
  )

export interface SuperviseOptions {
  readonly deadline: Duration.Duration
  /** How long to wait for the effect after its interruption. */
  readonly grace: Duration.Duration
  /** Runs if the effect ignores its interruption. */
  readonly abandoned: (fiber: Fiber.Fiber<unknown>) => Effect.Effect<void>
}

/**
 * Returns how `effect` ended, or none if it did not end before the deadline. The effect runs in a fiber of its own, which
 * is interrupted at the deadline and when the caller is interrupted.
 */
export const supervise = <A, R>(
  effect: Effect.Effect<A, never, R>,
  options: SuperviseOptions
): Effect.Effect<Option.Option<Exit.Exit<A>>, never, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkDetach(effect)
      const abandoned = Effect.suspend(() => options.abandoned(fiber))
      const stop = interruptWithin([fiber], options.grace, abandoned)
      const inTime = yield* restore(Effect.timeoutOption(Fiber.await(fiber), options.deadline)).pipe(
        Effect.onInterrupt(() => stop)
      )
      if (Option.isNone(inTime)) yield* stop
      return inTime
    })
  )
