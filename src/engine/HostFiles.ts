/** Protects the directories in which this process keeps files from what Codex runs. */
import * as Effect from "effect/Effect"
import * as CodexError from "../domain/CodexError.ts"
import * as HostDirectories from "../internal/HostDirectories.ts"

/** What the agent can write: the directories of its sandbox, and the paths that approvals granted. All are real paths. */
export interface Writable {
  readonly sandbox: ReadonlyArray<string>
  readonly granted?: ReadonlyArray<string> | undefined
}

const refuse = (
  method: string,
  { directory, root }: { readonly directory: HostDirectories.HostDirectory; readonly root: string },
  cause: string,
  remedy: string
): Effect.Effect<void, CodexError.InvalidRequest> => {
  const { content, path, setting } = directory
  const detail =
    `${cause} "${root}", and ${content} of this process is in "${path}": ` +
    `the agent could read and change it; choose another directory (${setting}), ${remedy}`
  return Effect.fail(new CodexError.InvalidRequest({ reason: "AgentWritable", method, detail }))
}

/** Fails if the agent can write a directory with files of this process, or a part of one. */
export const protect = (
  method: string,
  writable: () => Writable
): Effect.Effect<void, CodexError.InvalidRequest> =>
  Effect.flatMap(HostDirectories.Current, ({ list }) => {
    const directories = list().filter(({ allowsTurns }) => allowsTurns !== true)
    if (directories.length === 0) return Effect.void
    const { granted = [], sandbox } = writable()
    const bySandbox = HostDirectories.findWritable(directories, sandbox)
    if (bySandbox !== undefined)
      return refuse(method, bySandbox, "the sandbox may write", "or another cwd or sandbox")
    const directoryAt = HostDirectories.grantCheck(directories)
    for (const root of granted) {
      const directory = directoryAt(root)
      if (directory !== undefined)
        return refuse(method, { directory, root }, "an approval lets the agent write", "or another thread")
    }
    return Effect.void
  })
