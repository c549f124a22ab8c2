/**
 * The directories in which this process keeps files, such as the spool of telemetry. An agent that could write there would
 * read, forge or delete what the process keeps, so a turn does not start while its sandbox may write one of them, and no
 * approval makes one of them writable.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Nodepath from "node:path"
import * as RealPath from "./RealPath.ts"

export interface HostDirectory {
  readonly path: string
  /** What is in the directory, for an error: "the spool of telemetry". */
  readonly content: string
  /** How to choose another directory, for an error. */
  readonly setting: string
  /** Whether the process uses everything below the directory, and not only files directly in it. */
  readonly isTree: boolean
  /** Whether a turn may start although its sandbox can write the directory: something else protects the files then. */
  readonly allowsTurns?: boolean | undefined
}

export interface HostDirectories {
  /** Registers a directory until the scope closes. */
  readonly add: (directory: HostDirectory) => Effect.Effect<void, never, Scope.Scope>
  /** Returns the registered directories. */
  readonly list: () => ReadonlyArray<HostDirectory>
}

export const make = (): HostDirectories => {
  const all = new Set<HostDirectory>()
  return {
    add: (directory) => {
      const own = { ...directory }
      return Effect.acquireRelease(
        Effect.sync(() => void all.add(own)),
        () => Effect.sync(() => void all.delete(own))
      )
    },
    list: () => [...all]
  }
}

/**
 * The directories of this process. They are shared by all layers, because a turn of one layer can write the files of
 * another one.
 */
export const Current = Context.Reference<HostDirectories>("effect-codex/internal/HostDirectories", {
  defaultValue: make
})

/** Returns a directory that the agent can write, and the writable root. Takes the real paths of the roots. */
export const findWritable = (
  directories: ReadonlyArray<HostDirectory>,
  roots: ReadonlyArray<string>
): { readonly directory: HostDirectory; readonly root: string } | undefined => {
  for (const directory of directories) {
    if (directory.allowsTurns === true) continue
    const { real } = RealPath.directory(directory.path)
    const root = roots.find(
      (root) => RealPath.isAgentWritable(real, [root]) || (directory.isTree && RealPath.isWithin(root, real))
    )
    if (root !== undefined) return { directory, root }
  }
  return undefined
}

/**
 * Returns a function that finds the directory which the agent could write if it were granted a path. Takes the real path. A
 * granted path can be a file, and Codex protects nothing below a granted directory. Resolves the directories once, because
 * the agent chooses how many paths it requests.
 */
export const grantCheck = (directories: ReadonlyArray<HostDirectory>) => {
  const all = directories.map((directory) => ({
    directory,
    real: RealPath.directory(directory.path).real
  }))
  return (path: string): HostDirectory | undefined =>
    all.find(
      ({ directory, real }) =>
        RealPath.isWithin(real, path) ||
        (directory.isTree ? RealPath.isWithin(path, real) : Nodepath.dirname(path) === real)
    )?.directory
}
