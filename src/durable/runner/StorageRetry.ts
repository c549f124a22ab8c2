/** Retries operations on the database, because a running turn must not end when the database restarts. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"

/** A longer outage fails the turn. */
const deadline = "1 minute"

const backOff = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("2 seconds")]).pipe(
  Schedule.upTo({ duration: deadline })
)

/** Retries an operation for at most a minute, if its error says that the database may answer later. */
export const retry = <A, R>(
  operation: Effect.Effect<A, StorageUnavailable, R>
): Effect.Effect<A, StorageUnavailable, R> =>
  Effect.retry(operation, { schedule: backOff, while: (error) => error.retryable })
