/** The directories of staged files below a root: one for each process, including those that ended processes left. */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import { basename, join } from "node:path"
import * as ProcessIdentity from "../internal/ProcessIdentity.ts"
import * as PrivateDirectory from "../internal/PrivateDirectory.ts"
import * as SafeFile from "../internal/SafeFile.ts"

/** The name of the directory for damaged files, next to the directories of the processes. */
export const damaged = "damaged"

/** A directory of staged files. The state `damaged` marks the directory for damaged files. */
export interface Folder {
  readonly path: string
  readonly state: ProcessIdentity.ProcessStatus | "damaged"
  /** The process that owns the directory. */
  readonly pid: number | undefined
  readonly files: number
  /** The total size of the files. */
  readonly bytes: number
}

/** The result of removing files. Files that could not be removed are in `failed` and are not counted. */
export interface CleanupResult {
  readonly files: number
  readonly bytes: number
  readonly failed: ReadonlyArray<{ readonly path: string; readonly detail: string }>
  readonly durationMs: number
}

/** Returns the staging root, or `undefined` if it does not exist yet. Fails if it is not private. */
export const root = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, given: string | undefined) {
  const outer = yield* PrivateDirectory.folders(fs, given)
  for (const folder of outer) {
    const missing = yield* PrivateDirectory.check(folder).pipe(
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

/** Returns every file below a directory. Counts links but does not follow them. */
const filesIn = (folder: string): Effect.Effect<ReadonlyArray<Found>> =>
  Effect.orElseSucceed(
    PrivateDirectory.attempt(folder, () => SafeFile.listTree(folder)),
    () => []
  )

/** Lists the directories below a root. Ignores directories whose name has another format. */
export const list = Effect.fnUntraced(function* (
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
    const files = yield* filesIn(path)
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

/** Removes files one by one. A missing file counts neither as removed nor as failed. */
export const removeFiles = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  files: ReadonlyArray<Found>
): Effect.fn.Return<Omit<CleanupResult, "durationMs">> {
  const failed: Array<CleanupResult["failed"][number]> = []
  let count = 0
  let bytes = 0
  for (const file of files) {
    // By its open directory: a link that took the place of the directory leads nowhere.
    yield* PrivateDirectory.at(file.path, (path) => fs.remove(path)).pipe(
      Effect.match({
        onSuccess: () => {
          count++
          bytes += file.bytes
        },
        onFailure: (error) => {
          if (error._tag === "NotPrivate" || !PrivateDirectory.isMissing(error))
            failed.push({ path: file.path, detail: PrivateDirectory.detail(error) })
        }
      })
    )
  }
  return { files: count, bytes, failed }
})

/** Removes directories with everything in them. */
export const removeFolders = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  folders: ReadonlyArray<string>
): Effect.fn.Return<Omit<CleanupResult, "durationMs">> {
  let total: Omit<CleanupResult, "durationMs"> = { files: 0, bytes: 0, failed: [] }
  for (const folder of folders) {
    const removed = yield* removeFiles(fs, yield* filesIn(folder))
    const failed =
      removed.failed.length > 0
        ? removed.failed
        : yield* PrivateDirectory.attempt(folder, () => SafeFile.removeTree(folder)).pipe(
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

/** Moves a damaged file to the directory for damaged files, for inspection. Returns its new path. */
export const keepDamaged = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  root: string,
  file: string,
  sha256: string
) {
  const folder = join(root, damaged)
  yield* PrivateDirectory.ensure(fs, folder)
  // Do not overwrite another damaged file.
  let kept = join(folder, `${sha256.slice(0, 12)}-${basename(file)}`)
  for (let n = 2; yield* fs.exists(kept); n++)
    kept = join(folder, `${sha256.slice(0, 12)}-${n}-${basename(file)}`)
  const target = kept
  yield* PrivateDirectory.at(file, (from) => PrivateDirectory.at(target, (to) => fs.rename(from, to)))
  return kept
})
