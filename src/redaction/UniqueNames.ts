/** Keeps names distinct after masking: two masked names must not become one property. */
export class UniqueNames {
  private readonly taken = new Map<string, string>()
  private readonly counts = new Map<string, number>()

  /** Returns the masked name, with a number after it if another name has the same mask. */
  of(name: string, masked: string): string {
    let unique = masked
    if (this.isTaken(unique, name)) {
      // Continues where the last search ended: with thousands of equal names, a search from 2 would be quadratic.
      let count = this.counts.get(masked) ?? 2
      do unique = `${masked} ${count++}`
      while (this.isTaken(unique, name))
      this.counts.set(masked, count)
    }
    this.taken.set(unique, name)
    return unique
  }

  private isTaken(masked: string, name: string): boolean {
    const owner = this.taken.get(masked)
    return owner !== undefined && owner !== name
  }
}
