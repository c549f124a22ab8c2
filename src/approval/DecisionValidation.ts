/** Whether a decision answers what was asked. Pure. */
import type { ApprovalDecision, GivenAnswer } from "../domain/ApprovalDecision.ts"
import * as ElicitationForm from "./ElicitationForm.ts"
import * as Permissions from "../domain/Permissions.ts"
import type { ApprovalRequest, UserInputRequest } from "../domain/ApprovalRequest.ts"

type Yes = Extract<ApprovalDecision, { readonly _tag: "accept" | "acceptForSession" }>

const answersProblem = (
  request: typeof UserInputRequest.Type,
  given: GivenAnswer | undefined
): string | undefined => {
  if (given?._tag !== "answers") return "a question needs an answer"
  const answers = Object.entries(given.answers)
  if (answers.every(([, texts]) => texts.length === 0)) return "a question needs an answer"
  for (const [id, texts] of answers) {
    const question = request.questions.find((question) => question.id === id)
    if (question === undefined) return "an answer belongs to no question"
    if (question.other || question.options === undefined) continue
    const labels = new Set(question.options.map(({ label }) => label))
    if (!texts.every((text) => labels.has(text))) return "an answer is none of the options"
  }
  return undefined
}

const no = (yes: Yes, reason: string): ApprovalDecision => {
  const { policy, source } = yes
  return {
    _tag: "decline",
    reason,
    ...(source === undefined ? {} : { source }),
    ...(policy === undefined ? {} : { policy })
  }
}

const granted = (
  request: Extract<ApprovalRequest, { readonly _tag: "permissions" }>,
  yes: Yes
): ApprovalDecision => {
  const { given } = yes
  if (given !== undefined && given._tag !== "permissions") return no(yes, "permissions were asked for")
  const permissions = Permissions.intersect(request.permissions, given?.permissions ?? request.permissions)
  return Permissions.isEmpty(permissions)
    ? no(yes, "nothing was granted of what was asked for")
    : { ...yes, given: { _tag: "permissions", permissions } }
}

/**
 * The decision that a decision amounts to. A yes that does not answer what was asked is a no; of permissions no more is
 * granted than was asked for; content is checked against the form.
 */
export const normalize = (request: ApprovalRequest, decision: ApprovalDecision): ApprovalDecision => {
  if (decision._tag !== "accept" && decision._tag !== "acceptForSession") return decision
  const { given } = decision
  switch (request._tag) {
    case "command":
    case "file_change":
    case "tool":
    case "mcp_tool":
      return given === undefined ? decision : no(decision, "nothing but a yes or a no was asked for")
    case "permissions":
      return granted(request, decision)
    case "user_input": {
      const problem = answersProblem(request, given)
      return problem === undefined ? decision : no(decision, problem)
    }
    case "elicitation": {
      if (given !== undefined && (given._tag !== "content" || request.mode === "url"))
        return no(decision, "the answer does not belong to what was asked")
      if (request.mode === "url") return decision
      const content = given?.content ?? {}
      const problem = ElicitationForm.problem(request.schema, content)
      return problem === undefined
        ? { ...decision, given: { _tag: "content", content } }
        : no(decision, problem)
    }
    case "unknown":
      return no(decision, "effect-codex does not know what is asked")
  }
}

/** Whether a yes came out as a no. */
export const mismatch = (request: ApprovalRequest, decision: ApprovalDecision): string | undefined => {
  const fitted = normalize(request, decision)
  return decision._tag !== "decline" && fitted._tag === "decline" ? fitted.reason : undefined
}
