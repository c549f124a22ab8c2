/**
 * The directories of a spool: `<directory>/<signal>/<owner>`, one for each process that writes. A process claims the
 * directory of a dead one by renaming it to its own name. The file system lets only one of several processes succeed, and
 * the new name identifies the new owner if that one dies too.
 */
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { basename, dirname, join } from "node:path"
import * as ProcessIdentity from "../../internal/ProcessIdentity.ts"
import * as SafeDirectory from "../../internal/SafeDirectory.ts"
import * as SafeFile from "../../internal/SafeFile.ts"
import { maxSegmentBytes } from "./Segment.ts"

const freePrefix = "free-"

/** An owner on another machine or in another container counts as gone this long after its last sign of life. */
export const leaseMillis = 300_000

/** The directory of files that another program put into the spool. It is next to those of the processes. */
export const asideName = "aside"

/**
 * Creates a directory that only this user can access, whatever the umask. Restricts an existing one of this user. Throws
 * `UnsafePath` if a link is on the way.
 */
export const ensure = (directory: string): void => {
  SafeFile.makeDirectory(directory)
  const opened = SafeDirectory.open(directory)
  try {
    const { mode, uid } = opened.stats
    const user = process.geteuid?.()
    if (user === undefined || (mode & 0o777) === 0o700) return
    // A shared directory with the sticky bit, such as /tmp, stays unchanged: the directories below it are private.
    if (uid === user && (mode & 0o1000) === 0) Fs.chmodSync(opened.self, 0o700)
  } finally {
    opened.close()
  }
}

export const directoryName = (self: ProcessIdentity.Owner): string => ProcessIdentity.directoryName(self)

export const freeName = (): string => `${freePrefix}${randomBytes(8).toString("hex")}`

/** The directory of a running or dead process. */
export interface ProcessSpool {
  readonly name: string
  readonly path: string
  /** `undefined` if the owner released the directory. */
  readonly pid: number | undefined
  /** The owner is dead or released the directory, so another process may claim it. */
  readonly gone: boolean
}

/** Lists the directories of a signal. Ignores links, directories of other users, and unknown names. */
export const list = Effect.fnUntraced(function* (parent: string, self: ProcessIdentity.Owner, now: number) {
  const found: Array<ProcessSpool> = []
  for (const name of fileNames(parent)) {
    const owner = ProcessIdentity.parse(name)
    if (owner === undefined && !name.startsWith(freePrefix)) continue
    const path = join(parent, name)
    const stats = Fs.lstatSync(path, { throwIfNoEntry: false })
    if (stats?.isDirectory() !== true || stats.uid !== (process.geteuid?.() ?? stats.uid)) continue
    if (owner === undefined) {
      found.push({ name, path, pid: undefined, gone: true })
      continue
    }
    const state = yield* ProcessIdentity.state(owner, self)
    const gone = state === "gone" || (state === "elsewhere" && now - stats.mtimeMs > leaseMillis)
    found.push({ name, path, pid: owner.pid, gone })
  }
  return found
})

/** Returns the sorted names in a directory; an empty list if it cannot be read. */
export const fileNames = (directory: string): ReadonlyArray<string> => {
  try {
    return Fs.readdirSync(directory).toSorted()
  } catch {
    return []
  }
}

/** Claims a directory. Returns false if another process was faster. */
export const claim = (from: string, to: string): boolean => {
  try {
    SafeFile.rename(from, to)
    return true
  } catch {
    return false
  }
}

/** Moves an entry of a claimed directory out of the way. A link is moved itself. */
export const setAside = (path: string): void => {
  const aside = join(dirname(dirname(path)), asideName)
  ensure(aside)
  SafeFile.rename(path, join(aside, `${basename(path)}-${randomBytes(4).toString("hex")}`))
}

/**
 * Returns the total size of the files in a spool, except those in the given directories. Files that another program put there
 * take no room from the records.
 */
export const sizeExcluding = (directory: string, own: ReadonlySet<string>): number => {
  let bytes = 0
  for (const signal of fileNames(directory)) {
    for (const name of fileNames(join(directory, signal))) {
      const processDirectory = join(directory, signal, name)
      if (own.has(processDirectory) || name === asideName) continue
      for (const file of fileNames(processDirectory)) {
        const stats = Fs.lstatSync(join(processDirectory, file), { throwIfNoEntry: false })
        if (stats?.isFile() === true && stats.size <= maxSegmentBytes) bytes += stats.size
      }
    }
  }
  return bytes
}
