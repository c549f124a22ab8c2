/**
 * The folders below a spool: `<directory>/<signal>/<owner>`, one for each process that writes. Taking one over is one
 * rename to a name of one's own: of several that try it the file system lets one through, and if that one dies there the
 * name says so.
 */
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as ProcessIdentity from "../../internal/ProcessIdentity.ts"

const freePrefix = "free-"

/** For how long nothing may have been heard of an owner elsewhere before it counts as gone, in milliseconds. */
export const leaseMillis = 300_000

/** Makes a folder for us alone, whatever the umask; one that we have already is closed to others. */
export const ensure = (folder: string): void => {
  Fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { mode, uid } = Fs.statSync(folder)
  const user = process.geteuid?.()
  if (user === undefined || (mode & 0o777) === 0o700) return
  // A folder for everybody, such as that for temporary files, stays what it is: what is below it is ours.
  if (uid === user && (mode & 0o1000) === 0) Fs.chmodSync(folder, 0o700)
}

export const directoryName = (self: ProcessIdentity.Owner): string => ProcessIdentity.folderName(self)

export const freeName = (): string => `${freePrefix}${randomBytes(8).toString("hex")}`

/** A folder that a process has or had. */
export interface ProcessSpool {
  readonly name: string
  readonly path: string
  /** Nothing where nobody has it. */
  readonly pid: number | undefined
  readonly gone: boolean
}

/** The folders of a signal. What is a link, of another user or has no name of ours is not there. */
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

/** The names in a folder; none where it cannot be read. */
export const fileNames = (folder: string): ReadonlyArray<string> => {
  try {
    return Fs.readdirSync(folder).toSorted()
  } catch {
    return []
  }
}

/** Takes a folder over; false where somebody else did. */
export const claim = (from: string, to: string): boolean => {
  try {
    Fs.renameSync(from, to)
    return true
  } catch {
    return false
  }
}

/** How many bytes the files below a spool have, but for those in the given folders. */
export const sizeExcluding = (directory: string, own: ReadonlySet<string>): number => {
  let bytes = 0
  for (const signal of fileNames(directory)) {
    for (const name of fileNames(join(directory, signal))) {
      const folder = join(directory, signal, name)
      if (own.has(folder)) continue
      for (const file of fileNames(folder)) {
        bytes += Fs.lstatSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0
      }
    }
  }
  return bytes
}
