/** Adds to a request where its paths lead, so that policies, people and replies go by real paths. */
import type { ApprovalRequest, ResolvedPath } from "../domain/ApprovalRequest.ts"
import { paths } from "../domain/ApprovalRequest.ts"
import type { ThreadAccess } from "../domain/ThreadAccess.ts"
import type { Permissions } from "../domain/Permissions.ts"
import { canonicalJson } from "../internal/CanonicalJson.ts"
import * as HostDirectories from "../internal/HostDirectories.ts"
import * as RealPath from "../internal/RealPath.ts"
import * as Schema from "effect/Schema"
import * as Nodepath from "node:path"

/** Returns the directory that a pattern starts from. */
export const directoryOfPattern = (pattern: string): string => {
  const at = pattern.search(/[*?[{]/)
  return at < 0 ? pattern : pattern.slice(0, pattern.lastIndexOf("/", at) + 1)
}

/** A path of a request, and the path to resolve for it. */
interface NamedPath {
  readonly given: string
  readonly path: string
  /** Whether the request would let the agent write everything there, and not only make a change that it shows. */
  readonly opens: boolean
}

const named = (path: string, opens = false): NamedPath => ({ given: path, path, opens })

const namedByPermissions = ({ fileSystem }: Permissions): ReadonlyArray<NamedPath> =>
  fileSystem.flatMap(({ access, place }) => {
    const opens = access === "write"
    if (place._tag === "Path") return [named(place.path, opens)]
    return place._tag === "Glob"
      ? [{ given: place.pattern, path: directoryOfPattern(place.pattern), opens }]
      : []
  })

const permissionsOf = (request: Resolvable): Permissions | undefined =>
  request._tag === "Permissions"
    ? request.permissions
    : request._tag === "Command"
      ? request.wants?.permissions
      : undefined

/** Returns the name of a special place in `resolved`. */
export const specialName = (value: unknown): string => canonicalJson(value)

const isProjectRoots = Schema.is(Schema.Struct({ kind: Schema.Literal("project_roots") }))
const isSlashTmp = Schema.is(Schema.Struct({ kind: Schema.Literal("slash_tmp") }))
const isTmpdir = Schema.is(Schema.Struct({ kind: Schema.Literal("tmpdir") }))

/** Returns the paths of a special place. Where that is not known, it can be anywhere. */
const pathsOfSpecial = (
  value: unknown,
  projects: ReadonlyArray<string>,
  tmpdir = "/"
): ReadonlyArray<string> => {
  if (isProjectRoots(value)) return projects
  return [RealPath.directory(isSlashTmp(value) ? "/tmp" : isTmpdir(value) ? tmpdir : "/").real]
}

/** Returns the special places that would let the agent write files of this process. */
const specialPlaces = (
  request: Resolvable,
  projects: ReadonlyArray<string>,
  tmpdir: string | undefined,
  hostDirectoryAt: (path: string) => HostDirectories.HostDirectory | undefined
): ReadonlyArray<ResolvedPath> =>
  (permissionsOf(request)?.fileSystem ?? []).flatMap(({ access, place }) => {
    if (access !== "write" || place._tag !== "Special") return []
    const [found] = pathsOfSpecial(place.value, projects, tmpdir).flatMap(
      (path) => hostDirectoryAt(path) ?? []
    )
    return found === undefined
      ? []
      : [
          {
            given: specialName(place.value),
            throughLink: false,
            agentWritable: true,
            hostFiles: found.content
          }
        ]
  })

/** Returns the paths that a request names, or `undefined` for a request that concerns no files. */
const namedBy = (request: Resolvable): ReadonlyArray<NamedPath> => {
  switch (request._tag) {
    case "Command":
      return request.wants?.permissions === undefined ? [] : namedByPermissions(request.wants.permissions)
    case "FileChange":
      return [
        ...paths(request).map((path) => named(path)),
        ...(request.root === undefined ? [] : [named(request.root, true)])
      ]
    case "Permissions":
      return namedByPermissions(request.permissions)
  }
}

type Resolvable = Extract<ApprovalRequest, { readonly cwd: string }>

const isResolvable = (request: ApprovalRequest): request is Resolvable => "cwd" in request

/**
 * Returns the request with `resolved`. Resolves each path once, at the time of the request: what a policy sees, what a
 * person sees and what the hash covers is the same. `granted` are the paths that earlier decisions let the agent write: it
 * can replace what is below them, but not the paths themselves, so it can request the same path again. `hostDirectories` are
 * the directories in which this process keeps files.
 */
export const resolve = (
  request: ApprovalRequest,
  access: ThreadAccess,
  granted: ReadonlyArray<string> = [],
  hostDirectories: ReadonlyArray<HostDirectories.HostDirectory> = []
): ApprovalRequest => {
  if (!isResolvable(request) || request.resolved !== undefined) return request
  const { cwd, writableRoots } = access
  const lookUps = RealPath.makeLookUps()
  const own = RealPath.resolve(request.cwd, cwd, lookUps)
  const byName = new Map<string, NamedPath>()
  const ambiguous = new Set<string>()
  for (const path of namedBy(request)) {
    const other = byName.get(path.given) ?? path
    if (other.path !== path.path) ambiguous.add(path.given)
    byName.set(path.given, { ...path, opens: path.opens || other.opens })
  }
  const hostDirectoryAt = HostDirectories.grantCheck(hostDirectories)
  const resolved = [...byName.values()].map(({ given, opens, path }): ResolvedPath => {
    // A path and a pattern with the same text are different places.
    if (ambiguous.has(given)) return { given, throughLink: true, agentWritable: true }
    // Joined as text: `..` behind a link must stay visible.
    const full = Nodepath.isAbsolute(path) ? path : `${request.cwd}${Nodepath.sep}${path}`
    const { real, throughLink } = RealPath.resolve(full, cwd, lookUps)
    // Codex reads `~` as the home directory in some places and as a name in others.
    const known = path.startsWith("~") ? undefined : real
    const host = opens && known !== undefined ? hostDirectoryAt(known) : undefined
    return {
      given,
      ...(known === undefined ? {} : { real: known }),
      throughLink,
      agentWritable:
        known === undefined ||
        RealPath.isAgentWritable(known, writableRoots) ||
        granted.some((root) => known !== root && RealPath.isWithin(known, root)),
      ...(host === undefined ? {} : { hostFiles: host.content })
    }
  })
  return Object.assign({}, request, {
    resolved: {
      ...(own.real === undefined ? {} : { cwd: own.real }),
      cwdThroughLink: own.throughLink,
      threadCwd: cwd.real,
      paths: [
        ...resolved,
        ...specialPlaces(
          request,
          [cwd.real, ...writableRoots, own.real ?? "/"],
          access.tmpdir,
          hostDirectoryAt
        )
      ]
    }
  })
}
