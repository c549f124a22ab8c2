/** Files that decide what the agent may do: rules and prices. The agent must not be able to write them. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import * as Nodepath from "node:path"
import { parse as parseToml } from "smol-toml"
import * as ThreadAccess from "../domain/ThreadAccess.ts"
import type { Sandbox } from "../domain/TurnOptions.ts"
import * as RealPath from "../internal/RealPath.ts"
import { readDescriptor } from "../internal/SafeFile.ts"
import { UsageError } from "./CommandEnd.ts"

/** What the command line says about the thread that the file is for. */
export interface FileTarget {
  readonly cwd?: string | undefined
  /** A resumed thread may have a sandbox that the command line does not name. */
  readonly sandbox?: Sandbox | undefined
  readonly additionalDirectories?: ReadonlyArray<string> | undefined
  /** The `-c` overrides. */
  readonly overrides?: ReadonlyArray<string> | undefined
}

const maxBytes = 1024 * 1024

const decodeRoots = Schema.decodeUnknownOption(
  Schema.Struct({
    sandbox_workspace_write: Schema.Struct({ writable_roots: Schema.Array(Schema.String) })
  })
)

/** The writable directories that an override configures. Other settings of Codex count when the thread is open. */
const configuredRoots = (override: string): ReadonlyArray<string> => {
  try {
    const found = decodeRoots(parseToml(override))
    return found._tag === "Some" ? found.value.sandbox_workspace_write.writable_roots : []
  } catch {
    return []
  }
}

/**
 * Returns the directories that the agent can write, as far as the command line says. Other settings of Codex are known when
 * the thread is open.
 */
export const writableRoots = (target: FileTarget): ReadonlyArray<string> => {
  const { additionalDirectories = [], cwd = process.cwd(), overrides = [] } = target
  return ThreadAccess.make(cwd, target.sandbox ?? "workspace-write", {
    writableRoots: [
      ...overrides.flatMap(configuredRoots),
      ...additionalDirectories.map((directory) => Nodepath.resolve(directory))
    ]
  }).writableRoots
}

/** Returns why the agent can change what the file contains, or `undefined`. */
export const exposure = (file: string, roots: ReadonlyArray<string>): string | undefined => {
  const trail = RealPath.trail(file)
  if (trail === undefined) return "its path cannot be resolved"
  const root = roots.find((root) => trail.some((path) => RealPath.isAgentWritable(path, [root])))
  if (root === undefined) return undefined
  if (root === "/") return "the sandbox lets the agent write every file"
  return trail.length === 1
    ? `the agent can write "${root}", where the file lies`
    : `the agent can write "${root}", where the file or a link to it lies`
}

/** Reads a small regular file, or fails with the text `unreadable`. Does not wait for a FIFO. */
export const readText = (file: string, unreadable: string): Effect.Effect<string, UsageError> =>
  Effect.try({
    try: () => {
      const descriptor = Fs.openSync(file, Fs.constants.O_RDONLY | (Fs.constants.O_NONBLOCK ?? 0))
      try {
        const stats = Fs.fstatSync(descriptor)
        if (!stats.isFile() || stats.size > maxBytes) throw new Error(unreadable)
        return readDescriptor(descriptor, stats.size).toString("utf8")
      } finally {
        Fs.closeSync(descriptor)
      }
    },
    catch: () => new UsageError({ text: unreadable })
  })
