/** Times between pieces of output, the last first: an array would be copied with every piece. */
export interface Gaps {
  readonly gap: number
  readonly before: Gaps | undefined
  readonly count: number
}

/** A request that streams without end must not fill the memory: beyond this many its gaps are not told. */
export const maxGaps = 10_000

export const add = (before: Gaps | undefined, gap: number): Gaps | undefined => {
  const count = (before?.count ?? 0) + 1
  return count > maxGaps ? before : { gap, before, count }
}

/** The first first. */
export const toArray = (gaps: Gaps | undefined): ReadonlyArray<number> => {
  const all: Array<number> = []
  for (let one = gaps; one !== undefined; one = one.before) all.push(one.gap)
  return all.toReversed()
}
