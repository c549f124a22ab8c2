/** Not asking twice: a yes for the session, kept on our side, where it can be seen and told. */
import * as Effect from "effect/Effect"
import * as Nodepath from "node:path"
import type { ApprovalDecision } from "../domain/ApprovalDecision.ts"
import { normalize } from "./DecisionValidation.ts"
import { isWithin } from "../domain/Permissions.ts"
import { ApprovalContext, type Policy } from "./Policy.ts"
import { paths, type ApprovalRequest } from "../domain/ApprovalRequest.ts"
import { hash } from "../domain/ApprovalRequestHash.ts"

/** Whether what was accepted for the session covers what is asked now. */
export type RequestEquivalence = (accepted: ApprovalRequest, asked: ApprovalRequest) => boolean

/** Only the very same. */
export const identical: RequestEquivalence = (accepted, asked) => hash(accepted) === hash(asked)

/** Simple commands in the same folder that begin with the same so many words. */
export const sameCommand =
  (words: number): RequestEquivalence =>
  (accepted, asked) =>
    accepted._tag === "command" &&
    asked._tag === "command" &&
    !accepted.extra &&
    !asked.extra &&
    accepted.cwd === asked.cwd &&
    accepted.argv !== undefined &&
    asked.argv !== undefined &&
    accepted.argv.length >= words &&
    asked.argv.length >= words &&
    accepted.argv.slice(0, words).every((word, i) => word === asked.argv?.[i])

/** Patches that stay in folders of which a file was changed before. */
export const sameDirectory: RequestEquivalence = (accepted, asked) => {
  if (accepted._tag !== "file_change" || asked._tag !== "file_change" || accepted.extra || asked.extra)
    return false
  const directories = paths(accepted).map((path) => Nodepath.dirname(Nodepath.resolve(accepted.cwd, path)))
  const askedPaths = paths(asked)
  return (
    askedPaths.length > 0 &&
    askedPaths.every((path) =>
      directories.some((directory) => isWithin(Nodepath.resolve(asked.cwd, path), directory))
    )
  )
}

const maxGrants = 1000

interface SessionGrant {
  readonly accepted: ApprovalRequest
  readonly decision: Extract<ApprovalDecision, { readonly _tag: "acceptForSession" }>
}

const canBeRemembered = (request: ApprovalRequest): boolean =>
  request._tag !== "user_input" && request._tag !== "elicitation" && request._tag !== "unknown"

/**
 * What a policy accepts for the session is not asked of it again while the thread is open: the very same by default,
 * besides what `like` says. Codex is told of a single yes each time, so that each is seen, with the source `session`.
 * Threads know nothing of each other's unless `shared` says so.
 */
export const remember = <R>(
  policy: Policy<R>,
  options: { readonly like?: RequestEquivalence; readonly shared?: boolean } = {}
): Policy<R> => {
  const grantsBySession = new WeakMap<object, Array<SessionGrant>>()
  const shared = {}
  return Effect.fnUntraced(function* (request) {
    const key = options.shared === true ? shared : (yield* ApprovalContext).session
    const grant = grantsBySession
      .get(key)
      ?.find(({ accepted }) => identical(accepted, request) || options.like?.(accepted, request) === true)
    if (grant !== undefined) {
      const { given } = grant.decision
      const remembered = identical(grant.accepted, request) && given !== undefined ? { given } : {}
      return { _tag: "accept", ...remembered, source: "session", policy: "remember" } as const
    }
    // What a policy does to the request must not change what is remembered of it.
    const accepted = structuredClone(request)
    const said = yield* policy(request)
    if (said._tag !== "acceptForSession" || !canBeRemembered(request)) return said
    const normalized = normalize(request, said)
    if (normalized._tag !== "acceptForSession") return said
    // Read again: another question may have been answered meanwhile.
    const grants = grantsBySession.get(key) ?? []
    grantsBySession.set(key, [...grants, { accepted, decision: normalized }].slice(-maxGrants))
    // A wider sandbox for the session is Codex's to keep.
    return request._tag === "permissions" ? said : { ...said, rememberedLocally: true }
  })
}
