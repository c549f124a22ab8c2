/** How long a supervisor waits before it starts Codex again. */

const firstMillis = 250
const maxMillis = 30_000

/** A Codex that ran for so long was healthy: its end counts as the first failure. */
export const stableMillis = 60_000

/** Returns the delay after that many failures in a row: 250 ms, twice as long each time, 30 s at most. */
export const millis = (failures: number): number =>
  Math.min(maxMillis, firstMillis * 2 ** Math.min(Math.max(failures - 1, 0), 16))
