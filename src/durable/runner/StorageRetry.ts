/** Tries operations on the database again, because a turn that runs must not end only because the database restarts. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"

/** How long an operation is tried again. A database that is away for longer fails the turn. */
const deadline = Duration.minutes(1)

const pause = (failures: number): Duration.Duration => Duration.millis(Math.min(2000, 50 * 2 ** failures))

/** Tries an operation again while the database may come back, for at most a minute. */
export const retry = <A, R>(
  operation: Effect.Effect<A, StorageUnavailable, R>
): Effect.Effect<A, StorageUnavailable, R> =>
  Effect.gen(function* () {
    const end = (yield* Clock.currentTimeMillis) + Duration.toMillis(deadline)
    for (let failures = 0; ; failures++) {
      const result = yield* Effect.result(operation)
      if (result._tag === "Success") return result.success
      const error = result.failure
      if (!error.retryable || (yield* Clock.currentTimeMillis) >= end) return yield* error
      yield* Effect.sleep(pause(failures))
    }
  })
