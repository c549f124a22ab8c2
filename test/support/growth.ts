/** Checks how the cost of an operation grows, by CPU time: wall-clock time depends on what else the machine does. */
import { assert } from "@effect/vitest"

/** Returns the CPU time that a function takes in this process, in milliseconds. */
export const cpuMillis = (run: () => void): number => {
  const before = process.cpuUsage()
  run()
  const { system, user } = process.cpuUsage(before)
  return (system + user) / 1000
}

const fastest = (times: number, run: () => void): number =>
  Math.min(...Array.from({ length: times }, () => cpuMillis(run)))

/**
 * Asserts that an operation takes linear time: eight times the input may cost 24 times as much, while quadratic time
 * costs 64 times as much. Shorter times than 2 ms count as 2 ms, because the timer and the compiler disturb them.
 */
export const assertLinear = (size: number, run: (size: number) => void): void => {
  const small = Math.floor(size / 8)
  run(small)
  const base = Math.max(
    2,
    fastest(3, () => run(small))
  )
  const limit = base * 24
  const first = cpuMillis(() => run(size))
  // A second run only counts if something else has slowed the first one down.
  assert.isBelow(first < limit ? first : cpuMillis(() => run(size)), limit)
}
