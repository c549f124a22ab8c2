/**
 * Prepares the SQLite file of durable turns: a regular file of mode 0600 in a directory that only this user can access.
 *
 * An existing file is never opened here. SQLite's locks belong to the process, and closing any descriptor of the file would
 * release those of another connection of this process.
 */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import * as Fs from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { StorageUnavailable, type StorageUnavailableReason } from "../../domain/StorageErrors.ts"
import * as HostDirectories from "../../internal/HostDirectories.ts"
import * as PrivateDirectory from "../../internal/PrivateDirectory.ts"
import { codeOf } from "../../internal/SystemError.ts"

const unavailable = (reason: StorageUnavailableReason, detail: string) =>
  new StorageUnavailable({ reason, detail })

const bySystemCode: Readonly<Partial<Record<string, StorageUnavailableReason>>> = {
  EACCES: "ReadOnly",
  EPERM: "ReadOnly",
  EROFS: "ReadOnly",
  ENOSPC: "Full",
  EDQUOT: "Full",
  EIO: "IoError"
}

const fromSystem = (error: unknown): StorageUnavailable =>
  error instanceof StorageUnavailable
    ? error
    : unavailable(
        bySystemCode[codeOf(error) ?? ""] ?? "Unreachable",
        error instanceof Error ? error.message : String(error)
      )

const lstat = (path: string): Fs.Stats | undefined => Fs.lstatSync(path, { throwIfNoEntry: false })

/** Throws if a file is not one that this library made: a link would have SQLite write elsewhere. */
const checkFile = (path: string): boolean => {
  const stats = lstat(path)
  if (stats === undefined) return false
  if (!stats.isFile()) throw unavailable("Unsafe", `"${path}" is not a regular file`)
  const user = process.geteuid?.()
  if (user !== undefined && stats.uid !== user)
    throw unavailable("Unsafe", `"${path}" belongs to another user`)
  if (stats.nlink > 1) throw unavailable("Unsafe", `"${path}" has another name (a hard link)`)
  if ((stats.mode & 0o077) !== 0) Fs.chmodSync(path, 0o600)
  return true
}

const create = (path: string): void => {
  try {
    Fs.closeSync(Fs.openSync(path, "wx", 0o600))
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error
    checkFile(path)
  }
}

/** Creates and checks the directory and the files, and returns the real path of the database. */
const ensureFiles = Effect.fnUntraced(function* (path: string) {
  const directory = yield* Effect.try({
    try: () => {
      const given = dirname(resolve(path))
      // Links above the directory are the user's own; the directory itself and its files are no links.
      const real = join(Fs.realpathSync(dirname(given)), basename(given))
      try {
        Fs.mkdirSync(real, { mode: 0o700 })
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error
      }
      return real
    },
    catch: fromSystem
  })
  yield* Effect.mapError(PrivateDirectory.check(directory), (error) =>
    unavailable("Unsafe", PrivateDirectory.detail(error))
  )
  return yield* Effect.try({
    try: () => {
      const file = join(directory, basename(path))
      for (const suffix of ["-wal", "-shm", "-journal"]) checkFile(`${file}${suffix}`)
      if (!checkFile(file)) create(file)
      return file
    },
    catch: fromSystem
  })
})

/**
 * Prepares the file, and has turns of this process refused whose sandbox could write its directory. Returns its real path.
 */
export const prepare = Effect.fnUntraced(function* (path: string) {
  if (path === ":memory:") return path
  const file = yield* ensureFiles(path)
  const directories = yield* HostDirectories.Current
  yield* directories.add({
    path: dirname(file),
    content: "the database of durable turns",
    setting: "the path of the database",
    isTree: true
  })
  return file
})

// In a process of its own, because reading the file here would release the locks of other connections of this process. The
// name has the hash of the content, so that a service that restarts again and again keeps one copy.
const keepScript = `
const fs = require("node:fs")
const path = process.argv[1]
const hash = require("node:crypto").createHash("sha256").update(fs.readFileSync(path)).digest("hex").slice(0, 12)
const copy = path + ".damaged-" + hash
for (const suffix of ["", "-wal"])
  if (fs.existsSync(path + suffix) && fs.statSync(path + suffix).size > 0 && !fs.existsSync(copy + suffix)) {
    fs.copyFileSync(path + suffix, copy + suffix, fs.constants.COPYFILE_EXCL)
    fs.chmodSync(copy + suffix, 0o600)
  }
process.stdout.write(copy)
`

const keepCopy = (path: string): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    execFile(process.execPath, ["-e", keepScript, path], { env: {} }, (error, stdout) =>
      resume(Effect.succeed(error === null ? stdout : undefined))
    )
  })

/** Keeps a copy of a damaged file, so that nothing that follows destroys what can be rescued, and names it in the error. */
export const withCopy =
  (path: string) =>
  (error: StorageUnavailable): Effect.Effect<never, StorageUnavailable> =>
    error.reason !== "Corrupt" || path === ":memory:"
      ? Effect.fail(error)
      : Effect.flatMap(keepCopy(path), (copy) =>
          Effect.fail(
            unavailable(
              "Corrupt",
              `${error.detail}, in "${path}"; ${copy === undefined ? "no copy of it could be kept" : `a copy of it is "${copy}"`}`
            )
          )
        )
