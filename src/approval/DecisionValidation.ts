/** Checks that a decision matches its request. Pure. */
import type { ApprovalDecision, ApprovalAnswer } from "../domain/ApprovalDecision.ts"
import * as Schema from "effect/Schema"
import * as Amendment from "../domain/Amendment.ts"
import * as ElicitationForm from "./ElicitationForm.ts"
import * as Permissions from "../domain/Permissions.ts"
import type { ApprovalRequest, ResolvedPaths, UserInputRequest } from "../domain/ApprovalRequest.ts"
import { specialName } from "./ResolvedRequest.ts"

type Accepting = Extract<ApprovalDecision, { readonly _tag: "Accept" | "AcceptForSession" }>

const answersProblem = (
  request: typeof UserInputRequest.Type,
  given: ApprovalAnswer | undefined
): string | undefined => {
  if (given?._tag !== "Answers") return "a question needs an answer"
  const answers = Object.entries(given.answers)
  if (answers.every(([, texts]) => texts.length === 0)) return "a question needs an answer"
  for (const [id, texts] of answers) {
    const question = request.questions.find((question) => question.id === id)
    if (question === undefined) return "an answer refers to an unknown question"
    if (question.other || question.options === undefined) continue
    const labels = new Set(question.options.map(({ label }) => label))
    if (!texts.every((text) => labels.has(text))) return "an answer is not one of the options"
  }
  return undefined
}

const declined = (accepting: Accepting, reason: string): ApprovalDecision => {
  const { policy, source } = accepting
  return {
    _tag: "Decline",
    reason,
    ...(source === undefined ? {} : { source }),
    ...(policy === undefined ? {} : { policy })
  }
}

type Entry = Permissions.Permissions["fileSystem"][number]

/**
 * The special places of Codex that are certain to be where they seem. Codex resolves a `subpath` itself when it opens the
 * sandbox, through links that the agent may have made, and nothing is known about other kinds.
 */
const isFixedPlace = Schema.is(
  Schema.Struct({
    kind: Schema.Literals(["root", "minimal", "project_roots", "tmpdir", "slash_tmp"]),
    subpath: Schema.optionalKey(Schema.Null)
  })
)

const resolvedPath = (resolved: ResolvedPaths | undefined, given: string) =>
  resolved?.paths.find((path) => path.given === given)

/** Returns what files of this process, or of Codex, a permission would open for the agent. A spool that it writes says what it wants. */
const hostFilesBelow = (
  { access, place }: Entry,
  resolved: ResolvedPaths | undefined
): string | undefined => {
  if (access !== "write") return undefined
  switch (place._tag) {
    case "Path":
      return resolvedPath(resolved, place.path)?.hostFiles
    case "Glob":
      return resolvedPath(resolved, place.pattern)?.hostFiles
    case "Special":
      return resolvedPath(resolved, specialName(place.value))?.hostFiles
  }
}

/**
 * Whether a permission may be granted. Where the agent can write, it can replace a directory by a link at any time, also
 * after the grant, so the sandbox would open at the target of the link. The agent needs no such permission.
 */
const canBeGranted = (entry: Entry, resolved: ResolvedPaths | undefined): boolean => {
  const { access, place } = entry
  if (access === "deny") return true
  if (hostFilesBelow(entry, resolved) !== undefined) return false
  if (place._tag === "Special") return isFixedPlace(place.value)
  const found = resolvedPath(resolved, place._tag === "Path" ? place.path : place.pattern)
  if (found?.real === undefined || found.agentWritable) return false
  // Codex gets a pattern as it is written, so its directory must be the real one.
  return place._tag === "Path" || !found.throughLink
}

/** Replaces each path by the real path that it had when the request arrived. */
const toRealPaths = (
  permissions: Permissions.Permissions,
  resolved: ResolvedPaths | undefined
): Permissions.Permissions => ({
  ...permissions,
  fileSystem: permissions.fileSystem.map((entry) => {
    const real = entry.place._tag === "Path" ? resolvedPath(resolved, entry.place.path)?.real : undefined
    return real === undefined ? entry : { ...entry, place: { _tag: "Path", path: real } }
  })
})

const belowWritable = "lies below a directory that the agent can write, or cannot be resolved"

/** Says why none of these paths is granted. */
const ungrantable = (
  subject: string,
  entries: ReadonlyArray<Entry>,
  resolved: ResolvedPaths | undefined
): string => {
  const content = entries.map((entry) => hostFilesBelow(entry, resolved)).find((found) => found !== undefined)
  return content === undefined
    ? `${subject} ${belowWritable}`
    : `${subject} would let the agent write ${content}`
}

const normalizePermissions = (
  request: Extract<ApprovalRequest, { readonly _tag: "Permissions" }>,
  accepting: Accepting
): ApprovalDecision => {
  const { given } = accepting
  if (given !== undefined && given._tag !== "Permissions")
    return declined(accepting, "the request is for permissions, but the decision grants none")
  const { permissions: requested, resolved } = request
  const grantable = requested.fileSystem.filter((entry) => canBeGranted(entry, resolved))
  const permissions = Permissions.intersect(
    toRealPaths({ ...requested, fileSystem: grantable }, resolved),
    toRealPaths(given?.permissions ?? requested, resolved)
  )
  if (!Permissions.isEmpty(permissions)) return { ...accepting, given: { _tag: "Permissions", permissions } }
  return declined(
    accepting,
    grantable.length < requested.fileSystem.length
      ? ungrantable("every requested path", requested.fileSystem, resolved)
      : "none of the requested permissions were granted"
  )
}

/**
 * Whether a value contains an integer that a JavaScript number may not hold exactly. Codex does hold it, so that two calls
 * with different numbers would look the same here.
 */
const hasInexactNumber = (value: unknown): boolean => {
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value)
  return typeof value === "object" && value !== null && Object.values(value).some(hasInexactNumber)
}

/** Why the data of a decision does not match a command, a patch or a call: it may only be an amendment that Codex offers. */
const givenProblem = (request: ApprovalRequest, { _tag, given }: Accepting): string | undefined => {
  if (given === undefined) return undefined
  if (given._tag !== "Amendment") return "the request takes a plain decision without answers or permissions"
  if (_tag !== "Accept") return "a lasting approval is no approval for the session"
  const offered = "amendments" in request ? (request.amendments ?? []) : []
  return offered.some((amendment) => Amendment.isSame(amendment, given.amendment))
    ? undefined
    : "Codex does not offer this lasting approval with the request"
}

/** Why a command, a patch or a call cannot be accepted, whatever the policy says. */
const extraProblem = (request: ApprovalRequest): string | undefined => {
  if (request._tag === "McpTool" && hasInexactNumber(request.arguments))
    return "the arguments contain a number that is too large to be shown exactly"
  if (
    (request._tag === "Command" && request.extra && request.wants === undefined) ||
    (request._tag === "FileChange" && request.extra && request.root === undefined)
  )
    return "the request includes something that effect-codex cannot read"
  if (request._tag === "Command") {
    const wanted = request.wants?.permissions?.fileSystem ?? []
    return wanted.every((entry) => canBeGranted(entry, request.resolved))
      ? undefined
      : ungrantable("the command also requests a path that", wanted, request.resolved)
  }
  if (request._tag !== "FileChange") return undefined
  if (request.changes.length === 0) return "Codex does not say which files the patch changes"
  if (request.root === undefined) return undefined
  const root = Permissions.path("write", request.root)
  return canBeGranted(root, request.resolved)
    ? undefined
    : ungrantable("the patch also requests a directory that", [root], request.resolved)
}

/**
 * Returns the effective decision. An accepting decision that does not match the request becomes a decline. Granted
 * permissions are limited to the requested permissions, and content is checked against the form.
 */
export const normalize = (request: ApprovalRequest, decision: ApprovalDecision): ApprovalDecision => {
  if (decision._tag !== "Accept" && decision._tag !== "AcceptForSession") return decision
  const { given } = decision
  switch (request._tag) {
    case "Command":
    case "FileChange":
    case "Tool":
    case "McpTool": {
      const problem = givenProblem(request, decision) ?? extraProblem(request)
      return problem === undefined ? decision : declined(decision, problem)
    }
    case "Permissions":
      return normalizePermissions(request, decision)
    case "UserInput": {
      const problem = answersProblem(request, given)
      return problem === undefined ? decision : declined(decision, problem)
    }
    case "Elicitation": {
      if (given !== undefined && (given._tag !== "Content" || request.mode === "url"))
        return declined(decision, "the answer is of the wrong kind for this elicitation")
      if (request.mode === "url") return decision
      const content = given?.content ?? {}
      const problem = ElicitationForm.problem(request.schema, content)
      return problem === undefined
        ? { ...decision, given: { _tag: "Content", content } }
        : declined(decision, problem)
    }
    case "Unknown":
      return declined(decision, "effect-codex does not know this kind of request")
  }
}

/** Returns why an accepting decision does not match the request, or `undefined` if it does. */
export const mismatch = (request: ApprovalRequest, decision: ApprovalDecision): string | undefined => {
  const normalized = normalize(request, decision)
  return decision._tag !== "Decline" && normalized._tag === "Decline" ? normalized.reason : undefined
}
