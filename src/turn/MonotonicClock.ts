/** The clock of a turn: changes of the system clock during the turn do not change its durations. */
import type * as Clock from "effect/Clock"

export interface MonotonicClock {
  /** Returns nanoseconds since the epoch: the system time at the start of the turn, advanced by the monotonic clock. */
  readonly currentTimeNanosUnsafe: () => bigint
  /** Converts a system time, in milliseconds since the epoch, to this clock. Times that are too old become the current time. */
  readonly fromWallClock: (at: number) => number
}

/** The minimum difference, in milliseconds, that counts as a change of the system clock. Effect's clock smooths smaller ones. */
const minJump = 1000
/** The maximum age of an event, in milliseconds. */
const maxAge = 5000

export const make = (clock: Clock.Clock): MonotonicClock => {
  const offset = clock.currentTimeNanosUnsafe() - clock.monotonicTimeNanosUnsafe()
  const nanos = () => clock.monotonicTimeNanosUnsafe() + offset
  return {
    currentTimeNanosUnsafe: nanos,
    fromWallClock: (at) => {
      const now = Number(nanos()) / 1e6
      const jump = Number(clock.currentTimeNanosUnsafe()) / 1e6 - now
      if (Math.abs(jump) < minJump) return at
      const corrected = at - jump
      return Math.abs(now - corrected) > maxAge ? now : corrected
    }
  }
}
