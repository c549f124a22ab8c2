/**
 * What a command started and what that started, wherever it has gone since: found by its process group, its session and
 * a mark in its environment. Linux only: elsewhere nobody may look into another's environment.
 */
import * as Effect from "effect/Effect"
import { readdir, readFile } from "node:fs/promises"
import { setTimeout } from "node:timers/promises"

/** The variable that carries the mark; whatever a marked process starts inherits it. */
export const variable = "EFFECT_CODEX_TOOL_COMMAND"

export const isSupported = process.platform === "linux"

/** How often it is looked whether a process has gone, and for how long after SIGKILL; in milliseconds. */
const interval = 10
const patience = 1000

export interface Command {
  /** The command itself, the leader of its group and session. */
  readonly pid: number
  readonly mark: string
  /** Once it has, its id may be another's. */
  readonly hasExited: () => boolean
}

export interface Found {
  readonly pid: number
  readonly inGroup: boolean
  readonly marked: boolean
}

const look = async (name: string, command: Command): Promise<Found | undefined> => {
  try {
    const stat = await readFile(`/proc/${name}/stat`, "latin1")
    // After the name in parentheses: state, parent, group, session.
    const [state = "", , group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    // A zombie is dead, though nobody has asked how it ended.
    if ("ZX".includes(state)) return undefined
    const inGroup = Number(group) === command.pid || Number(session) === command.pid
    const environ = await readFile(`/proc/${name}/environ`, "latin1").catch(() => "")
    const marked = environ.split("\0").includes(`${variable}=${command.mark}`)
    return inGroup || marked ? { pid: Number(name), inGroup, marked } : undefined
  } catch {
    // It has gone meanwhile.
    return undefined
  }
}

const alive = async (command: Command): Promise<ReadonlyArray<number>> => {
  const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name))
  const all = await Promise.all(names.map((name) => look(name, command)))
  return ownProcesses(
    command,
    all.filter((process) => process !== undefined)
  )
}

/**
 * Returns the pids of the processes that belong to the command. The system reuses an id only when no group and no
 * session has it, so an unmarked process with the id of an exited command leads a group of another program.
 *
 * @internal
 */
export const ownProcesses = (command: Command, found: ReadonlyArray<Found>): ReadonlyArray<number> => {
  const isReused = command.hasExited() && found.some(({ marked, pid }) => pid === command.pid && !marked)
  return found.filter(({ marked }) => marked || !isReused).map(({ pid }) => pid)
}

const signal = (pids: ReadonlyArray<number>, name: NodeJS.Signals) => {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // It went by itself.
    }
  }
}

/**
 * SIGTERM to all of it, SIGKILL to what is there `killAfter` milliseconds later. Ends when nothing is left, or a second
 * after that.
 */
export const end = (command: Command, killAfter: number): Effect.Effect<void> =>
  Effect.ignore(
    Effect.tryPromise(async () => {
      let left = await alive(command)
      signal(left, "SIGTERM")
      for (const until = performance.now() + killAfter; left.length > 0 && performance.now() < until;) {
        await setTimeout(interval)
        left = await alive(command)
      }
      // What is just being forked is found the next time round.
      for (const until = performance.now() + patience; left.length > 0 && performance.now() < until;) {
        signal(left, "SIGKILL")
        await setTimeout(interval)
        left = await alive(command)
      }
    })
  )
