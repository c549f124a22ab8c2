/** Not waiting for what does not listen. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

const grace = Duration.seconds(1)

/**
 * Runs an effect until `signal` says otherwise: then it is interrupted, and what the signal gave is the result at once,
 * also where the effect ignores its interruption. That is told in the log a second later.
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
      yield* leave(fiber, what)
      return first.value
    })
  )

const leave = (fiber: Fiber.Fiber<unknown, unknown>, what: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    fiber.interruptUnsafe()
    if (fiber.pollUnsafe() !== undefined) return Effect.void
    return Fiber.await(fiber).pipe(
      Effect.timeoutOption(grace),
      Effect.tap((ended) =>
        Option.isSome(ended)
          ? Effect.void
          : Effect.logWarning(`${what} ignores its interruption; it is left behind`)
      ),
      Effect.forkDetach,
      Effect.asVoid
    )
  })
