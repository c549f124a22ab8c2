/** Remembers what a policy accepts for the session. The library remembers it, not Codex, so that every use is visible. */
import * as Effect from "effect/Effect"
import * as Nodepath from "node:path"
import type { ApprovalDecision } from "../domain/ApprovalDecision.ts"
import { normalize } from "./DecisionValidation.ts"
import { isWithin } from "../domain/Permissions.ts"
import { ApprovalContext, type Policy } from "./Policy.ts"
import { paths, type ApprovalRequest } from "../domain/ApprovalRequest.ts"
import { hash } from "../domain/ApprovalRequestHash.ts"

/** Whether an accepted request covers a new request. */
export type RequestEquivalence = (accepted: ApprovalRequest, requested: ApprovalRequest) => boolean

/** @internal Covers only identical requests. */
export const identical: RequestEquivalence = (accepted, requested) => hash(accepted) === hash(requested)

/** Covers simple commands in the same directory whose first `words` words are the same. */
export const sameCommand =
  (words: number): RequestEquivalence =>
  (accepted, requested) =>
    accepted._tag === "Command" &&
    requested._tag === "Command" &&
    !accepted.extra &&
    !requested.extra &&
    accepted.cwd === requested.cwd &&
    accepted.argv !== undefined &&
    requested.argv !== undefined &&
    accepted.argv.length >= words &&
    requested.argv.length >= words &&
    accepted.argv.slice(0, words).every((word, i) => word === requested.argv?.[i])

/** Covers patches to files in or below the directories of the accepted patch. */
export const sameDirectory: RequestEquivalence = (accepted, requested) => {
  if (accepted._tag !== "FileChange" || requested._tag !== "FileChange" || accepted.extra || requested.extra)
    return false
  const directories = paths(accepted).map((path) => Nodepath.dirname(Nodepath.resolve(accepted.cwd, path)))
  const requestedPaths = paths(requested)
  return (
    requestedPaths.length > 0 &&
    requestedPaths.every((path) =>
      directories.some((directory) => isWithin(Nodepath.resolve(requested.cwd, path), directory))
    )
  )
}

const maxGrants = 1000

interface SessionGrant {
  readonly accepted: ApprovalRequest
  readonly decision: Extract<ApprovalDecision, { readonly _tag: "AcceptForSession" }>
}

const canBeRemembered = (request: ApprovalRequest): boolean =>
  request._tag !== "UserInput" && request._tag !== "Elicitation" && request._tag !== "Unknown"

/**
 * Does not run the policy again for requests that it accepted for the session, as long as the thread is open: identical
 * requests, and requests that `like` covers. Codex gets a single acceptance each time, so that every use is visible, with
 * the source `session`. With `shared`, threads share what is remembered.
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
      return { _tag: "Accept", ...remembered, source: "session", policy: "remember" } as const
    }
    // A copy: the policy could modify the request.
    const accepted = structuredClone(request)
    const decision = yield* policy(request)
    if (decision._tag !== "AcceptForSession" || !canBeRemembered(request)) return decision
    const normalized = normalize(request, decision)
    if (normalized._tag !== "AcceptForSession") return decision
    // Read again: another request may have been remembered while the policy decided.
    const grants = grantsBySession.get(key) ?? []
    grantsBySession.set(key, [...grants, { accepted, decision: normalized }].slice(-maxGrants))
    // Codex itself applies a wider sandbox for the session.
    return request._tag === "Permissions" ? decision : { ...decision, rememberedLocally: true }
  })
}
