/** Masks the answers to questions that Codex marks as secret. */
import type * as Approval from "../../Approval.ts"

const masked = "[redacted]"

/** Masks the secret answers of a decision. Scrubbing cannot recognise them, because any text may be such an answer. */
export const mask = (
  request: Approval.ApprovalRequest | undefined,
  decision: Approval.ApprovalDecision
): Approval.ApprovalDecision => {
  if (request?._tag !== "UserInput" || (decision._tag !== "Accept" && decision._tag !== "AcceptForSession"))
    return decision
  const { given } = decision
  if (given?._tag !== "Answers") return decision
  const secret = new Set(request.questions.flatMap(({ id, secret }) => (secret ? [id] : [])))
  const answers = Object.entries(given.answers).map(([id, texts]) => [
    id,
    secret.has(id) ? texts.map(() => masked) : texts
  ])
  return { ...decision, given: { _tag: "Answers", answers: Object.fromEntries(answers) } }
}
