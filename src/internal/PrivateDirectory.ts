/** Directories that only this user can access. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as PlatformError from "effect/PlatformError"
import { homedir } from "node:os"
import { basename, dirname, isAbsolute, join, resolve } from "node:path"
import * as SafeDirectory from "./SafeDirectory.ts"
import { codeOf } from "./SystemError.ts"

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
    ? error.reason.cause.message.replace(/\/proc\/self\/fd\/\d+\//g, "")
    : error.message

/** Returns the id of the current user, or `undefined` on Windows. */
const user = (): number | undefined => process.geteuid?.()

/**
 * Returns where programs keep files between runs: `XDG_STATE_HOME`, or `~/.local/state`. The sandbox of Codex may read it, but
 * not write it. The directory for temporary files is no such place: `workspace-write` may write it.
 */
export const stateHome = (): string => {
  const given = process.env["XDG_STATE_HOME"]
  return given !== undefined && isAbsolute(given) ? given : join(homedir(), ".local", "state")
}

/**
 * Returns the private directories of the staging root, the outermost first and the root last. `given` is the root. Without
 * it, the root is in the user's state directory. Links above the private directories are resolved here, once. A link
 * that appears later is refused.
 */
export const folders = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, given: string | undefined) {
  const outer = given === undefined ? join(stateHome(), "effect-codex") : resolve(given)
  const parent = yield* realPath(fs, dirname(outer))
  const first = join(parent, basename(outer))
  return given === undefined ? [first, join(first, "attachments")] : [first]
})

/** Resolves the links of the longest prefix that exists. */
const realPath = (fs: FileSystem.FileSystem, path: string): Effect.Effect<string> =>
  Effect.catch(fs.realPath(path), () =>
    dirname(path) === path
      ? Effect.succeed(path)
      : Effect.map(realPath(fs, dirname(path)), (parent) => join(parent, basename(path)))
  )

const fromSystem = (error: unknown, path: string): PlatformError.PlatformError | NotPrivate => {
  if (error instanceof SafeDirectory.UnsafePath)
    return new NotPrivate({ folder: error.path, found: error.found })
  return PlatformError.systemError({
    _tag: codeOf(error) === "ENOENT" ? "NotFound" : "Unknown",
    module: "FileSystem",
    method: "open",
    pathOrDescriptor: path,
    cause: error
  })
}

/** Runs an operation of `SafeFile`, with its errors as those of a `FileSystem`. */
export const attempt = <A>(
  path: string,
  run: () => A
): Effect.Effect<A, PlatformError.PlatformError | NotPrivate> =>
  Effect.try({ try: run, catch: (error) => fromSystem(error, path) })

/** Opens a directory while an effect runs. `child` returns paths of files in the open directory, also if its own path changes. */
export const inside = <A, E, R>(
  folder: string,
  use: (directory: SafeDirectory.SafeDirectory) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | PlatformError.PlatformError | NotPrivate, R> =>
  Effect.acquireUseRelease(
    attempt(folder, () => SafeDirectory.open(folder)),
    (directory) => Effect.tap(use(directory), () => attempt(folder, () => directory.verify())),
    (directory) => Effect.sync(() => directory.close())
  )

/** The same for a file: `use` gets a path to the file in its open directory. */
export const at = <A, E, R>(path: string, use: (path: string) => Effect.Effect<A, E, R>) =>
  inside(dirname(path), (directory) => use(directory.child(basename(path))))

/** Fails unless the path is a real directory that belongs to this user and that no other user can access. */
export const check = (folder: string) => inside(folder, checkOpened)

const checkOpened = ({ path, stats }: SafeDirectory.SafeDirectory) => {
  const uid = user()
  if (uid === undefined) return Effect.void
  if (stats.uid !== uid)
    return Effect.fail(new NotPrivate({ folder: path, found: "belongs to another user" }))
  if ((stats.mode & 0o077) !== 0)
    return Effect.fail(
      new NotPrivate({
        folder: path,
        found: "is accessible to other users; make it private with chmod 700"
      })
    )
  return Effect.void
}

/** Creates the directory if it does not exist, then checks it. */
export const ensure = (fs: FileSystem.FileSystem, folder: string) =>
  check(folder).pipe(
    Effect.catchIf(
      (error) => error._tag === "PlatformError" && isMissing(error),
      () =>
        inside(dirname(folder), (parent) =>
          fs.makeDirectory(parent.child(basename(folder)), { mode: 0o700 }).pipe(
            // The umask may have removed even this user's permissions.
            Effect.andThen(
              Effect.acquireUseRelease(
                attempt(folder, () => parent.enter(basename(folder))),
                (made) => fs.chmod(made.self, 0o700),
                (made) => Effect.sync(() => made.close())
              )
            ),
            Effect.catchIf(
              (error) => error._tag === "PlatformError" && error.reason._tag === "AlreadyExists",
              () => Effect.void
            )
          )
        ).pipe(Effect.andThen(check(folder)))
    )
  )
