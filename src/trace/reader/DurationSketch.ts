/**
 * Percentiles of any number of durations in little memory: durations that differ by less than 2 % share a counter. The result
 * is the same for every order.
 */
const growth = Math.log(1.02)

export class DurationSketch {
  private readonly counts = new Map<number, number>()
  private smallest = Infinity
  count = 0
  max = 0

  /** Adds a duration in nanoseconds. */
  add(nanos: number): void {
    const bucket = nanos < 1 ? -1 : Math.round(Math.log(nanos) / growth)
    this.counts.set(bucket, (this.counts.get(bucket) ?? 0) + 1)
    this.count++
    if (nanos > this.max) this.max = nanos
    if (nanos < this.smallest) this.smallest = nanos
  }

  /** Returns the duration that this share of all does not exceed, within 1 %. Returns 0 for no durations. */
  percentile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.count))
    let seen = 0
    for (const [bucket, count] of [...this.counts].toSorted(([a], [b]) => a - b)) {
      seen += count
      if (seen < rank) continue
      const middle = bucket < 0 ? 0 : Math.round(Math.exp(bucket * growth))
      return Math.min(this.max, Math.max(this.smallest, middle))
    }
    return 0
  }
}
