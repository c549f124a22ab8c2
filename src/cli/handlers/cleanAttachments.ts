/** `effect-codex attachments`: lists staged files, and removes the files of processes that have ended. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as StagingDirectory from "../../attachment/StagingDirectory.ts"
import * as ProcessIdentity from "../../internal/ProcessIdentity.ts"
import * as PrivateDirectory from "../../internal/PrivateDirectory.ts"
import { jsonLine, printableLine } from "../../internal/VisibleText.ts"
import type { CleanInput, StagingInput } from "../commands/attachmentsCommand.ts"
import { ExitWith } from "../CommandEnd.ts"
import { code } from "../ExitCode.ts"
import * as Output from "../Output.ts"

/** Formats a size: `412 B`, `3.1 kB`, `20.5 MB`. */
const size = (bytes: number): string => {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}

const count = (files: number): string => (files === 1 ? "1 file" : `${files} files`)

const describe = ({ bytes, files, path, pid, state }: StagingDirectory.Folder): string => {
  const owner = pid === undefined ? "" : ` pid ${pid}`
  return `${state}${owner}: ${count(files)}, ${size(bytes)} in ${printableLine(path, 400)}`
}

const printJson = (value: object) => Console.log(jsonLine(value))

const failed = (text: string) =>
  Effect.andThen(Console.error(printableLine(text, 600)), new ExitWith({ code: code.failed }))

const readStaging = Effect.fnUntraced(
  function* (directory: Option.Option<string>) {
    const fs = yield* FileSystem.FileSystem
    const root = yield* StagingDirectory.root(fs, Option.getOrUndefined(directory))
    const folders =
      root === undefined ? [] : yield* StagingDirectory.list(fs, root, yield* ProcessIdentity.self)
    return { root: root ?? null, folders }
  },
  Effect.catch((error) => failed(`cannot list the staged files: ${PrivateDirectory.detail(error)}`))
)

export const list = Effect.fnUntraced(function* ({ directory, json }: StagingInput) {
  const found = yield* readStaging(directory)
  if (json) return yield* printJson(found)
  if (found.folders.length === 0) return yield* Console.error("No files are staged.")
  yield* Output.printLines(found.folders.map(describe))
})

export const clean = Effect.fnUntraced(function* ({ all, directory, dryRun, json }: CleanInput) {
  const fs = yield* FileSystem.FileSystem
  const { folders, root } = yield* readStaging(directory)
  const selected = folders.filter(({ state }) => state === "gone" || (all && state !== "live"))
  const removed = dryRun
    ? {
        files: selected.reduce((sum, folder) => sum + folder.files, 0),
        bytes: selected.reduce((sum, folder) => sum + folder.bytes, 0),
        failed: []
      }
    : yield* StagingDirectory.removeFolders(
        fs,
        selected.map(({ path }) => path)
      )
  if (json) yield* printJson({ root, dryRun, folders: selected, ...removed })
  else {
    yield* Output.printLines(selected.map(describe))
    yield* Console.error(
      `${dryRun ? "would remove" : "removed"} ${count(removed.files)}, ${size(removed.bytes)}`
    )
    for (const { detail } of removed.failed)
      yield* Console.error(`not removed: ${printableLine(detail, 600)}`)
  }
  if (removed.failed.length > 0) return yield* new ExitWith({ code: code.failed })
})
