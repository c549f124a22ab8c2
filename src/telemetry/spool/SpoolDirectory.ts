/**
 * The directories of a spool: `<directory>/<signal>/<owner>`, one for each process that writes. A process claims the
 * directory of a dead one by renaming it to its own name. The file system lets only one of several processes succeed, and
 * the new name identifies the new owner if that one dies too.
 */
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as ProcessIdentity from "../../internal/ProcessIdentity.ts"

const freePrefix = "free-"

/** An owner on another machine or in another container counts as gone this long after its last sign of life. */
export const leaseMillis = 300_000

/** Creates a directory that only this user can access, whatever the umask. Restricts an existing one of this user. */
export const ensure = (directory: string): void => {
  Fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
  const { mode, uid } = Fs.statSync(directory)
  const user = process.geteuid?.()
  if (user === undefined || (mode & 0o777) === 0o700) return
  // A shared directory with the sticky bit, such as /tmp, stays unchanged: the directories below it are private.
  if (uid === user && (mode & 0o1000) === 0) Fs.chmodSync(directory, 0o700)
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
    Fs.renameSync(from, to)
    return true
  } catch {
    return false
  }
}

/** Returns the total size of the files in a spool, except those in the given directories. */
export const sizeExcluding = (directory: string, own: ReadonlySet<string>): number => {
  let bytes = 0
  for (const signal of fileNames(directory)) {
    for (const name of fileNames(join(directory, signal))) {
      const processDirectory = join(directory, signal, name)
      if (own.has(processDirectory)) continue
      for (const file of fileNames(processDirectory)) {
        bytes += Fs.lstatSync(join(processDirectory, file), { throwIfNoEntry: false })?.size ?? 0
      }
    }
  }
  return bytes
}
