/** The memory of a process and all its descendants. */
import { readFileSync, readdirSync } from "node:fs"

/** Reads a file of `/proc`; the process may have ended. */
const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** Returns the ids of a process and all its descendants. */
export const tree = (root: number): ReadonlyArray<number> => {
  const children = new Map<number, Array<number>>()
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue
    // The name of the program, in parentheses, may contain spaces.
    const parent = Number(/\) \S (\d+)/.exec(read(`/proc/${name}/stat`))?.[1])
    const siblings = children.get(parent)
    if (siblings === undefined) children.set(parent, [Number(name)])
    else siblings.push(Number(name))
  }
  const found = [root]
  for (const pid of found) found.push(...(children.get(pid) ?? []))
  return found
}

/**
 * Returns the proportional set size of processes in bytes: their own memory, and their share of what several processes map,
 * such as the code of Codex. The sum over a tree counts each page once.
 */
export const proportional = (pids: ReadonlyArray<number>): number =>
  pids.reduce(
    (sum, pid) => sum + Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024,
    0
  )
