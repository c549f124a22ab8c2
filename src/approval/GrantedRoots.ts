/**
 * Remembers where a thread's sandbox can write because a policy granted it. The agent can put links there, so these
 * directories count as writable for later requests, also after the turn that a grant was for.
 */
import * as Nodepath from "node:path"
import { type ApprovalDecision, isGranted } from "../domain/ApprovalDecision.ts"
import type { ApprovalRequest } from "../domain/ApprovalRequest.ts"
import type { Permissions } from "../domain/Permissions.ts"
import * as RealPath from "../internal/RealPath.ts"
import { directoryOfPattern } from "./ResolvedRequest.ts"

const rootsBySession = new WeakMap<object, ReadonlySet<string>>()

const writableIn = ({ fileSystem }: Permissions): ReadonlyArray<string> =>
  fileSystem.flatMap(({ access, place }) => {
    if (access !== "write") return []
    if (place._tag === "Path") return [place.path]
    // A special place can be anywhere.
    return [place._tag === "Glob" ? directoryOfPattern(place.pattern) : "/"]
  })

const grantedBy = (request: ApprovalRequest, decision: ApprovalDecision): ReadonlyArray<string> => {
  switch (request._tag) {
    case "Permissions":
      return "given" in decision && decision.given?._tag === "Permissions"
        ? writableIn(decision.given.permissions)
        : []
    case "Command":
      return request.wants?.permissions === undefined ? [] : writableIn(request.wants.permissions)
    case "FileChange":
      return request.root === undefined ? [] : [request.root]
    default:
      return []
  }
}

/** Records what a decision lets the agent write. `session` is the object of the open thread. */
export const record = (session: object, request: ApprovalRequest, decision: ApprovalDecision): void => {
  if (!isGranted(decision) || !("cwd" in request)) return
  const granted = grantedBy(request, decision)
  if (granted.length === 0) return
  const real = granted.map((path) => RealPath.directory(Nodepath.resolve(request.cwd, path)).real)
  rootsBySession.set(session, new Set([...(rootsBySession.get(session) ?? []), ...real]))
}

/** Returns the real paths that the agent may have been able to write since the thread was opened. */
export const list = (session: object): ReadonlyArray<string> => [...(rootsBySession.get(session) ?? [])]
