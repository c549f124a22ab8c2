/** What a handler tells before it is done, no more often than is of use. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

export interface Progress {
  readonly offer: (text: string) => Effect.Effect<void>
  /** Tells what waits to be told. */
  readonly flush: Effect.Effect<void>
  /** Whatever is offered from now on is not told. */
  readonly close: Effect.Effect<void>
}

/** Milliseconds of the monotonic clock: one that is set back would be silent until it has caught up. */
const milliseconds = Effect.map(
  Clock.clockWith((clock) => clock.monotonicTimeNanos),
  (nanos) => Number(nanos) / 1e6
)

/** The first is told at once, then the latest one whenever `interval` has passed. */
export const make = (interval: Duration.Duration, emit: (text: string) => void): Progress => {
  const every = Duration.toMillis(interval)
  let last = Number.NEGATIVE_INFINITY
  let waiting: string | undefined
  let due = false
  let open = true

  const flush = Effect.map(milliseconds, (now) => {
    if (!open || waiting === undefined) return
    const text = waiting
    waiting = undefined
    last = now
    try {
      emit(text)
    } catch {
      // Whoever listens does not stop the tool.
    }
  })

  return {
    offer: Effect.fnUntraced(function* (text) {
      waiting = text
      if (due) return
      const wait = last + every - (yield* milliseconds)
      if (wait <= 0) return yield* flush
      due = true
      yield* Effect.sleep(wait).pipe(
        Effect.andThen(
          Effect.suspend(() => {
            due = false
            return flush
          })
        ),
        Effect.forkChild
      )
    }),
    flush,
    close: Effect.sync(() => {
      open = false
    })
  }
}
