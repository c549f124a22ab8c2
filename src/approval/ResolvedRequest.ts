/** Adds to a request where its paths lead, so that policies, people and replies go by real paths. */
import type { ApprovalRequest, ResolvedPath } from "../domain/ApprovalRequest.ts"
import { paths } from "../domain/ApprovalRequest.ts"
import type { ThreadAccess } from "../domain/ThreadAccess.ts"
import type { Permissions } from "../domain/Permissions.ts"
import * as RealPath from "../internal/RealPath.ts"
import * as Nodepath from "node:path"

const pathsOf = ({ fileSystem }: Permissions): ReadonlyArray<string> =>
  fileSystem.flatMap(({ place }) => (place._tag === "Path" ? [place.path] : []))

/** Returns the directory of a request and the paths that it names. */
const namedIn = (
  request: ApprovalRequest
): { readonly cwd: string; readonly paths: ReadonlyArray<string> } | undefined => {
  switch (request._tag) {
    case "Command": {
      const wanted = request.wants?.permissions
      return { cwd: request.cwd, paths: wanted === undefined ? [] : pathsOf(wanted) }
    }
    case "FileChange":
      return {
        cwd: request.cwd,
        paths: [...paths(request), ...(request.root === undefined ? [] : [request.root])]
      }
    case "Permissions":
      return { cwd: request.cwd, paths: pathsOf(request.permissions) }
    default:
      return undefined
  }
}

/**
 * Returns the request with `resolved`. Resolves each path once, at the time of the request: what a policy sees, what a
 * person sees and what the hash covers is the same.
 */
export const resolve = (request: ApprovalRequest, access: ThreadAccess): ApprovalRequest => {
  const named = namedIn(request)
  if (named === undefined || ("resolved" in request && request.resolved !== undefined)) return request
  const { cwd, writableRoots } = access
  const own = RealPath.resolve(named.cwd, cwd)
  const resolved = [...new Set(named.paths)].map((given): ResolvedPath => {
    // Joined as text: `..` behind a link must stay visible.
    const path = Nodepath.isAbsolute(given) ? given : `${named.cwd}${Nodepath.sep}${given}`
    const { real, throughLink } = RealPath.resolve(path, cwd)
    return {
      given,
      ...(real === undefined ? {} : { real }),
      throughLink,
      agentWritable: real === undefined || RealPath.isAgentWritable(real, writableRoots)
    }
  })
  return Object.assign({}, request, {
    resolved: {
      ...(own.real === undefined ? {} : { cwd: own.real }),
      cwdThroughLink: own.throughLink,
      threadCwd: cwd.real,
      paths: resolved
    }
  })
}
