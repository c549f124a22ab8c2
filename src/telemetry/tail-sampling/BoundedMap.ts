/**
 * A map of bounded size that keeps the recently used entries. It has two generations, because a `Map` that deletes its
 * oldest entry again and again becomes slow: iteration visits the deleted entries too.
 */
export class BoundedMap<K, V> {
  private young = new Map<K, V>()
  private old: ReadonlyMap<K, V> = new Map()
  private readonly half: number

  /** Keeps at least the `capacity / 2` most recently used entries, and at most `capacity`. */
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
