/** The folders of staged files below a root: one for each process that stages, and what dead ones have left. */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import { basename, join } from "node:path"
import * as ProcessIdentity from "../internal/ProcessIdentity.ts"
import * as PrivateDirectory from "../internal/PrivateDirectory.ts"

/** The folder, beside those of the processes, of staged files that were found damaged. */
export const damaged = "damaged"

/** A folder of staged files. `damaged` holds copies that were found damaged and kept. */
export interface Folder {
  readonly path: string
  readonly state: ProcessIdentity.ProcessStatus | "damaged"
  /** The process whose it is. */
  readonly pid: number | undefined
  readonly files: number
  /** Of all files together. */
  readonly bytes: number
}

/** What came of removing files. Those that could not be removed are in `failed` and in no count. */
export interface CleanupResult {
  readonly files: number
  readonly bytes: number
  readonly failed: ReadonlyArray<{ readonly path: string; readonly detail: string }>
  readonly durationMs: number
}

/** The root below which files are staged; nothing where there is none yet, and a failure where it is not fit for use. */
export const root = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, given: string | undefined) {
  const outer = yield* PrivateDirectory.folders(fs, given)
  for (const folder of outer) {
    const missing = yield* PrivateDirectory.check(fs, folder).pipe(
      Effect.as(false),
      Effect.catchIf(
        (error) => error._tag === "PlatformError" && PrivateDirectory.isMissing(error),
        () => Effect.succeed(true)
      )
    )
    if (missing) return undefined
  }
  return outer.at(-1)
})

interface Found {
  readonly path: string
  readonly bytes: number
}

/** Every file below a folder; a link is counted and never followed. */
const filesIn = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, folder: string) {
  const names = yield* Effect.orElseSucceed(fs.readDirectory(folder, { recursive: true }), () => [])
  const found: Array<Found> = []
  for (const name of names) {
    const path = join(folder, name)
    const stats = yield* Effect.orElseSucceed(fs.lstat(path), () => undefined)
    if (stats !== undefined && stats.type !== "Directory") found.push({ path, bytes: Number(stats.size) })
  }
  return found
})

/** The folders below a root. What has no name of ours is not there. */
export const survey = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  root: string,
  me: ProcessIdentity.Owner
): Effect.fn.Return<ReadonlyArray<Folder>, PlatformError.PlatformError> {
  const names = yield* fs
    .readDirectory(root)
    .pipe(Effect.catchIf(PrivateDirectory.isMissing, () => Effect.succeed<Array<string>>([])))
  const folders: Array<Folder> = []
  for (const name of names.toSorted()) {
    const owner = ProcessIdentity.parse(name)
    if (owner === undefined && name !== damaged) continue
    const path = join(root, name)
    const stats = yield* Effect.orElseSucceed(fs.lstat(path), () => undefined)
    if (stats?.type !== "Directory") continue
    const files = yield* filesIn(fs, path)
    folders.push({
      path,
      pid: owner?.pid,
      state: owner === undefined ? "damaged" : yield* ProcessIdentity.state(owner, me),
      files: files.length,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0)
    })
  }
  return folders
})

/** Removes files one by one. One that is gone already was not removed here, and is no failure either. */
export const removeFiles = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  files: ReadonlyArray<Found>
): Effect.fn.Return<Omit<CleanupResult, "durationMs">> {
  const failed: Array<CleanupResult["failed"][number]> = []
  let count = 0
  let bytes = 0
  for (const file of files) {
    yield* fs.remove(file.path).pipe(
      Effect.match({
        onSuccess: () => {
          count++
          bytes += file.bytes
        },
        onFailure: (error) => {
          if (!PrivateDirectory.isMissing(error))
            failed.push({ path: file.path, detail: PrivateDirectory.detail(error) })
        }
      })
    )
  }
  return { files: count, bytes, failed }
})

/** Removes folders with all that is in them. */
export const removeFolders = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  folders: ReadonlyArray<string>
): Effect.fn.Return<Omit<CleanupResult, "durationMs">> {
  let total: Omit<CleanupResult, "durationMs"> = { files: 0, bytes: 0, failed: [] }
  for (const folder of folders) {
    const removed = yield* removeFiles(fs, yield* filesIn(fs, folder))
    const failed =
      removed.failed.length > 0
        ? removed.failed
        : yield* fs.remove(folder, { recursive: true, force: true }).pipe(
            Effect.match({
              onSuccess: () => [],
              onFailure: (error) => [{ path: folder, detail: PrivateDirectory.detail(error) }]
            })
          )
    total = {
      files: total.files + removed.files,
      bytes: total.bytes + removed.bytes,
      failed: [...total.failed, ...failed]
    }
  }
  return total
})

/** Puts a file that is not what it should be aside, for whoever wants to know why; gives the place. */
export const keepDamaged = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  root: string,
  file: string,
  sha256: string
) {
  const folder = join(root, damaged)
  yield* PrivateDirectory.ensure(fs, folder)
  // Never over another one that is kept.
  let kept = join(folder, `${sha256.slice(0, 12)}-${basename(file)}`)
  for (let n = 2; yield* fs.exists(kept); n++)
    kept = join(folder, `${sha256.slice(0, 12)}-${n}-${basename(file)}`)
  yield* fs.rename(file, kept)
  return kept
})
