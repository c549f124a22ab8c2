/** The time of a turn: the clock on the wall may be set meanwhile, and the turn lasts no longer and no shorter for it. */
import type * as Clock from "effect/Clock"

export interface MonotonicClock {
  /** Nanoseconds since the epoch as they were at the beginning, and from then on by the monotonic clock. */
  readonly currentTimeNanosUnsafe: () => bigint
  /** What a time on the wall, in milliseconds, is here; the past reaches back a few seconds at most. */
  readonly fromWallClock: (at: number) => number
}

/** Below it the wall clock is only made to go faster or slower, which Effect's clock levels out itself. */
const minJump = 1000
/** How old an event may be when it is told. */
const maxAge = 5000

export const make = (clock: Clock.Clock): MonotonicClock => {
  const ahead = clock.currentTimeNanosUnsafe() - clock.monotonicTimeNanosUnsafe()
  const nanos = () => clock.monotonicTimeNanosUnsafe() + ahead
  return {
    currentTimeNanosUnsafe: nanos,
    fromWallClock: (at) => {
      const now = Number(nanos()) / 1e6
      const set = Number(clock.currentTimeNanosUnsafe()) / 1e6 - now
      if (Math.abs(set) < minJump) return at
      const moved = at - set
      return Math.abs(now - moved) > maxAge ? now : moved
    }
  }
}
