/** What the sandbox may be opened for: asked by the agent, granted by a policy. */
import * as Schema from "effect/Schema"
import * as Nodepath from "node:path"
import { canonicalJson } from "../internal/CanonicalJson.ts"

/** `write` includes reading; `deny` takes something out of what other entries allow. */
export const Access = Schema.Literals(["read", "write", "deny"])
export type Access = typeof Access.Type

/** A path and all below it, a glob over paths, or a place that Codex has a name for, in Codex's own terms. */
export const FileSystemPlace = Schema.Union([
  Schema.TaggedStruct("path", { path: Schema.String }),
  Schema.TaggedStruct("glob", { pattern: Schema.String }),
  Schema.TaggedStruct("special", { value: Schema.Unknown })
]).pipe(Schema.toTaggedUnion("_tag"))
export type FileSystemPlace = typeof FileSystemPlace.Type

export class FileSystemEntry extends Schema.Opaque<FileSystemEntry>()(
  Schema.Struct({ access: Access, place: FileSystemPlace })
) {}

/** Network access as a whole, and entries of the file system. `globDepth` is how many folders deep a glob looks. */
export class Permissions extends Schema.Opaque<Permissions>()(
  Schema.Struct({
    network: Schema.Boolean,
    fileSystem: Schema.Array(FileSystemEntry),
    globDepth: Schema.optionalKey(Schema.Natural)
  })
) {}

export const none: Permissions = { network: false, fileSystem: [] }

/** Reading or writing a path and what is below it. */
export const path = (access: Access, path: string): FileSystemEntry => ({
  access,
  place: { _tag: "path", path }
})

export const isEmpty = (permissions: Permissions): boolean =>
  !permissions.network && permissions.fileSystem.every((entry) => entry.access === "deny")

const normalize = (path: string): string => {
  const normal = Nodepath.normalize(path)
  return normal.length > 1 && normal.endsWith(Nodepath.sep) ? normal.slice(0, -1) : normal
}

/** Whether a path is another one or lies below it. Paths that are not absolute lie nowhere. */
export const isWithin = (path: string, directory: string): boolean => {
  if (!Nodepath.isAbsolute(path) || !Nodepath.isAbsolute(directory)) return false
  const [inner, outer] = [normalize(path), normalize(directory)]
  return inner === outer || inner.startsWith(outer.endsWith(Nodepath.sep) ? outer : `${outer}${Nodepath.sep}`)
}

/** Where both hold; nothing where that is nowhere, or where nobody can tell. */
const overlap = (a: FileSystemPlace, b: FileSystemPlace): FileSystemPlace | undefined => {
  if (a._tag === "path" && b._tag === "path") {
    if (isWithin(a.path, b.path)) return { _tag: "path", path: normalize(a.path) }
    return isWithin(b.path, a.path) ? { _tag: "path", path: normalize(b.path) } : undefined
  }
  // What a glob or a name of Codex's stands for is not known here: only the very same one is no larger.
  return canonicalJson(a) === canonicalJson(b) ? a : undefined
}

const areDisjoint = (a: FileSystemPlace, b: FileSystemPlace): boolean =>
  a._tag === "path" && b._tag === "path" && !isWithin(a.path, b.path) && !isWithin(b.path, a.path)

const entriesEqual = (a: FileSystemEntry, b: FileSystemEntry): boolean =>
  canonicalJson(a) === canonicalJson(b)

/**
 * What was both asked for and granted, never more than either. What was asked to stay closed does; something that only
 * the grant takes out cannot be told to Codex, so that nothing is granted that it touches.
 */
export const intersect = (asked: Permissions, granted: Permissions): Permissions => {
  const denied = asked.fileSystem.filter((entry) => entry.access === "deny")
  const taken = granted.fileSystem.filter(
    (entry) => entry.access === "deny" && !denied.some((known) => entriesEqual(known, entry))
  )
  const open: Array<FileSystemEntry> = []
  for (const a of asked.fileSystem) {
    for (const g of granted.fileSystem) {
      if (a.access === "deny" || g.access === "deny") continue
      const place = overlap(a.place, g.place)
      if (place === undefined) continue
      const access = a.access === "write" && g.access === "write" ? "write" : "read"
      const entry = { access, place } as const
      if (
        !open.some((known) => entriesEqual(known, entry)) &&
        taken.every((no) => areDisjoint(no.place, place))
      )
        open.push(entry)
    }
  }
  const depths = [asked.globDepth, granted.globDepth].flatMap((depth) => depth ?? [])
  return {
    network: asked.network && granted.network,
    fileSystem: open.length === 0 ? [] : [...open, ...denied],
    ...(depths.length === 0 ? {} : { globDepth: Math.min(...depths) })
  }
}
