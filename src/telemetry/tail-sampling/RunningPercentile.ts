/** A percentile of durations as they come: a histogram of fixed size that forgets what is long ago. */

// Each bucket is a tenth wider than the one before: 192 of them reach from a millisecond to a day.
const buckets = 192
const growth = Math.log(1.1)
/** Before so many durations there is no percentile worth the name. */
export const warmUp = 20
/** How many durations are looked back on, roughly. */
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

  /** Whether a duration is beyond the percentile, by a tenth at most before it is told; never during the warm-up. */
  isAbove(millis: number): boolean {
    if (this.seen < warmUp) return false
    const bucket = bucketOf(millis)
    let below = 0
    for (let at = 0; at < bucket; at++) below += this.counts[at] ?? 0
    return below >= this.percentile * this.total
  }
}
