/** Checks that a decision matches its request. Pure. */
import type { ApprovalDecision, ApprovalAnswer } from "../domain/ApprovalDecision.ts"
import * as ElicitationForm from "./ElicitationForm.ts"
import * as Permissions from "../domain/Permissions.ts"
import type { ApprovalRequest, UserInputRequest } from "../domain/ApprovalRequest.ts"

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

const normalizePermissions = (
  request: Extract<ApprovalRequest, { readonly _tag: "Permissions" }>,
  accepting: Accepting
): ApprovalDecision => {
  const { given } = accepting
  if (given !== undefined && given._tag !== "Permissions")
    return declined(accepting, "the request is for permissions, but the decision grants none")
  const permissions = Permissions.intersect(request.permissions, given?.permissions ?? request.permissions)
  return Permissions.isEmpty(permissions)
    ? declined(accepting, "none of the requested permissions were granted")
    : { ...accepting, given: { _tag: "Permissions", permissions } }
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
    case "McpTool":
      return given === undefined
        ? decision
        : declined(decision, "the request takes a plain decision without answers or permissions")
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
