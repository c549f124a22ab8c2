/** Resolves paths as the file system does, also paths that do not exist yet, and knows where the agent can write. */
import { lstatSync, readlinkSync, realpathSync } from "node:fs"
import * as Nodepath from "node:path"

/**
 * Where a path leads. `real` is the real path of the longest existing prefix with the missing rest appended, or `undefined`
 * if it cannot be determined. `throughLink` means that a symbolic link was on the way.
 */
export interface Resolution {
  readonly real: string | undefined
  readonly throughLink: boolean
}

/** A directory as its user names it, and its real path. */
export interface Directory {
  readonly given: string
  readonly real: string
}

/** What the paths of one request have in common: the entries that are known, and the work that is left. */
export interface LookUps {
  /** Entries that exist and are no links. */
  readonly entries: Set<string>
  readonly canonical: Map<string, string>
  /** Characters of paths that may still be looked up. A path for which too few are left cannot be resolved. */
  left: number
}

/** The maximum work for all paths of a request: some 5,000 files. It takes up to 0.2 s, and nothing else runs meanwhile. */
const maxLookUps = 500_000
/** The work of looking up an entry, besides the length of its path. */
const lookup = 64

/** Starts the work for several paths. The agent chooses how many there are, how long they are, and how many links they have. */
export const makeLookUps = (): LookUps => ({ entries: new Set(), canonical: new Map(), left: maxLookUps })

/** The kernel gives up after this many links. */
const maxLinks = 40

const unresolvable = (throughLink: boolean): Resolution => ({ real: undefined, throughLink })

const parts = (path: string): ReadonlyArray<string> => path.split(Nodepath.sep).filter((part) => part !== "")

/** Whether `path` is `directory` or lies below it. Both are absolute. */
export const isWithin = (path: string, directory: string): boolean => {
  const relative = Nodepath.relative(directory, path)
  return (
    relative === "" ||
    (relative !== ".." && !relative.startsWith(`..${Nodepath.sep}`) && !Nodepath.isAbsolute(relative))
  )
}

/** Follows the parts of a path from a real directory. A dangling link leads to its missing target. */
const walk = (
  start: string,
  path: ReadonlyArray<string>,
  lookUps: LookUps,
  followed: Array<string> = []
): Resolution => {
  // The next part is the last element.
  const rest = path.toReversed()
  let current = start
  let links = 0
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    if (part === "." || part === "") continue
    if (--lookUps.left < 0) return unresolvable(links > 0)
    if (part === "..") {
      current = Nodepath.dirname(current)
      continue
    }
    const next = current.endsWith(Nodepath.sep) ? current + part : current + Nodepath.sep + part
    if (lookUps.entries.has(next)) {
      current = next
      continue
    }
    lookUps.left -= lookup + next.length
    if (lookUps.left < 0) return unresolvable(links > 0)
    try {
      const stats = lstatSync(next, { throwIfNoEntry: false })
      if (stats === undefined) {
        // A missing directory has no parent entry, so the kernel would refuse such a path.
        if (rest.includes("..")) return unresolvable(links > 0)
        const missing = Nodepath.join(canonical(current, lookUps), part, ...rest.toReversed())
        return { real: missing, throughLink: links > 0 }
      }
      if (!stats.isSymbolicLink()) {
        lookUps.entries.add(next)
        current = next
        continue
      }
      // A link in /proc leads to another place for each process that reads it.
      if (++links > maxLinks || isWithin(next, "/proc")) return unresolvable(true)
      followed.push(next)
      const target = readlinkSync(next)
      if (Nodepath.isAbsolute(target)) current = Nodepath.parse(target).root
      rest.push(...parts(Nodepath.isAbsolute(target) ? target.slice(current.length) : target).toReversed())
    } catch {
      return unresolvable(links > 0)
    }
  }
  return { real: canonical(current, lookUps), throughLink: links > 0 }
}

/** Returns the spelling of the file system, which may ignore case. */
const canonical = (path: string, { canonical: known }: LookUps): string => {
  const found = known.get(path) ?? spelling(path)
  known.set(path, found)
  return found
}

const spelling = (path: string): string => {
  try {
    return realpathSync.native(path)
  } catch {
    return path
  }
}

/** Returns the real path of a directory, and the directory itself if it cannot be resolved. */
export const directory = (given: string): Directory => {
  const absolute = Nodepath.resolve(given)
  return { given: absolute, real: resolve(absolute).real ?? absolute }
}

/**
 * Resolves a path. A relative path starts at `from`. The links on the way to `from` itself do not count: the caller chose
 * that directory.
 */
export const resolve = (path: string, from?: Directory, lookUps: LookUps = makeLookUps()): Resolution => {
  lookUps.left -= path.length
  if (path.includes("\0") || lookUps.left < 0) return unresolvable(false)
  const absolute = from === undefined ? Nodepath.resolve(path) : Nodepath.resolve(from.given, path)
  const { root } = Nodepath.parse(absolute)
  const inside = from !== undefined && isWithin(absolute, from.given)
  const resolved = inside
    ? walk(from.real, parts(Nodepath.relative(from.given, absolute)), lookUps)
    : walk(root, parts(absolute.slice(root.length)), lookUps)
  if (!path.split(/[\\/]/).includes("..")) return resolved
  // Behind a link, `..` is another directory for the kernel than in the text of the path.
  const physical = Nodepath.isAbsolute(path)
    ? walk(root, parts(path.slice(root.length)), lookUps)
    : walk(from?.real ?? process.cwd(), parts(path), lookUps)
  return physical.real === resolved.real && !physical.throughLink ? resolved : unresolvable(true)
}

/**
 * Returns every entry of the file system that decides where a path leads: the links on the way, and the real path. A
 * program that can write one of them decides what the path contains. Returns `undefined` if the path cannot be resolved.
 */
export const trail = (path: string): ReadonlyArray<string> | undefined => {
  if (path.includes("\0")) return undefined
  const absolute = Nodepath.resolve(path)
  const { root } = Nodepath.parse(absolute)
  const followed: Array<string> = []
  const { real } = walk(root, parts(absolute.slice(root.length)), makeLookUps(), followed)
  return real === undefined ? undefined : [...followed, real]
}

/** Directories that Codex keeps read-only in each writable root, also if they do not exist. */
const protectedNames = [".git", ".codex", ".agents"]

/** Whether the agent can write a path without approval. Takes real paths. */
export const isAgentWritable = (path: string, roots: ReadonlyArray<string>): boolean =>
  roots.some(
    (root) =>
      isWithin(path, root) &&
      (isFileSystemRoot(root) || !protectedNames.some((name) => isWithin(path, Nodepath.join(root, name))))
  )

const isFileSystemRoot = (path: string): boolean => Nodepath.parse(path).root === path
