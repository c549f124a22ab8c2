/** Observes a running example from outside: its processes and what it prints. */
import { Effect, Schedule, Stream } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import { readdirSync, readFileSync } from "node:fs"

/** The processes whose command line or environment contains a text. */
export const processesWith = (text: string): ReadonlyArray<string> =>
  readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false
    try {
      const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, "latin1").replaceAll("\0", " ")
      return read("cmdline").includes(text) || read("environ").includes(text)
    } catch {
      return false
    }
  })

/**
 * Whether a command runs by itself. Before that, its text is in the arguments of the sandbox that starts it: a sandbox that is
 * killed while it starts can leave its command running (bubblewrap).
 */
export const isRunning = (command: string): boolean =>
  readdirSync("/proc").some((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim() === command
    } catch {
      return false
    }
  })

/** Checks of the example with this name. */
export const checker = (example: string) => {
  const check = (name: string, holds: boolean) => (holds ? Effect.void : Effect.fail(`${example}: ${name}`))
  /** Waits for a state of the example or of its processes. */
  const until = (name: string, condition: () => boolean) =>
    Effect.sync(condition).pipe(
      Effect.repeat({ until: (holds) => holds, schedule: Schedule.spaced("20 millis"), times: 6000 }),
      Effect.flatMap((holds) => check(name, holds))
    )
  return { check, until }
}

/** Returns a function that returns what the example has printed until then. */
export const outputOf = Effect.fnUntraced(function* (handle: ChildProcessSpawner.ChildProcessHandle) {
  let output = ""
  yield* handle.all.pipe(
    Stream.decodeText(),
    Stream.runForEach((part) => Effect.sync(() => (output += part))),
    Effect.forkScoped
  )
  return () => output
})
