/** Whether a process is running. A zombie is not, even if its parent has not reaped it yet. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { readFileSync } from "node:fs"

export const isAlive = (pid: number): boolean => {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"))
  } catch {
    return false
  }
}

/** Waits for the end of a process for a limited time. Returns whether the process ended. */
export const hasEnded = (pid: number) =>
  Effect.sync(() => !isAlive(pid)).pipe(
    Effect.repeat({ until: (ended) => ended, schedule: Schedule.spaced("10 millis"), times: 6000 })
  )
