/** The memory and the CPU time of a process and all its descendants. */
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

/** The length of a clock tick of `/proc` on Linux, in milliseconds. */
const tickMillis = 10

/**
 * Returns the CPU time of all descendants of a process since they started, in milliseconds, in steps of 10 ms. It includes
 * descendants that have ended and for which their parent has waited.
 */
export const descendantsCpu = (root: number): number =>
  tree(root).reduce((sum, pid) => {
    // The name of the program, in parentheses, may contain spaces. utime is the 12th field after it.
    const fields = read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ").map(Number) ?? []
    const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15)
    const own = pid === root ? 0 : user + system
    return sum + (own + endedUser + endedSystem) * tickMillis
  }, 0)
