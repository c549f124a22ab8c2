/** Decisions about approval requests. */
import * as Schema from "effect/Schema"
import { Permissions } from "./Permissions.ts"

/** Where a decision comes from: a policy, a person, an earlier decision for the session, a timeout, or the default. */
export const ApprovalSource = Schema.Literals(["policy", "user", "session", "timeout", "default"])
export type ApprovalSource = typeof ApprovalSource.Type

const origin = { source: Schema.optionalKey(ApprovalSource), policy: Schema.optionalKey(Schema.String) }

/** The data of an accepting decision: granted permissions, answers by question id, or the fields of a form. */
export const ApprovalAnswer = Schema.TaggedUnion({
  permissions: { permissions: Permissions },
  answers: { answers: Schema.Record(Schema.String, Schema.Array(Schema.String)) },
  content: { content: Schema.Record(Schema.String, Schema.Unknown) }
})
export type ApprovalAnswer = typeof ApprovalAnswer.Type

const given = { given: Schema.optionalKey(ApprovalAnswer) }

/**
 * A decision. The `reason` of a decline appears in events, logs and spans; Codex tells the model that the request was
 * declined, but not why. `rememberedLocally` means that the library remembers the acceptance for the session. Codex then
 * gets a single acceptance and asks again next time. The encoded form calls the field `kept`.
 */
export const ApprovalDecision = Schema.Union([
  Schema.TaggedStruct("accept", { ...given, ...origin }),
  Schema.TaggedStruct("acceptForSession", {
    ...given,
    rememberedLocally: Schema.optionalKey(Schema.Boolean),
    ...origin
  }).pipe(Schema.encodeKeys({ rememberedLocally: "kept" })),
  Schema.TaggedStruct("decline", { reason: Schema.String, ...origin }),
  Schema.TaggedStruct("cancel", origin)
]).pipe(Schema.toTaggedUnion("_tag"))
export type ApprovalDecision = typeof ApprovalDecision.Type

/** Approves once. For questions and non-empty forms use `answer` or `submit`; `accept` declines them. */
export const accept: ApprovalDecision = { _tag: "accept" }
/** Approves this request and identical requests for as long as the thread is open. */
export const acceptForSession: ApprovalDecision = { _tag: "acceptForSession" }
/** Declines. The turn continues. */
export const decline = (reason: string): ApprovalDecision => ({ _tag: "decline", reason })
/** Declines and interrupts the turn. */
export const cancel: ApprovalDecision = { _tag: "cancel" }

/** Grants all or some of the requested permissions. Permissions that were not requested are not granted. */
export const grant = (permissions: Permissions, scope: "turn" | "session" = "turn"): ApprovalDecision => ({
  _tag: scope === "turn" ? "accept" : "acceptForSession",
  given: { _tag: "permissions", permissions }
})

/** Answers the agent's questions. The keys are the ids of the questions. */
export const answer = (answers: Readonly<Record<string, ReadonlyArray<string>>>): ApprovalDecision => ({
  _tag: "accept",
  given: { _tag: "answers", answers }
})

/** Fills in the form of an MCP server. */
export const submit = (content: Readonly<Record<string, unknown>>): ApprovalDecision => ({
  _tag: "accept",
  given: { _tag: "content", content }
})

/** Whether a decision accepts the request. */
export const isGranted = (decision: ApprovalDecision): boolean =>
  decision._tag === "accept" || decision._tag === "acceptForSession"

/** @internal Removes a person's answers, which can be secrets, from a decision, so that it can be part of an event. */
export const withoutAnswers = (decision: ApprovalDecision): ApprovalDecision => {
  if (decision._tag !== "accept" && decision._tag !== "acceptForSession") return decision
  if (decision.given === undefined || decision.given._tag === "permissions") return decision
  const { given: _, ...rest } = decision
  return rest
}
