/** The times between chunks of output, as a linked list with the newest first. An array would be copied for every chunk. */
export interface Gaps {
  readonly gap: number
  readonly before: Gaps | undefined
  readonly count: number
}

/** The maximum number of gaps per request, so that an endless stream does not fill the memory. Further gaps are dropped. */
export const maxGaps = 10_000

export const add = (before: Gaps | undefined, gap: number): Gaps | undefined => {
  const count = (before?.count ?? 0) + 1
  return count > maxGaps ? before : { gap, before, count }
}

/** Returns the gaps, oldest first. */
export const toArray = (gaps: Gaps | undefined): ReadonlyArray<number> => {
  const all: Array<number> = []
  for (let current = gaps; current !== undefined; current = current.before) all.push(current.gap)
  return all.toReversed()
}
