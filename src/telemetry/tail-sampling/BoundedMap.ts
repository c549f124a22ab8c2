/**
 * A map of what was last used, of bounded size. In two generations: a map of which the oldest entry is taken out again
 * and again is slow, for what was taken out is still looked at.
 */
export class BoundedMap<K, V> {
  private young = new Map<K, V>()
  private old: ReadonlyMap<K, V> = new Map()
  private readonly half: number

  /** Holds at least the last half of `capacity`, and `capacity` at most. */
  constructor(capacity: number) {
    this.half = Math.max(1, Math.floor(capacity / 2))
  }

  get size(): number {
    return this.young.size + this.old.size
  }

  get(key: K): V | undefined {
    const value = this.young.get(key)
    if (value !== undefined) return value
    const found = this.old.get(key)
    if (found !== undefined) this.set(key, found)
    return found
  }

  set(key: K, value: V): void {
    this.young.set(key, value)
    if (this.young.size < this.half) return
    this.old = this.young
    this.young = new Map()
  }
}
