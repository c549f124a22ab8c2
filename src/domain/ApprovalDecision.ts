/** Decisions about approval requests. */
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import { encodedTag } from "../internal/EncodedTag.ts"
import { Amendment } from "./Amendment.ts"
import { Permissions } from "./Permissions.ts"

/**
 * Where a decision comes from: a policy, a person, an earlier decision for the session, a timeout, or the default.
 * @since 0.1.0
 * @category schemas
 */
export const ApprovalSource = Schema.Literals(["policy", "user", "session", "timeout", "default"])
export type ApprovalSource = typeof ApprovalSource.Type

const origin = { source: Schema.optionalKey(ApprovalSource), policy: Schema.optionalKey(Schema.String) }

/**
 * The data of an accepting decision: granted permissions, answers by question id, the fields of a form, or a lasting approval.
 * @since 0.1.0
 * @category schemas
 */
export const ApprovalAnswer = Schema.Union([
  Schema.Struct({ _tag: encodedTag("Permissions", "permissions"), permissions: Permissions }),
  Schema.Struct({
    _tag: encodedTag("Answers", "answers"),
    answers: Schema.Record(Schema.String, Schema.Array(Schema.String))
  }),
  Schema.Struct({
    _tag: encodedTag("Content", "content"),
    content: Schema.Record(Schema.String, Schema.Unknown)
  }),
  Schema.Struct({ _tag: encodedTag("Amendment", "amendment"), amendment: Amendment })
]).pipe(Schema.toTaggedUnion("_tag"))
export type ApprovalAnswer = typeof ApprovalAnswer.Type

const given = { given: Schema.optionalKey(ApprovalAnswer) }

/** The names of the decisions in telemetry, audit records and JSON, and in the encoded form. */
const names = {
  Accept: "accept",
  AcceptForSession: "acceptForSession",
  Decline: "decline",
  Cancel: "cancel"
} as const

/** The name of an acceptance with a lasting approval, whose encoded form is `accept` with `given`. */
const withAmendment = "acceptWithAmendment"

/**
 * The name of a decision in telemetry, audit records and JSON.
 * @since 0.1.0
 * @category schemas
 */
export const DecisionName = Schema.Literals([...Struct.keys(names).map((tag) => names[tag]), withAmendment])
export type DecisionName = typeof DecisionName.Type

/**
 * A decision. The `reason` of a decline appears in events, logs and spans; Codex tells the model that the request was
 * declined, but not why. `rememberedLocally` means that the library remembers the acceptance for the session. Codex then
 * gets a single acceptance and asks again next time. The encoded form calls the field `kept`.
 * @since 0.1.0
 * @category schemas
 */
export const ApprovalDecision = Schema.Union([
  Schema.Struct({ _tag: encodedTag("Accept", names.Accept), ...given, ...origin }),
  Schema.Struct({
    _tag: encodedTag("AcceptForSession", names.AcceptForSession),
    ...given,
    rememberedLocally: Schema.optionalKey(Schema.Boolean),
    ...origin
  }).pipe(Schema.encodeKeys({ rememberedLocally: "kept" })),
  Schema.Struct({ _tag: encodedTag("Decline", names.Decline), reason: Schema.String, ...origin }),
  Schema.Struct({ _tag: encodedTag("Cancel", names.Cancel), ...origin })
]).pipe(Schema.toTaggedUnion("_tag"))
export type ApprovalDecision = typeof ApprovalDecision.Type

/**
 * Returns the name of a decision in telemetry, audit records and JSON.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * Approval.decisionName(Approval.accept) // "accept"
 * Approval.decisionName(Approval.decline("not on a Friday")) // "decline"
 * ```
 */
export const decisionName = (decision: ApprovalDecision): DecisionName =>
  decision._tag === "Accept" && decision.given?._tag === "Amendment" ? withAmendment : names[decision._tag]

/**
 * Approves once. For questions and non-empty forms use `answer` or `submit`; `accept` declines them.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 *
 * const patchesOnly: Approval.Policy = (request) =>
 *   Effect.succeed(request._tag === "FileChange" ? Approval.accept : Approval.abstain)
 * ```
 */
export const accept: ApprovalDecision = { _tag: "Accept" }
/**
 * Approves this request and identical requests for as long as the thread is open.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 *
 * // The second `npm test` of the thread needs no new decision.
 * const tests: Approval.Policy = (request) =>
 *   Effect.succeed(
 *     request._tag === "Command" && request.command === "npm test" ? Approval.acceptForSession : Approval.abstain
 *   )
 * ```
 */
export const acceptForSession: ApprovalDecision = { _tag: "AcceptForSession" }
/**
 * Declines. The turn continues.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 *
 * const noCommands: Approval.Policy = (request) =>
 *   Effect.succeed(request._tag === "Command" ? Approval.decline("this bot runs no commands") : Approval.abstain)
 * ```
 */
export const decline = (reason: string): ApprovalDecision => ({ _tag: "Decline", reason })
/**
 * Declines and interrupts the turn.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 *
 * const stopAtDeploys: Approval.Policy = (request) =>
 *   Effect.succeed(
 *     request._tag === "Command" && request.command.includes("deploy") ? Approval.cancel : Approval.abstain
 *   )
 * ```
 */
export const cancel: ApprovalDecision = { _tag: "Cancel" }

/**
 * Grants all or some of the requested permissions. Permissions that were not requested are not granted.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 *
 * const onlyNetwork: Approval.Policy = (request) =>
 *   Effect.succeed(
 *     request._tag === "Permissions" && request.permissions.network
 *       ? Approval.grant({ network: true, fileSystem: [] })
 *       : Approval.abstain
 *   )
 * ```
 */
export const grant = (permissions: Permissions, scope: "turn" | "session" = "turn"): ApprovalDecision => ({
  _tag: scope === "turn" ? "Accept" : "AcceptForSession",
  given: { _tag: "Permissions", permissions }
})

/**
 * Answers the agent's questions. The keys are the ids of the questions.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 *
 * const firstOption: Approval.Policy = (request) =>
 *   Effect.succeed(
 *     request._tag === "UserInput"
 *       ? Approval.answer(
 *           Object.fromEntries(
 *             request.questions.map(({ id, options = [] }) => [id, options.slice(0, 1).map(({ label }) => label)])
 *           )
 *         )
 *       : Approval.abstain
 *   )
 * ```
 */
export const answer = (answers: Readonly<Record<string, ReadonlyArray<string>>>): ApprovalDecision => ({
  _tag: "Accept",
  given: { _tag: "Answers", answers }
})

/**
 * Fills in the form of an MCP server.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 *
 * const fillIn: Approval.Policy = (request) =>
 *   Effect.succeed(
 *     request._tag === "Elicitation" ? Approval.submit({ environment: "staging" }) : Approval.abstain
 *   )
 * ```
 */
export const submit = (content: Readonly<Record<string, unknown>>): ApprovalDecision => ({
  _tag: "Accept",
  given: { _tag: "Content", content }
})

/**
 * Approves the request, and has Codex amend its policy so that it does not ask for such requests again. `amendment` must be
 * exactly one of `request.amendments`; otherwise the request is declined. Use it only for a person's explicit choice: the
 * library does not see what Codex then runs without a request, and cannot take the amendment back.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * // After a person has chosen "always allow this command" for the request.
 * const always = (request: Approval.CommandRequest): Approval.ApprovalDecision => {
 *   const [amendment] = request.amendments ?? []
 *   return amendment === undefined ? Approval.accept : Approval.acceptWithAmendment(amendment)
 * }
 * ```
 */
export const acceptWithAmendment = (amendment: Amendment): ApprovalDecision => ({
  _tag: "Accept",
  given: { _tag: "Amendment", amendment }
})

/**
 * Whether a decision accepts the request.
 * @since 0.1.0
 * @category guards
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * Approval.isGranted(Approval.acceptForSession) // true
 * Approval.isGranted(Approval.decline("no")) // false
 * ```
 */
export const isGranted = (decision: ApprovalDecision): boolean =>
  decision._tag === "Accept" || decision._tag === "AcceptForSession"

/** @internal Removes a person's answers, which can be secrets, from a decision, so that it can be part of an event. */
export const withoutAnswers = (decision: ApprovalDecision): ApprovalDecision => {
  if (decision._tag !== "Accept" && decision._tag !== "AcceptForSession") return decision
  if (
    decision.given === undefined ||
    decision.given._tag === "Permissions" ||
    decision.given._tag === "Amendment"
  )
    return decision
  const { given: _, ...rest } = decision
  return rest
}
