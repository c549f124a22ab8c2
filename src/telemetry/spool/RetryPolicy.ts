/** What an answer to a delivery means: pure, and the only place that knows. */

/** How a receiver answered, or why it did not; `detail` is a code and a host, never content. */
export type SendResult =
  | { readonly _tag: "Taken"; readonly rejected: number }
  | {
      readonly _tag: "Status"
      readonly status: number
      readonly retryAfter?: number
      readonly detail: string
    }
  | { readonly _tag: "None"; readonly timeout: boolean; readonly detail: string }

/** How deliveries stand. Times in milliseconds. */
export interface RetryState {
  /** How many in a row came to nothing. */
  readonly failures: number
  /** No delivery before this time. */
  readonly notBefore: number
  /** How many records a batch may have. */
  readonly limit: number
  /** How many batches a receiver has refused for good since it last took one. */
  readonly refused: number
}

/** What becomes of the batch: it is gone, it is lost, it goes again in smaller parts, or it goes again later. */
export type Verdict = "delivered" | "lost" | "smaller" | "later"

export interface RetryLimits {
  readonly batch: number
  /** The first wait, and the longest. */
  readonly base: number
  readonly cap: number
}

export const initial = (limits: RetryLimits): RetryState => ({
  failures: 0,
  notBefore: 0,
  limit: limits.batch,
  refused: 0
})

// One bad record has its whole batch refused. To find it costs some requests; where everything is refused that ends.
const maxRefused = 24

/** The longest that a receiver can ask to be left alone, in milliseconds. */
const longestRetryAfter = 3_600_000

/** Whether a status says that this request can never succeed. Credentials and paths can be mended, and servers too. */
const isFinal = (status: number): boolean =>
  status >= 400 && status < 500 && ![401, 403, 404, 405, 407, 408, 421, 423, 425, 429].includes(status)

/** Full jitter: anything between nothing and a bound that doubles with each failure. `random` is from 0 to 1. */
export const backOff = (failures: number, { base, cap }: RetryLimits, random: number): number =>
  random * Math.min(cap, base * 2 ** Math.min(failures, 30))

export const step = (
  state: RetryState,
  answer: SendResult,
  batch: {
    readonly records: number
    readonly limits: RetryLimits
    readonly now: number
    readonly random: number
  }
): { readonly state: RetryState; readonly verdict: Verdict } => {
  const { limits, now, random, records } = batch
  const half = Math.max(1, Math.floor(records / 2))
  if (answer._tag === "Taken") {
    const limit = Math.min(limits.batch, state.limit * 2)
    return { verdict: "delivered", state: { failures: 0, notBefore: 0, limit, refused: 0 } }
  }
  if (answer._tag === "Status" && isFinal(answer.status)) {
    const refused = state.refused + 1
    if (records > 1 && refused <= maxRefused)
      return { verdict: "smaller", state: { ...state, limit: half, refused } }
    const limit = refused > maxRefused ? Math.min(limits.batch, state.limit * 2) : state.limit
    return { verdict: "lost", state: { failures: 0, notBefore: 0, limit, refused } }
  }
  const asked = answer._tag === "Status" ? Math.min(answer.retryAfter ?? 0, longestRetryAfter) : 0
  const wait = Math.max(asked, backOff(state.failures, limits, random))
  // No answer in time may be a line too slow for so much.
  const limit = answer._tag === "None" && answer.timeout ? half : state.limit
  return {
    verdict: "later",
    state: { ...state, failures: state.failures + 1, notBefore: now + wait, limit }
  }
}

/** What `Retry-After` asks for in milliseconds: seconds, or a date. */
export const retryAfter = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined) return undefined
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
