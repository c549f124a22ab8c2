/** Looks at processes of the machine. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { readFileSync, readdirSync } from "node:fs"

/** Whether a process is running. A zombie is not, even if its parent has not reaped it yet. */
export const isAlive = (pid: number): boolean => {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"))
  } catch {
    return false
  }
}

/** Returns the ids of the other processes whose command line contains a text. */
export const running = (text: string): ReadonlyArray<string> =>
  readdirSync("/proc").filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) &&
        Number(pid) !== process.pid &&
        readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").includes(text)
      )
    } catch {
      return false
    }
  })

/** Waits for the end of a process for a limited time. Returns whether the process ended. */
export const hasEnded = (pid: number) =>
  Effect.sync(() => !isAlive(pid)).pipe(
    Effect.repeat({ until: (ended) => ended, schedule: Schedule.spaced("10 millis"), times: 6000 })
  )
