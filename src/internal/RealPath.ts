/** Resolves paths as the file system does, also paths that do not exist yet, and knows where the agent can write. */
import { lstatSync, readlinkSync, realpathSync } from "node:fs"
import * as Nodepath from "node:path"
import { codeOf } from "./SystemError.ts"

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

/** The kernel gives up after this many links. */
const maxLinks = 40

const unresolvable = (throughLink: boolean): Resolution => ({ real: undefined, throughLink })

const isMissing = (error: unknown): boolean => ["ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "")

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
const walk = (start: string, path: ReadonlyArray<string>, followed: Array<string> = []): Resolution => {
  const rest = [...path]
  let current = start
  let links = 0
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === "." || part === "") continue
    if (part === "..") {
      current = Nodepath.dirname(current)
      continue
    }
    const next = Nodepath.join(current, part)
    try {
      if (!lstatSync(next).isSymbolicLink()) {
        current = next
        continue
      }
      // A link in /proc leads to another place for each process that reads it.
      if (++links > maxLinks || isWithin(next, "/proc")) return unresolvable(true)
      followed.push(next)
      const target = readlinkSync(next)
      if (Nodepath.isAbsolute(target)) current = Nodepath.parse(target).root
      rest.unshift(...parts(Nodepath.isAbsolute(target) ? target.slice(current.length) : target))
    } catch (error) {
      if (!isMissing(error)) return unresolvable(links > 0)
      // A missing directory has no parent entry, so the kernel would refuse such a path.
      return rest.includes("..")
        ? unresolvable(links > 0)
        : { real: Nodepath.join(canonical(current), part, ...rest), throughLink: links > 0 }
    }
  }
  return { real: canonical(current), throughLink: links > 0 }
}

/** Returns the spelling of the file system, which may ignore case. */
const canonical = (path: string): string => {
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
export const resolve = (path: string, from?: Directory): Resolution => {
  if (path.includes("\0")) return unresolvable(false)
  const absolute = from === undefined ? Nodepath.resolve(path) : Nodepath.resolve(from.given, path)
  const { root } = Nodepath.parse(absolute)
  const inside = from !== undefined && isWithin(absolute, from.given)
  const resolved = inside
    ? walk(from.real, parts(Nodepath.relative(from.given, absolute)))
    : walk(root, parts(absolute.slice(root.length)))
  if (!path.split(/[\\/]/).includes("..")) return resolved
  // Behind a link, `..` is another directory for the kernel than in the text of the path.
  const physical = Nodepath.isAbsolute(path)
    ? walk(root, parts(path.slice(root.length)))
    : walk(from?.real ?? process.cwd(), parts(path))
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
  const { real } = walk(root, parts(absolute.slice(root.length)), followed)
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
