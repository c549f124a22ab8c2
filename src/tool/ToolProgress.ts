/** Reports the progress of a handler at a limited rate. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

export interface Progress {
  readonly offer: (text: string) => Effect.Effect<void>
  /** Emits the waiting text. */
  readonly flush: Effect.Effect<void>
  /** Ignores all further texts. */
  readonly close: Effect.Effect<void>
}

/** Milliseconds of the monotonic clock. If the wall clock were set back, progress would pause until it caught up. */
const milliseconds = Effect.map(
  Clock.clockWith((clock) => clock.monotonicTimeNanos),
  (nanos) => Number(nanos) / 1e6
)

/** Emits the first text immediately, then the latest text once per `interval`. */
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
      // A listener that throws must not stop the tool.
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
