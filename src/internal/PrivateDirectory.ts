/** Directories that only this user can access. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"
import { tmpdir } from "node:os"
import { basename, dirname, join, resolve } from "node:path"

/** A directory is not private. `found` says why. */
export class NotPrivate extends Data.TaggedError("NotPrivate")<{
  readonly folder: string
  readonly found: string
}> {
  override get message() {
    return `"${this.folder}" ${this.found}`
  }
}

export const isMissing = (error: PlatformError.PlatformError): boolean => error.reason._tag === "NotFound"

/** Returns the message of the system, such as `ENOSPC: no space left on device, write`. */
export const detail = (error: PlatformError.PlatformError | NotPrivate): string =>
  error._tag === "PlatformError" && error.reason.cause instanceof Error
    ? error.reason.cause.message
    : error.message

/** Returns the id of the current user, or `undefined` on Windows. */
const user = (): number | undefined => process.geteuid?.()

/**
 * Returns the private directories of the staging root, the outermost first and the root last. `given` is the root.
 * Without it, each user has a root in the temporary directory.
 */
export const folders = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, given: string | undefined) {
  const outer = given === undefined ? join(tmpdir(), `effect-codex-${user() ?? "user"}`) : resolve(given)
  const parent = yield* Effect.orElseSucceed(fs.realPath(dirname(outer)), () => dirname(outer))
  const first = join(parent, basename(outer))
  return given === undefined ? [first, join(first, "attachments")] : [first]
})

/** Fails unless the path is a real directory that belongs to this user and that no other user can access. */
export const check = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, folder: string) {
  const stats = yield* fs.lstat(folder)
  if (stats.type === "SymbolicLink") return yield* new NotPrivate({ folder, found: "is a symbolic link" })
  if (stats.type !== "Directory") return yield* new NotPrivate({ folder, found: "is not a directory" })
  const uid = user()
  if (uid === undefined) return
  if (Option.getOrUndefined(stats.uid) !== uid)
    return yield* new NotPrivate({ folder, found: "belongs to another user" })
  if ((stats.mode & 0o077) !== 0)
    return yield* new NotPrivate({
      folder,
      found: "is accessible to other users; make it private with chmod 700"
    })
})

/** Creates the directory if it does not exist, then checks it. */
export const ensure = (fs: FileSystem.FileSystem, folder: string) =>
  check(fs, folder).pipe(
    Effect.catchIf(
      (error) => error._tag === "PlatformError" && isMissing(error),
      () =>
        fs.makeDirectory(folder, { mode: 0o700 }).pipe(
          // The umask may have removed even this user's permissions.
          Effect.andThen(fs.chmod(folder, 0o700)),
          Effect.catchIf(
            (error) => error.reason._tag === "AlreadyExists",
            () => Effect.void
          ),
          Effect.andThen(check(fs, folder))
        )
    )
  )
