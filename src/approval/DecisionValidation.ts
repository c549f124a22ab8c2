/** Checks that a decision matches its request. Pure. */
import type { ApprovalDecision, ApprovalAnswer } from "../domain/ApprovalDecision.ts"
import * as ElicitationForm from "./ElicitationForm.ts"
import * as Permissions from "../domain/Permissions.ts"
import type { ApprovalRequest, UserInputRequest } from "../domain/ApprovalRequest.ts"

type Accepting = Extract<ApprovalDecision, { readonly _tag: "accept" | "acceptForSession" }>

const answersProblem = (
  request: typeof UserInputRequest.Type,
  given: ApprovalAnswer | undefined
): string | undefined => {
  if (given?._tag !== "answers") return "a question needs an answer"
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
    _tag: "decline",
    reason,
    ...(source === undefined ? {} : { source }),
    ...(policy === undefined ? {} : { policy })
  }
}

const normalizePermissions = (
  request: Extract<ApprovalRequest, { readonly _tag: "permissions" }>,
  accepting: Accepting
): ApprovalDecision => {
  const { given } = accepting
  if (given !== undefined && given._tag !== "permissions")
    return declined(accepting, "the request is for permissions, but the decision grants none")
  const permissions = Permissions.intersect(request.permissions, given?.permissions ?? request.permissions)
  return Permissions.isEmpty(permissions)
    ? declined(accepting, "none of the requested permissions were granted")
    : { ...accepting, given: { _tag: "permissions", permissions } }
}

/**
 * Returns the effective decision. An accepting decision that does not match the request becomes a decline. Granted
 * permissions are limited to the requested permissions, and content is checked against the form.
 */
export const normalize = (request: ApprovalRequest, decision: ApprovalDecision): ApprovalDecision => {
  if (decision._tag !== "accept" && decision._tag !== "acceptForSession") return decision
  const { given } = decision
  switch (request._tag) {
    case "command":
    case "file_change":
    case "tool":
    case "mcp_tool":
      return given === undefined
        ? decision
        : declined(decision, "the request takes a plain decision without answers or permissions")
    case "permissions":
      return normalizePermissions(request, decision)
    case "user_input": {
      const problem = answersProblem(request, given)
      return problem === undefined ? decision : declined(decision, problem)
    }
    case "elicitation": {
      if (given !== undefined && (given._tag !== "content" || request.mode === "url"))
        return declined(decision, "the answer is of the wrong kind for this elicitation")
      if (request.mode === "url") return decision
      const content = given?.content ?? {}
      const problem = ElicitationForm.problem(request.schema, content)
      return problem === undefined
        ? { ...decision, given: { _tag: "content", content } }
        : declined(decision, problem)
    }
    case "unknown":
      return declined(decision, "effect-codex does not know this kind of request")
  }
}

/** Returns why an accepting decision does not match the request, or `undefined` if it does. */
export const mismatch = (request: ApprovalRequest, decision: ApprovalDecision): string | undefined => {
  const normalized = normalize(request, decision)
  return decision._tag !== "decline" && normalized._tag === "decline" ? normalized.reason : undefined
}
