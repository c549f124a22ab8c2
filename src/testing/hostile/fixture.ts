/** A workspace that an agent has prepared: links in every directory, a repository of its own, and a place outside. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as ThreadAccess from "../../domain/ThreadAccess.ts"
import type { Sandbox } from "../../domain/TurnOptions.ts"
import * as Corpus from "./corpus.ts"

export interface Fixture {
  /** The directory of the thread. */
  readonly cwd: string
  /** A directory with secrets, which no sandbox can write. */
  readonly outside: string
  /** A git repository below `cwd` that the agent made. */
  readonly repository: string
  readonly access: ThreadAccess.ThreadAccess
}

/** Makes a fixture in a temporary directory, which is removed with the scope. */
export const make = Effect.fnUntraced(function* (sandbox: Sandbox) {
  const fs = yield* FileSystem.FileSystem
  const root = yield* Effect.flatMap(fs.makeTempDirectoryScoped({ prefix: "hostile-" }), fs.realPath)
  const cwd = `${root}/workspace`
  const outside = `${root}/outside`
  const repository = `${cwd}/repository`
  for (const path of [`${outside}/.ssh`, `${repository}/.git`, `${cwd}/.git/hooks`])
    yield* fs.makeDirectory(path, { recursive: true })
  yield* fs.writeFileString(`${repository}/.git/config`, "[core]\n\tfsmonitor = ./owned\n")
  yield* fs.symlink(repository, `${cwd}/linked-directory`)
  for (const name of Corpus.directories) {
    yield* fs.makeDirectory(`${cwd}/${name}`, { recursive: true })
    yield* fs.symlink(outside, `${cwd}/${name}/link`)
    yield* fs.symlink(`${outside}/owned`, `${cwd}/${name}/dangling`)
  }
  // The fixture itself is in the temporary directory, so that directory must not count as writable.
  const access = ThreadAccess.make(cwd, sandbox, { excludeSlashTmp: true, excludeTmpdir: true })
  return { root, fixture: { cwd, outside, repository, access } satisfies Fixture }
})
