import { assert, describe, it } from "@effect/vitest"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as MonotonicClock from "../../src/turn/MonotonicClock.ts"

/** The clock of a turn, over a wall clock and a monotonic clock in milliseconds that the test sets. */
const make = (wall: number) => {
  const now = { wall, monotonic: 0 }
  const nanos = (milliseconds: number) => BigInt(milliseconds) * 1_000_000n
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => now.wall,
    currentTimeMillis: Effect.sync(() => now.wall),
    currentTimeNanosUnsafe: () => nanos(now.wall),
    currentTimeNanos: Effect.sync(() => nanos(now.wall)),
    monotonicTimeNanosUnsafe: () => nanos(now.monotonic),
    monotonicTimeNanos: Effect.sync(() => nanos(now.monotonic)),
    sleep: () => Effect.void
  }
  return { now, clock: MonotonicClock.make(clock) }
}

describe("the clock of a turn", () => {
  it("keeps a time of the wall clock until that clock is set, however old the time is", () => {
    const { clock, now } = make(100_000)
    now.wall += 2000
    now.monotonic += 2000
    for (const at of [102_000, 101_990, 1000]) assert.strictEqual(clock.fromWallClock(at), at)
    now.wall += 999
    assert.strictEqual(clock.fromWallClock(102_999), 102_999)
  })

  it("moves a time by as much as somebody sets the wall clock", () => {
    const { clock, now } = make(100_000)
    now.monotonic += 2000
    now.wall += 2000 + 3_600_000
    assert.strictEqual(clock.fromWallClock(now.wall - 10), 101_990)
    assert.strictEqual(clock.currentTimeNanosUnsafe(), 102_000_000_000n)
  })

  it("takes an event from before somebody set the wall clock for one of now", () => {
    const { clock, now } = make(100_000)
    now.monotonic += 2000
    now.wall += 2000 + 3_600_000
    assert.strictEqual(clock.fromWallClock(101_000), 102_000)
  })
})
