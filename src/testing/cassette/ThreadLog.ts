/** What the recording of a thread's handles shares: the running turn, and when things happen that no program requests. */
import type * as Goal from "../../domain/Goal.ts"
import type * as CassetteFormat from "./CassetteFormat.ts"

/** Appends an entry to a running turn, and returns a function that replaces the entry. */
export type AppendEntry = (
  line: (at: number) => CassetteFormat.Entry
) => (line: (at: number) => CassetteFormat.Entry) => void

export interface ThreadLog {
  /** Appends to the turn that runs. */
  append: AppendEntry | undefined
  /** The goal that was recorded last: each handle of the thread receives the same one. */
  goal: Goal.Goal | undefined
  /** The consumer of `terminals.watch` whose events are recorded. */
  watcher: object | undefined
  /** Counts an action, as `CassetteFormat.Due` lists them. */
  readonly act: () => void
  readonly due: () => CassetteFormat.Due
}

/** `now` returns milliseconds. Without `timed` all waits are 0. */
export const make = (now: () => number, timed: boolean): ThreadLog => {
  let actions = 0
  let changedAt = now()
  return {
    append: undefined,
    goal: undefined,
    watcher: undefined,
    act: () => {
      actions++
      changedAt = now()
    },
    due: () => ({ after: actions, wait: timed ? roundTime(now() - changedAt) : 0 })
  }
}

/** Rounds milliseconds to microseconds. */
export const roundTime = (milliseconds: number): number => Math.max(0, Math.round(milliseconds * 1000) / 1000)
