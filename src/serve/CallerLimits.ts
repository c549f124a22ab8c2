/** Limits for each sender of requests: how many requests in a time, and how many open streams. */

/** The number of requests that a sender may send at once, and each second after that. */
export interface RateOptions {
  readonly burst: number
  readonly perSecond: number
}

/** Beyond this number of senders the one that sent longest ago is forgotten, which gives it a full bucket again. */
const maxSenders = 10_000

interface Bucket {
  readonly left: number
  readonly at: number
}

/** Makes a function that returns whether a sender may send a request now (a token bucket). `now` is in milliseconds. */
export const makeRate = ({ burst, perSecond }: RateOptions) => {
  const buckets = new Map<string, Bucket>()
  return (sender: string, now: number): boolean => {
    const bucket = buckets.get(sender) ?? { left: burst, at: now }
    const left = Math.min(burst, bucket.left + (Math.max(0, now - bucket.at) / 1000) * perSecond)
    // The entry moves to the end, so that the first one is the oldest.
    buckets.delete(sender)
    const [oldest] = buckets.keys()
    if (buckets.size >= maxSenders && oldest !== undefined) buckets.delete(oldest)
    buckets.set(sender, { left: left < 1 ? left : left - 1, at: now })
    return left >= 1
  }
}

/** Counts the open streams of each sender. */
export const makePlaces = (limit: number) => {
  const taken = new Map<string, number>()
  return {
    /** Takes a place if one is free, and returns whether it did. */
    take: (sender: string): boolean => {
      const count = taken.get(sender) ?? 0
      if (count >= limit) return false
      taken.set(sender, count + 1)
      return true
    },
    give: (sender: string): void => {
      const count = (taken.get(sender) ?? 1) - 1
      if (count > 0) taken.set(sender, count)
      else taken.delete(sender)
    }
  }
}
