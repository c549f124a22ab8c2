/** Permissions beyond the sandbox: the agent requests them and a policy grants them. */
import * as Schema from "effect/Schema"
import * as Nodepath from "node:path"
import { canonicalJson } from "../internal/CanonicalJson.ts"
import { encodedTag } from "../internal/EncodedTag.ts"

/** `write` includes reading. `deny` excludes a place that other entries allow. */
export const Access = Schema.Literals(["read", "write", "deny"])
export type Access = typeof Access.Type

/** A path with everything below it, a glob, or a special place in Codex's own format. Encoded tags are in lower case. */
export const FileSystemPlace = Schema.Union([
  Schema.Struct({ _tag: encodedTag("Path", "path"), path: Schema.String }),
  Schema.Struct({ _tag: encodedTag("Glob", "glob"), pattern: Schema.String }),
  Schema.Struct({ _tag: encodedTag("Special", "special"), value: Schema.Unknown })
]).pipe(Schema.toTaggedUnion("_tag"))
export type FileSystemPlace = typeof FileSystemPlace.Type

export class FileSystemEntry extends Schema.Opaque<FileSystemEntry>()(
  Schema.Struct({ access: Access, place: FileSystemPlace })
) {}

/**
 * Network access and file system entries. `globDepth` is the maximum directory depth that a glob matches.
 * @since 0.1.0
 * @category schemas
 */
export class Permissions extends Schema.Opaque<Permissions>()(
  Schema.Struct({
    network: Schema.Boolean,
    fileSystem: Schema.Array(FileSystemEntry),
    globDepth: Schema.optionalKey(Schema.Natural)
  })
) {}

export const none: Permissions = { network: false, fileSystem: [] }

/** Makes an entry for a path and everything below it. */
export const path = (access: Access, path: string): FileSystemEntry => ({
  access,
  place: { _tag: "Path", path }
})

/**
 * Whether permissions allow nothing: no network, and no entry but `deny`.
 * @since 0.1.0
 * @category guards
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * Approval.isEmpty({ network: false, fileSystem: [] }) // true
 * ```
 */
export const isEmpty = (permissions: Permissions): boolean =>
  !permissions.network && permissions.fileSystem.every((entry) => entry.access === "deny")

const normalize = (path: string): string => {
  const normal = Nodepath.normalize(path)
  return normal.length > 1 && normal.endsWith(Nodepath.sep) ? normal.slice(0, -1) : normal
}

/** Whether `path` is `directory` or lies below it. Always false if one of them is relative. */
export const isWithin = (path: string, directory: string): boolean => {
  if (!Nodepath.isAbsolute(path) || !Nodepath.isAbsolute(directory)) return false
  const [inner, outer] = [normalize(path), normalize(directory)]
  return inner === outer || inner.startsWith(outer.endsWith(Nodepath.sep) ? outer : `${outer}${Nodepath.sep}`)
}

/** Returns the place that is part of both, or `undefined` if there is none or it cannot be determined. */
const overlap = (a: FileSystemPlace, b: FileSystemPlace): FileSystemPlace | undefined => {
  if (a._tag === "Path" && b._tag === "Path") {
    if (isWithin(a.path, b.path)) return { _tag: "Path", path: normalize(a.path) }
    return isWithin(b.path, a.path) ? { _tag: "Path", path: normalize(b.path) } : undefined
  }
  // The paths that a glob or a special place covers are unknown here, so only an identical place is certain to overlap.
  return canonicalJson(a) === canonicalJson(b) ? a : undefined
}

const areDisjoint = (a: FileSystemPlace, b: FileSystemPlace): boolean =>
  a._tag === "Path" && b._tag === "Path" && !isWithin(a.path, b.path) && !isWithin(b.path, a.path)

const entriesEqual = (a: FileSystemEntry, b: FileSystemEntry): boolean =>
  canonicalJson(a) === canonicalJson(b)

/**
 * Returns the permissions that were both requested and granted, never more than either. `deny` entries of the request
 * stay. Codex has no way to express a `deny` entry that only the grant contains, so places that overlap with such an
 * entry are not granted at all.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * const mayRead: Approval.Permissions = {
 *   network: false,
 *   fileSystem: [{ access: "read", place: { _tag: "Path", path: "/srv/data" } }]
 * }
 * const grantAtMost = (request: Approval.PermissionsRequest) =>
 *   Approval.grant(Approval.intersect(request.permissions, mayRead))
 * ```
 */
export const intersect = (requested: Permissions, granted: Permissions): Permissions => {
  const denied = requested.fileSystem.filter((entry) => entry.access === "deny")
  const excluded = granted.fileSystem.filter(
    (entry) => entry.access === "deny" && !denied.some((known) => entriesEqual(known, entry))
  )
  const open: Array<FileSystemEntry> = []
  for (const a of requested.fileSystem) {
    for (const g of granted.fileSystem) {
      if (a.access === "deny" || g.access === "deny") continue
      const place = overlap(a.place, g.place)
      if (place === undefined) continue
      const access = a.access === "write" && g.access === "write" ? "write" : "read"
      const entry = { access, place } as const
      if (
        !open.some((known) => entriesEqual(known, entry)) &&
        excluded.every((entry) => areDisjoint(entry.place, place))
      )
        open.push(entry)
    }
  }
  const depths = [requested.globDepth, granted.globDepth].flatMap((depth) => depth ?? [])
  return {
    network: requested.network && granted.network,
    fileSystem: open.length === 0 ? [] : [...open, ...denied],
    ...(depths.length === 0 ? {} : { globDepth: Math.min(...depths) })
  }
}
