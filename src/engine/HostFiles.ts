/** Protects the directories in which this process keeps files from what Codex runs. */
import * as Effect from "effect/Effect"
import * as CodexError from "../domain/CodexError.ts"
import * as HostDirectories from "../internal/HostDirectories.ts"

/** Fails if one of these writable directories contains files of this process, or is among them. */
export const protect = (
  method: string,
  writableRoots: () => ReadonlyArray<string>
): Effect.Effect<void, CodexError.InvalidRequest> =>
  Effect.flatMap(HostDirectories.Current, ({ list }) => {
    const directories = list()
    if (directories.length === 0) return Effect.void
    const found = HostDirectories.findWritable(directories, writableRoots())
    if (found === undefined) return Effect.void
    const { content, path, setting } = found.directory
    const detail =
      `the sandbox may write "${found.root}", and ${content} of this process is in "${path}": ` +
      `the agent could read and change it; choose another directory (${setting}), or another cwd or sandbox`
    return Effect.fail(new CodexError.InvalidRequest({ reason: "AgentWritable", method, detail }))
  })
