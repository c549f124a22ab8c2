/**
 * Finds and ends all processes that a command started, directly or indirectly: by process group, by session, and by a
 * mark in their environment. Linux only, because other systems do not show the environment of another process.
 */
import * as Effect from "effect/Effect"
import { readdir, readFile } from "node:fs/promises"
import { setTimeout } from "node:timers/promises"

/** The environment variable with the mark. Processes that a marked process starts inherit it. */
export const variable = "EFFECT_CODEX_TOOL_COMMAND"

export const isSupported = process.platform === "linux"

/** How often to check for remaining processes, in milliseconds. */
const interval = 10
/** How long to send SIGKILL to remaining processes, in milliseconds. */
const killTimeout = 1000

export interface Command {
  /** The command itself, the leader of its group and session. */
  readonly pid: number
  readonly mark: string
  /** Whether the command has exited. Its pid may then belong to another process. */
  readonly hasExited: () => boolean
}

export interface Found {
  readonly pid: number
  readonly inGroup: boolean
  readonly marked: boolean
}

const readProcess = async (name: string, command: Command): Promise<Found | undefined> => {
  try {
    const stat = await readFile(`/proc/${name}/stat`, "latin1")
    // The fields after the name in parentheses: state, parent, group, session.
    const [state = "", , group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    // A zombie has exited; its parent has not read its exit status yet.
    if ("ZX".includes(state)) return undefined
    const inGroup = Number(group) === command.pid || Number(session) === command.pid
    const environ = await readFile(`/proc/${name}/environ`, "latin1").catch(() => "")
    const marked = environ.split("\0").includes(`${variable}=${command.mark}`)
    return inGroup || marked ? { pid: Number(name), inGroup, marked } : undefined
  } catch {
    // The process has exited in the meantime.
    return undefined
  }
}

const findProcesses = async (command: Command): Promise<ReadonlyArray<number>> => {
  const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name))
  const all = await Promise.all(names.map((name) => readProcess(name, command)))
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
      // The process has already exited.
    }
  }
}

/**
 * Sends SIGTERM to all processes, and SIGKILL to the processes that remain after `killAfter` milliseconds. Returns when
 * no process remains, at most a second after SIGKILL.
 */
export const end = (command: Command, killAfter: number): Effect.Effect<void> =>
  Effect.ignore(
    Effect.tryPromise(async () => {
      let left = await findProcesses(command)
      signal(left, "SIGTERM")
      for (const until = performance.now() + killAfter; left.length > 0 && performance.now() < until;) {
        await setTimeout(interval)
        left = await findProcesses(command)
      }
      // The next iteration finds processes that are being forked now.
      for (const until = performance.now() + killTimeout; left.length > 0 && performance.now() < until;) {
        signal(left, "SIGKILL")
        await setTimeout(interval)
        left = await findProcesses(command)
      }
    })
  )
