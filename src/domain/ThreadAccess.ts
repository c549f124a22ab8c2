/** What the agent of a thread can do without approval: where its commands run and where they can write. */
import { tmpdir } from "node:os"
import * as Nodepath from "node:path"
import * as RealPath from "../internal/RealPath.ts"
import type { SettingsOptions } from "./SettingsOptions.ts"
import type { Sandbox } from "./ThreadSettings.ts"

/** The working directory of a thread, its sandbox, and the real paths of the directories that the sandbox can write. */
export interface ThreadAccess {
  readonly cwd: RealPath.Directory
  /** `undefined` if the engine does not report the sandbox. */
  readonly sandbox: Sandbox | undefined
  readonly writableRoots: ReadonlyArray<string>
  /** Whether commands can use the network without approval. True if the sandbox is unknown. */
  readonly network: boolean
  /** The `TMPDIR` of the agent's commands. */
  readonly tmpdir?: string | undefined
}

/** The configuration of a sandbox. */
export interface WorkspaceWrite {
  /** Directories in addition to the working directory. */
  readonly writableRoots?: ReadonlyArray<string> | undefined
  /** Whether sandboxed commands can use the network. Also for `read-only`. */
  readonly network?: boolean | undefined
  readonly excludeSlashTmp?: boolean | undefined
  readonly excludeTmpdir?: boolean | undefined
  /** The `TMPDIR` of the agent's commands. Default: that of this process. */
  readonly tmpdir?: string | undefined
  /** Resolves a directory. Default: where it leads now. */
  readonly directory?: ((path: string) => RealPath.Directory) | undefined
}

const everything = [Nodepath.parse(process.cwd()).root]

/**
 * Computes the access of a thread as Codex's sandbox grants it: `workspace-write` includes the working directory, `/tmp`,
 * `TMPDIR` and the configured directories. An unknown sandbox counts as none, because nothing is known to be protected.
 */
export const make = (
  cwd: string,
  sandbox: Sandbox | undefined,
  options: WorkspaceWrite = {}
): ThreadAccess => {
  const resolve = options.directory ?? RealPath.directory
  const directory = resolve(cwd)
  const { network = false, tmpdir: temporary = tmpdir() } = options
  switch (sandbox) {
    case "read-only":
      return { cwd: directory, sandbox, writableRoots: [], network, tmpdir: temporary }
    case "workspace-write": {
      const roots = [
        directory.given,
        ...(options.writableRoots ?? []),
        ...(options.excludeSlashTmp === true ? [] : ["/tmp"]),
        ...(options.excludeTmpdir === true ? [] : [temporary])
      ]
      const real = roots.map((root) => resolve(Nodepath.resolve(directory.given, root)).real)
      return { cwd: directory, sandbox, writableRoots: [...new Set(real)], network, tmpdir: temporary }
    }
    case "danger-full-access":
    case undefined:
      return { cwd: directory, sandbox, writableRoots: everything, network: true, tmpdir: temporary }
  }
}

/**
 * Returns the directories that the sandbox of a turn lets the agent write: the access of the thread before the turn, and
 * what the turn changes. Without a sandbox nothing is protected from the agent, so no directory is better than another, and
 * the result is empty.
 */
export const writableRootsOfTurn = (
  access: ThreadAccess | undefined,
  options: Pick<
    SettingsOptions,
    "additionalDirectories" | "cwd" | "permissionProfile" | "sandbox" | "writableRoots"
  >
): ReadonlyArray<string> => {
  if (options.permissionProfile !== undefined) return []
  if (access === undefined || (options.sandbox ?? access.sandbox) !== "workspace-write") return []
  const own = access.sandbox === "workspace-write" ? access.writableRoots : []
  const cwd = options.cwd ?? access.cwd.given
  const { additionalDirectories = [], writableRoots = [] } = options
  // Relative to this process, as `cwd` is.
  const more = [...writableRoots, ...additionalDirectories].map((root) => Nodepath.resolve(root))
  return options.sandbox === undefined
    ? [...own, ...[cwd, ...more].map((root) => RealPath.directory(root).real)]
    : [...own, ...make(cwd, "workspace-write", { writableRoots: more }).writableRoots]
}
