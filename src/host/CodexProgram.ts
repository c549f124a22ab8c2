/** The program file of Codex: whether it has changed, and its version. */
import { execFile } from "node:child_process"
import { realpathSync, statSync } from "node:fs"
import * as Effect from "effect/Effect"
import type { CodexBinary } from "../engine/app-server/CodexBinary.ts"

/** Returns a text that changes with the program file. */
export const fingerprint = ({ args, command }: CodexBinary): string => {
  try {
    const path = realpathSync(args[0] ?? command)
    const { ino, mtimeMs, size } = statSync(path)
    return [path, ino, size, mtimeMs].join(":")
  } catch {
    return command
  }
}

/** Returns the version that `codex --version` prints; `undefined` if it prints none. */
export const version = ({ args, command }: CodexBinary): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    const child = execFile(command, [...args, "--version"], { timeout: 10_000 }, (_, stdout) =>
      resume(Effect.succeed(/\d+\.\d+\.\d+\S*/.exec(stdout)?.[0]))
    )
    return Effect.sync(() => void child.kill())
  })
