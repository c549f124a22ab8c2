/** Estimates a percentile of a stream of durations with a histogram of fixed size; old durations fade out. */

// Each bucket is 10 % wider than the one before: 192 buckets cover 1 ms to one day.
const buckets = 192
const growth = Math.log(1.1)
/** Minimum number of durations before the estimate is used. */
export const warmUp = 20
/** Approximate number of durations that the estimate remembers. */
const window = 1_000

const bucketOf = (millis: number): number =>
  millis <= 1 ? 0 : Math.min(buckets - 1, Math.floor(Math.log(millis) / growth))

export class RunningPercentile {
  private readonly percentile: number
  private readonly counts = new Float64Array(buckets)
  private total = 0
  private seen = 0

  constructor(percentile: number) {
    this.percentile = percentile
  }

  add(millis: number): void {
    this.seen++
    this.total++
    const bucket = bucketOf(millis)
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1
    if (this.total < 2 * window) return
    this.total = 0
    for (let at = 0; at < buckets; at++) {
      this.counts[at] = (this.counts[at] ?? 0) / 2
      this.total += this.counts[at] ?? 0
    }
  }

  /** Whether a duration is above the percentile, with an error of at most 10 %. Always false during the warm-up. */
  isAbove(millis: number): boolean {
    if (this.seen < warmUp) return false
    const bucket = bucketOf(millis)
    let below = 0
    for (let at = 0; at < bucket; at++) below += this.counts[at] ?? 0
    return below >= this.percentile * this.total
  }
}
