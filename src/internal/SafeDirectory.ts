/**
 * Opens directories without following symbolic links, and names files in an open directory.
 *
 * A path that was checked can lead elsewhere a moment later: another program replaces a directory on the way by a link. So on
 * Linux each component is opened from the descriptor of its parent, and files are named through that descriptor
 * (`/proc/self/fd/N/name`): whatever happens to the path, they stay in the directory that was checked.
 *
 * Systems without `/proc` get less: every component is checked by name, and the result is compared with the path again after
 * each opening. That refuses links, but a program that swaps a directory and restores it in time is missed.
 */
import * as Data from "effect/Data"
import * as Fs from "node:fs"
import { basename, dirname, join, parse, resolve, sep } from "node:path"

export type UnsafeReason =
  | "Link"
  | "NotADirectory"
  | "NotARegularFile"
  | "ForeignOwner"
  | "TooLarge"
  | "HardLinked"
  | "Replaced"

const codes: Readonly<Partial<Record<UnsafeReason, string>>> = {
  Link: "ELOOP",
  NotADirectory: "ENOTDIR",
  TooLarge: "EFBIG"
}

/** A file or directory that the library does not touch. */
export class UnsafePath extends Data.TaggedError("UnsafePath")<{
  readonly path: string
  readonly reason: UnsafeReason
  readonly found: string
}> {
  /** The code that a system error with this meaning has. */
  readonly code = codes[this.reason] ?? "EPERM"
  override get message() {
    return `"${this.path}" ${this.found}`
  }
}

/** An open directory. */
export interface SafeDirectory {
  /** The path without links at the time of opening. */
  readonly path: string
  readonly stats: Fs.Stats
  /** A path to this very directory, for any function that takes a path. */
  readonly self: string
  /** Returns a path to a name in this very directory. The name has no separators. */
  readonly child: (name: string) => string
  /** Opens a directory in this very directory. Throws for a link. */
  readonly enter: (name: string) => SafeDirectory
  /** Throws if the path no longer leads to this directory. Never throws where `child` cannot be redirected. */
  readonly verify: () => void
  readonly close: () => void
}

/** Opens a directory without reading permission for it. Not in Node's constants; the same on every Linux that Node supports. */
const O_PATH = 0o10000000
const { O_DIRECTORY = 0, O_NOFOLLOW = 0 } = Fs.constants

/** Links that a path may have before they count as a cycle. */
const maxLinks = 40

const descriptorPath = (descriptor: number): string => `/proc/self/fd/${descriptor}`

let supported: boolean | undefined

/** Whether this system can name files through the descriptor of their directory. */
export const hasDescriptorPaths = (): boolean => {
  if (supported !== undefined) return supported
  if (process.platform !== "linux") return (supported = false)
  try {
    const root = Fs.openSync("/", O_PATH | O_DIRECTORY)
    try {
      const [named, direct] = [Fs.lstatSync(`${descriptorPath(root)}/proc`), Fs.lstatSync("/proc")]
      supported = named.ino === direct.ino && named.dev === direct.dev
    } finally {
      Fs.closeSync(root)
    }
  } catch {
    supported = false
  }
  return supported
}

/**
 * Whether only the administrator can have made a link: it belongs to root, in a directory that only root can write. Such links
 * are part of the system (`/tmp` on macOS, `/home` on some Linuxes). When this process is root itself, so may be the agent:
 * then only links directly in `/` count.
 */
const isSystemLink = (link: Fs.Stats, parent: Fs.Stats, parentPath: string): boolean =>
  link.uid === 0 &&
  parent.uid === 0 &&
  (parent.mode & 0o022) === 0 &&
  (parentPath === parse(parentPath).root || process.geteuid?.() !== 0)

const parts = (path: string): Array<string> => path.split(sep).filter((part) => part !== "")

const link = (path: string) => new UnsafePath({ path, reason: "Link", found: "is a symbolic link" })
const notADirectory = (path: string) =>
  new UnsafePath({ path, reason: "NotADirectory", found: "is not a directory" })

/** Steps through a path. Returns its real path, after the links of the system. `visit` inspects one component. */
const walk = (
  given: string,
  visit: {
    readonly root: (path: string) => Fs.Stats
    readonly enter: (name: string, path: string) => Fs.Stats
    readonly readLink: (name: string, path: string) => string
  }
): { readonly path: string; readonly stats: Fs.Stats } => {
  const { root } = parse(given)
  let path = root
  let stats = visit.root(root)
  let links = 0
  const left = parts(given.slice(root.length))
  for (let name = left.shift(); name !== undefined; name = left.shift()) {
    const next = join(path, name)
    const found = visit.enter(name, next)
    if (found.isSymbolicLink()) {
      if (!isSystemLink(found, stats, path) || ++links > maxLinks) throw link(next)
      left.unshift(...parts(resolve(path, visit.readLink(name, path)).slice(root.length)))
      path = root
      stats = visit.root(root)
      continue
    }
    if (!found.isDirectory()) throw notADirectory(next)
    path = next
    stats = found
  }
  return { path, stats }
}

const openByDescriptor = (given: string): SafeDirectory => {
  let current = -1
  let parent = -1
  const replace = (opened: number): Fs.Stats => {
    if (parent !== -1) Fs.closeSync(parent)
    parent = current
    current = opened
    return Fs.fstatSync(opened)
  }
  try {
    const { path, stats } = walk(given, {
      root: (root) => replace(Fs.openSync(root, O_PATH | O_DIRECTORY)),
      enter: (name) => replace(Fs.openSync(`${descriptorPath(current)}/${name}`, O_PATH | O_NOFOLLOW)),
      // `enter` has opened the link itself, so its directory is the one before.
      readLink: (name) => Fs.readlinkSync(`${descriptorPath(parent)}/${name}`)
    })
    return fromDescriptor(current, path, stats)
  } catch (error) {
    if (current !== -1) Fs.closeSync(current)
    throw withPath(error, given)
  } finally {
    if (parent !== -1) Fs.closeSync(parent)
  }
}

const fromDescriptor = (descriptor: number, path: string, stats: Fs.Stats): SafeDirectory => {
  let open = true
  const self = descriptorPath(descriptor)
  return {
    path,
    stats,
    self,
    child: (name) => `${self}/${checkName(name)}`,
    enter: (name) => {
      const opened = Fs.openSync(`${self}/${checkName(name)}`, O_PATH | O_NOFOLLOW)
      const found = Fs.fstatSync(opened)
      const inner = join(path, name)
      if (found.isDirectory()) return fromDescriptor(opened, inner, found)
      Fs.closeSync(opened)
      throw found.isSymbolicLink() ? link(inner) : notADirectory(inner)
    },
    verify: () => {},
    close: () => {
      if (open) Fs.closeSync(descriptor)
      open = false
    }
  }
}

const openByPath = (given: string): SafeDirectory => {
  const find = () =>
    walk(given, {
      root: (root) => Fs.lstatSync(root),
      enter: (_, path) => Fs.lstatSync(path),
      readLink: (name, path) => Fs.readlinkSync(join(path, name))
    })
  const { path, stats } = find()
  const verify = () => {
    const now = find()
    if (now.path !== path || now.stats.ino !== stats.ino || now.stats.dev !== stats.dev)
      throw new UnsafePath({ path, reason: "Replaced", found: "was replaced while it was in use" })
  }
  return {
    path,
    stats,
    self: path,
    child: (name) => join(path, checkName(name)),
    enter: (name) => openByPath(join(path, checkName(name))),
    verify,
    close: () => {}
  }
}

const checkName = (name: string): string => {
  if (name === "" || name === "." || name === ".." || name.includes(sep) || name.includes("\0"))
    throw new Error(`${JSON.stringify(name)} is not the name of a file`)
  return name
}

/** Replaces the path through a descriptor in an error of Node by the real one. */
const withPath = (error: unknown, path: string): unknown => {
  if (error instanceof Error && !(error instanceof UnsafePath))
    error.message = error.message.replace(/\/proc\/self\/fd\/\d+(?:\/[^']*)?/, () => path)
  return error
}

/** Opens a directory. `byPath` is for tests of systems without `/proc`. Throws `UnsafePath` and errors of the system. */
export const open = (path: string, { byPath = !hasDescriptorPaths() } = {}): SafeDirectory =>
  byPath ? openByPath(resolve(path)) : openByDescriptor(resolve(path))

/** Runs a function in the directory of a path, with a path to its last component, and closes the directory afterwards. */
export const inParent = <A>(
  path: string,
  use: (child: string, parent: SafeDirectory) => A,
  options = {}
): A => {
  const absolute = resolve(path)
  const parent = open(dirname(absolute), options)
  try {
    const result = use(parent.child(basename(absolute)), parent)
    parent.verify()
    return result
  } catch (error) {
    throw withPath(error, absolute)
  } finally {
    parent.close()
  }
}
