/** The answers to questions that Codex marks as secret: nothing that scrubs texts could know them. */
import type * as Approval from "../../Approval.ts"

const mask = "[redacted]"

/** A decision as it may be written: the answers to secret questions of the request are masked. */
export const maskSecretAnswers = (
  request: Approval.ApprovalRequest | undefined,
  decision: Approval.ApprovalDecision
): Approval.ApprovalDecision => {
  if (request?._tag !== "user_input" || (decision._tag !== "accept" && decision._tag !== "acceptForSession"))
    return decision
  const { given } = decision
  if (given?._tag !== "answers") return decision
  const secret = new Set(request.questions.flatMap(({ id, secret }) => (secret ? [id] : [])))
  const answers = Object.entries(given.answers).map(([id, texts]) => [
    id,
    secret.has(id) ? texts.map(() => mask) : texts
  ])
  return { ...decision, given: { _tag: "answers", answers: Object.fromEntries(answers) } }
}
