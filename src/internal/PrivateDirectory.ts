/** Folders that are ours alone. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"
import { tmpdir } from "node:os"
import { basename, dirname, join, resolve } from "node:path"

/** Why a folder is not fit to hold private files. */
export class NotPrivate extends Data.TaggedError("NotPrivate")<{
  readonly folder: string
  readonly found: string
}> {
  override get message() {
    return `"${this.folder}" ${this.found}`
  }
}

export const isMissing = (error: PlatformError.PlatformError): boolean => error.reason._tag === "NotFound"

/** What went wrong, with the system's own word for it: `ENOSPC: no space left on device, write`. */
export const detail = (error: PlatformError.PlatformError | NotPrivate): string =>
  error._tag === "PlatformError" && error.reason.cause instanceof Error
    ? error.reason.cause.message
    : error.message

/** Whose files these are; absent on Windows. */
const user = (): number | undefined => process.geteuid?.()

/**
 * Where files are staged: private folders, the outer one first and the root last. `given` is the root; without it there is
 * one for each user in the folder for temporary files.
 */
export const folders = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, given: string | undefined) {
  const outer = given === undefined ? join(tmpdir(), `effect-codex-${user() ?? "user"}`) : resolve(given)
  const parent = yield* Effect.orElseSucceed(fs.realPath(dirname(outer)), () => dirname(outer))
  const first = join(parent, basename(outer))
  return given === undefined ? [first, join(first, "attachments")] : [first]
})

/** Fails unless the folder is a real one, ours, and closed to all others. */
export const check = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, folder: string) {
  const stats = yield* fs.lstat(folder)
  if (stats.type === "SymbolicLink") return yield* new NotPrivate({ folder, found: "is a symbolic link" })
  if (stats.type !== "Directory") return yield* new NotPrivate({ folder, found: "is no folder" })
  const uid = user()
  if (uid === undefined) return
  if (Option.getOrUndefined(stats.uid) !== uid)
    return yield* new NotPrivate({ folder, found: "belongs to somebody else" })
  if ((stats.mode & 0o077) !== 0)
    return yield* new NotPrivate({ folder, found: "is open to others; make it private with chmod 700" })
})

/** The same, after it was made where there was none. */
export const ensure = (fs: FileSystem.FileSystem, folder: string) =>
  check(fs, folder).pipe(
    Effect.catchIf(
      (error) => error._tag === "PlatformError" && isMissing(error),
      () =>
        fs.makeDirectory(folder, { mode: 0o700 }).pipe(
          // The umask may have taken even our own permissions.
          Effect.andThen(fs.chmod(folder, 0o700)),
          Effect.catchIf(
            (error) => error.reason._tag === "AlreadyExists",
            () => Effect.void
          ),
          Effect.andThen(check(fs, folder))
        )
    )
  )
