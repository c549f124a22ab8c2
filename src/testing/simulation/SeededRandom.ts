/**
 * Pseudo-random numbers that depend only on the seed, not on time or the machine.
 * @since 0.1.0
 * @category models
 */
export interface Random {
  /** Returns an integer from 0 up to, but not including, `n`. */
  readonly below: (n: number) => number
  /** Returns `true` with a probability of `percent` in 100. */
  readonly chance: (percent: number) => boolean
  readonly oneOf: <A>(items: readonly [A, ...ReadonlyArray<A>]) => A
}

/** Hashes a text: FNV-1a, 32 bits. */
export const hash = (text: string, from = 0x811c9dc5): number => {
  let value = from
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  }
  return value >>> 0
}

/** Creates an independent sequence for `name`, so that concurrent draws of other sequences do not change it. */
export const make = (seed: number, name: string): Random => {
  // mulberry32
  let state = hash(`${seed} ${name}`)
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number) => Math.floor(next() * n)
  return {
    below,
    chance: (percent) => below(100) < percent,
    oneOf: (items) => items[below(items.length)] ?? items[0]
  }
}
