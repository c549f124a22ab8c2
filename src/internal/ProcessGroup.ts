/** What a command started and what left its process group since, found by a mark in its environment. */
import * as Effect from "effect/Effect"
import { readdir, readFile } from "node:fs/promises"

/** The variable that carries the mark; whatever a marked process starts inherits it. */
export const variable = "EFFECT_CODEX_TOOL_COMMAND"

const rounds = 10

const isMarked = async (pid: string, entry: string): Promise<boolean> => {
  try {
    return (await readFile(`/proc/${pid}/environ`, "latin1")).split("\0").includes(entry)
  } catch {
    // Gone, or somebody else's.
    return false
  }
}

const marked = async (mark: string): Promise<ReadonlyArray<number>> => {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name))
  const entry = `${variable}=${mark}`
  const found = await Promise.all(pids.map((pid) => isMarked(pid, entry)))
  return pids.filter((_, index) => found[index]).map(Number)
}

const kill = (pid: number) => {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It went by itself.
  }
}

/** Kills every process that carries the mark. Linux only: elsewhere nobody may look into another's environment. */
export const killMarked = (mark: string): Effect.Effect<void> =>
  process.platform === "linux"
    ? Effect.ignore(
        Effect.tryPromise(async () => {
          // One that is just being forked is found the next time round.
          for (let round = 0; round < rounds; round++) {
            const pids = await marked(mark)
            if (pids.length === 0) return
            for (const pid of pids) kill(pid)
          }
        })
      )
    : Effect.void
