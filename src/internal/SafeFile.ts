/**
 * Opens, renames and removes files of the host where another program may plant links, FIFOs or large files. No component of a
 * path may be a symbolic link (`SafeDirectory`), and an opened file is checked by its descriptor. All functions throw
 * `UnsafePath` and errors of the system.
 */
import * as Fs from "node:fs"
import { type FileHandle, open as openFile } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { codeOf } from "./SystemError.ts"
import * as SafeDirectory from "./SafeDirectory.ts"

/** What an opened file must be. It must always be a regular file. */
export interface FileChecks {
  /** The maximum size in bytes; default: any. */
  readonly maxBytes?: number | undefined
  /** Whether the file may belong to another user; default: false. */
  readonly anyOwner?: boolean | undefined
  /** Names files by path even where descriptors could be used; for tests. */
  readonly byPath?: boolean | undefined
}

/**
 * How to open a file: `create` fails if it exists, `replace` empties an existing one, `append` writes at its end. Each of the
 * three creates a file that only this user can read.
 */
export type FileAccess = "read" | "readWrite" | "create" | "replace" | "append"

const {
  O_APPEND,
  O_CREAT,
  O_EXCL,
  O_NOCTTY = 0,
  O_NOFOLLOW = 0,
  O_NONBLOCK = 0,
  O_RDONLY,
  O_RDWR,
  O_WRONLY
} = Fs.constants

// Opening a FIFO without O_NONBLOCK waits for its other end. A file that is replaced is emptied after its check, not by
// O_TRUNC, which would empty it before.
const always = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY

const flags: Readonly<Record<FileAccess, number>> = {
  read: O_RDONLY | always,
  readWrite: O_RDWR | always,
  create: O_RDWR | O_CREAT | O_EXCL | always,
  replace: O_RDWR | O_CREAT | always,
  append: O_WRONLY | O_APPEND | O_CREAT | always
}

const unsafe = (path: string, reason: SafeDirectory.UnsafeReason, found: string) =>
  new SafeDirectory.UnsafePath({ path, reason, found })

const check = (path: string, access: FileAccess, stats: Fs.Stats, checks: FileChecks): void => {
  if (!stats.isFile()) throw unsafe(path, "NotARegularFile", "is not a regular file")
  const user = process.geteuid?.()
  if (checks.anyOwner !== true && user !== undefined && stats.uid !== user)
    throw unsafe(path, "ForeignOwner", "belongs to another user")
  // A second name of a file elsewhere: writing here would change it there.
  if (access !== "read" && stats.nlink > 1) throw unsafe(path, "HardLinked", "has another name (a hard link)")
  if (checks.maxBytes !== undefined && stats.size > checks.maxBytes)
    throw unsafe(path, "TooLarge", `has ${stats.size} bytes; the maximum is ${checks.maxBytes}`)
}

/** Opens a file and returns its descriptor, which the caller closes. */
export const open = (path: string, access: FileAccess, checks: FileChecks = {}): number =>
  SafeDirectory.inParent(
    path,
    (child, parent) => {
      let descriptor: number
      try {
        descriptor = Fs.openSync(child, flags[access], 0o600)
      } catch (error) {
        throw explain(error, path)
      }
      try {
        parent.verify()
        const stats = Fs.fstatSync(descriptor)
        check(path, access, stats, checks)
        if (access !== "read" && access !== "readWrite" && (stats.mode & 0o777) !== 0o600)
          Fs.fchmodSync(descriptor, 0o600)
        if (access === "replace" && stats.size > 0) Fs.ftruncateSync(descriptor)
        return descriptor
      } catch (error) {
        Fs.closeSync(descriptor)
        throw error
      }
    },
    checks
  )

/** The same as `open`, for a file that is written asynchronously. */
export const openHandle = async (
  path: string,
  access: FileAccess,
  checks: FileChecks = {}
): Promise<FileHandle> => {
  const parent = SafeDirectory.open(dirname(path), checks)
  try {
    const handle = await openFile(parent.child(basename(path)), flags[access], 0o600).catch(
      (error: unknown) => {
        throw explain(error, path)
      }
    )
    try {
      parent.verify()
      check(path, access, await handle.stat(), checks)
      return handle
    } catch (error) {
      await handle.close()
      throw error
    }
  } finally {
    parent.close()
  }
}

/** An error of opening that means a link, a FIFO without a reader, a socket or a device. */
const explain = (error: unknown, path: string): unknown => {
  switch (codeOf(error)) {
    case "ELOOP":
    case "EMLINK":
      return unsafe(path, "Link", "is a symbolic link")
    case "ENXIO":
    case "EISDIR":
      return unsafe(path, "NotARegularFile", "is not a regular file")
    default:
      return error
  }
}

/** Writes all bytes at a position, or at the end of a file that is opened to append. */
export const writeAll = (descriptor: number, bytes: Uint8Array, position: number | null = null): void => {
  for (let at = 0; at < bytes.length;)
    at += Fs.writeSync(descriptor, bytes, at, bytes.length - at, position === null ? null : position + at)
}

/** Reads a whole file, at most `maxBytes` even if it grows meanwhile. */
export const read = (path: string, checks: FileChecks & { readonly maxBytes: number }): Buffer => {
  const descriptor = open(path, "read", checks)
  try {
    return readDescriptor(descriptor, Math.min(Fs.fstatSync(descriptor).size, checks.maxBytes))
  } finally {
    Fs.closeSync(descriptor)
  }
}

/** Reads an open file from its beginning, at most `limit` bytes. */
export const readDescriptor = (descriptor: number, limit: number): Buffer => {
  const bytes = Buffer.allocUnsafe(limit)
  let at = 0
  while (at < limit) {
    const count = Fs.readSync(descriptor, bytes, at, limit - at, at)
    if (count === 0) break
    at += count
  }
  return bytes.subarray(0, at)
}

/** Writes a whole file. */
export const write = (
  path: string,
  bytes: Uint8Array,
  access: "create" | "replace" | "append",
  checks: FileChecks = {}
): void => {
  const descriptor = open(path, access, checks)
  try {
    writeAll(descriptor, bytes)
  } finally {
    Fs.closeSync(descriptor)
  }
}

/** Renames a file or directory. A link is renamed itself. */
export const rename = (from: string, to: string, checks: FileChecks = {}): void =>
  SafeDirectory.inParent(
    from,
    (source) => SafeDirectory.inParent(to, (target) => Fs.renameSync(source, target), checks),
    checks
  )

/** Removes a file. A link is removed itself. Does nothing if there is no such file. */
export const remove = (path: string, checks: FileChecks = {}): void => {
  try {
    SafeDirectory.inParent(path, (child) => Fs.unlinkSync(child), checks)
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error
  }
}

/** Removes a directory with everything in it. Links in it are removed, never followed. Does nothing if it does not exist. */
export const removeTree = (path: string, checks: FileChecks = {}): void => {
  try {
    SafeDirectory.inParent(
      path,
      (child, parent) => {
        const directory = parent.enter(basename(path))
        try {
          empty(directory)
        } finally {
          directory.close()
        }
        Fs.rmdirSync(child)
      },
      checks
    )
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error
  }
}

const empty = (directory: SafeDirectory.SafeDirectory): void => {
  for (const entry of Fs.readdirSync(directory.self, { withFileTypes: true })) {
    if (!entry.isDirectory()) {
      directory.verify()
      Fs.unlinkSync(directory.child(entry.name))
      continue
    }
    const inner = directory.enter(entry.name)
    try {
      empty(inner)
    } finally {
      inner.close()
    }
    Fs.rmdirSync(directory.child(entry.name))
  }
}

/** Creates a directory that only this user can access, and those above it that are missing. */
export const makeDirectory = (path: string, checks: FileChecks = {}): void => {
  const absolute = resolve(path)
  try {
    SafeDirectory.open(absolute, checks).close()
    return
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error
  }
  makeDirectory(dirname(absolute), checks)
  SafeDirectory.inParent(
    absolute,
    (child, parent) => {
      try {
        Fs.mkdirSync(child, { mode: 0o700 })
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error
        return
      }
      const made = parent.enter(basename(absolute))
      try {
        // The umask may have removed even this user's permissions.
        Fs.chmodSync(made.self, 0o700)
      } finally {
        made.close()
      }
    },
    checks
  )
}

/** Lists every file below a directory with its size. Counts links but does not follow them. */
export const listTree = (
  path: string,
  checks: FileChecks = {}
): ReadonlyArray<{ readonly path: string; readonly bytes: number }> => {
  const directory = SafeDirectory.open(path, checks)
  try {
    return filesIn(directory)
  } finally {
    directory.close()
  }
}

const filesIn = (
  directory: SafeDirectory.SafeDirectory
): ReadonlyArray<{ readonly path: string; readonly bytes: number }> =>
  Fs.readdirSync(directory.self, { withFileTypes: true }).flatMap((entry) => {
    try {
      if (!entry.isDirectory())
        return [
          { path: join(directory.path, entry.name), bytes: Fs.lstatSync(directory.child(entry.name)).size }
        ]
      const inner = directory.enter(entry.name)
      try {
        return filesIn(inner)
      } finally {
        inner.close()
      }
    } catch (error) {
      // Another program removed or replaced it meanwhile.
      if (codeOf(error) === "ENOENT" || error instanceof SafeDirectory.UnsafePath) return []
      throw error
    }
  })
