/** Decides what happens to a batch after an attempt to send it. A pure state machine. */
import type { SendResult } from "../delivery/HttpPost.ts"

/** The state between attempts. Times are in milliseconds. */
export interface RetryState {
  /** Number of consecutive failed attempts. */
  readonly failures: number
  /** Time of the next attempt. */
  readonly notBefore: number
  /** Maximum number of records in a batch. */
  readonly limit: number
  /** Number of batches that the receiver has rejected since it last accepted one. */
  readonly refused: number
}

/** What to do with the batch: remove it, drop it, send a smaller one now, or send it later. */
export type Verdict = "delivered" | "dropped" | "split" | "retry"

export interface RetryLimits {
  /** Maximum number of records in a batch. */
  readonly batch: number
  /** The first and the longest wait, in milliseconds. */
  readonly base: number
  readonly cap: number
}

export const initial = (limits: RetryLimits): RetryState => ({
  failures: 0,
  notBefore: 0,
  limit: limits.batch,
  refused: 0
})

// A receiver rejects a whole batch because of one bad record. Splitting the batch finds the record, at the cost of some
// requests. If the receiver rejects everything, splitting stops after this many rejections.
const maxRefused = 24

/** Maximum wait that a receiver can request with `Retry-After`, in milliseconds. */
const maxRetryAfter = 3_600_000

/**
 * Whether a retry of the same request cannot succeed. A user can fix credentials (401, 403, 407) and paths (404, 405), so
 * these statuses are retried.
 */
const isFinal = (status: number): boolean =>
  status >= 400 && status < 500 && ![401, 403, 404, 405, 407, 408, 421, 423, 425, 429].includes(status)

/** Exponential back-off with full jitter: between 0 and a bound that doubles with each failure. `random` is 0 to 1. */
export const backOff = (failures: number, { base, cap }: RetryLimits, random: number): number =>
  random * Math.min(cap, base * 2 ** Math.min(failures, 30))

/** Returns the verdict for a batch and the state after it. */
export const step = (
  state: RetryState,
  result: SendResult,
  batch: {
    readonly records: number
    readonly limits: RetryLimits
    readonly now: number
    readonly random: number
  }
): { readonly state: RetryState; readonly verdict: Verdict } => {
  const { limits, now, random, records } = batch
  const half = Math.max(1, Math.floor(records / 2))
  if (result._tag === "Accepted") {
    const limit = Math.min(limits.batch, state.limit * 2)
    return { verdict: "delivered", state: { failures: 0, notBefore: 0, limit, refused: 0 } }
  }
  if (result._tag === "Status" && isFinal(result.status)) {
    const refused = state.refused + 1
    if (records > 1 && refused <= maxRefused)
      return { verdict: "split", state: { ...state, limit: half, refused } }
    const limit = refused > maxRefused ? Math.min(limits.batch, state.limit * 2) : state.limit
    return { verdict: "dropped", state: { failures: 0, notBefore: 0, limit, refused } }
  }
  const requested = result._tag === "Status" ? Math.min(result.retryAfter ?? 0, maxRetryAfter) : 0
  const wait = Math.max(requested, backOff(state.failures, limits, random))
  // After a timeout the batch may be too large for a slow connection: halve it.
  const limit = result._tag === "NoResponse" && result.timedOut ? half : state.limit
  return {
    verdict: "retry",
    state: { ...state, failures: state.failures + 1, notBefore: now + wait, limit }
  }
}
