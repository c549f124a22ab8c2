/** What is decided of a request. */
import * as Schema from "effect/Schema"
import { Permissions } from "./Permissions.ts"

/** Who decided: a policy, a person, an earlier decision for the session, the clock, or nobody. */
export const ApprovalSource = Schema.Literals(["policy", "user", "session", "timeout", "default"])
export type ApprovalSource = typeof ApprovalSource.Type

const origin = { source: Schema.optionalKey(ApprovalSource), policy: Schema.optionalKey(Schema.String) }

/** What a yes gives with it: what is granted, the answers by the id of their question, or a form's fields. */
export const ApprovalAnswer = Schema.TaggedUnion({
  permissions: { permissions: Permissions },
  answers: { answers: Schema.Record(Schema.String, Schema.Array(Schema.String)) },
  content: { content: Schema.Record(Schema.String, Schema.Unknown) }
})
export type ApprovalAnswer = typeof ApprovalAnswer.Type

const given = { given: Schema.optionalKey(ApprovalAnswer) }

/**
 * `reason` of a decline is for events, logs and spans: Codex tells the model that it was declined, not why. `kept` says
 * that the yes is remembered on our side: Codex is told a yes for this once and asks again.
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

/** Yes, this once. Of a question, or a form that has fields to fill in, it is no answer and means no. */
export const accept: ApprovalDecision = { _tag: "accept" }
/** Yes, and the same again without asking while the thread lives. */
export const acceptForSession: ApprovalDecision = { _tag: "acceptForSession" }
/** No; the turn goes on without it. */
export const decline = (reason: string): ApprovalDecision => ({ _tag: "decline", reason })
/** No, and the turn ends as interrupted. */
export const cancel: ApprovalDecision = { _tag: "cancel" }

/** Yes to a request for permissions, or to a part of it: never more is granted than was asked for. */
export const grant = (permissions: Permissions, scope: "turn" | "session" = "turn"): ApprovalDecision => ({
  _tag: scope === "turn" ? "accept" : "acceptForSession",
  given: { _tag: "permissions", permissions }
})

/** The answers to the agent's questions, each by the id of its question. */
export const answer = (answers: Readonly<Record<string, ReadonlyArray<string>>>): ApprovalDecision => ({
  _tag: "accept",
  given: { _tag: "answers", answers }
})

/** The fields of an MCP server's form. */
export const submit = (content: Readonly<Record<string, unknown>>): ApprovalDecision => ({
  _tag: "accept",
  given: { _tag: "content", content }
})

export const isGranted = (decision: ApprovalDecision): boolean =>
  decision._tag === "accept" || decision._tag === "acceptForSession"

/** A decision as events tell it: without what a person answered, which may be a secret. */
export const withoutAnswers = (decision: ApprovalDecision): ApprovalDecision => {
  if (decision._tag !== "accept" && decision._tag !== "acceptForSession") return decision
  if (decision.given === undefined || decision.given._tag === "permissions") return decision
  const { given: _, ...rest } = decision
  return rest
}
