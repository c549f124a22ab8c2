/** Names as they may be seen, each its own: two that are masked must not fall into one. */
export class UniqueNames {
  private readonly taken = new Map<string, string>()
  private readonly counts = new Map<string, number>()

  /** `seen`, with a number after it if it stands for another name already. */
  of(name: string, seen: string): string {
    let free = seen
    if (this.isTaken(free, name)) {
      // Where the last search ended: with thousands of the same each would take longer than the one before.
      let count = this.counts.get(seen) ?? 2
      do free = `${seen} ${count++}`
      while (this.isTaken(free, name))
      this.counts.set(seen, count)
    }
    this.taken.set(free, name)
    return free
  }

  private isTaken(seen: string, name: string): boolean {
    const by = this.taken.get(seen)
    return by !== undefined && by !== name
  }
}
