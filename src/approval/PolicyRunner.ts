/** What a policy says of a request, whatever the policy does. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ApprovalDecision } from "../domain/ApprovalDecision.ts"
import { normalize, mismatch } from "./DecisionValidation.ts"
import { type Abstain, ApprovalContext, type Policy } from "./Policy.ts"
import type { ApprovalRequest } from "../domain/ApprovalRequest.ts"
import { hash } from "../domain/ApprovalRequestHash.ts"

const isDecision = Schema.is(ApprovalDecision)
const Abstained = Schema.TaggedStruct("abstain", {
  reason: Schema.optionalKey(Schema.String),
  policy: Schema.optionalKey(Schema.String)
})
const isAbstain = Schema.is(Abstained)

const declinedByAbstention = ({ policy, reason = "no policy accepts it" }: Abstain): ApprovalDecision => ({
  _tag: "decline",
  reason,
  ...(policy === undefined ? {} : { policy })
})

const declinedByDefault = (reason: string): ApprovalDecision => ({
  _tag: "decline",
  reason,
  source: "default"
})

const logAndReturn = (what: string, decision: ApprovalDecision) =>
  Effect.as(Effect.logWarning(what), decision)

/** A yes to something else than what was asked is a no, and is reported. */
const validated = (
  request: ApprovalRequest,
  hashBefore: string,
  said: unknown
): Effect.Effect<ApprovalDecision> => {
  if (isAbstain(said)) return Effect.succeed(declinedByAbstention(said))
  if (!isDecision(said)) return Effect.die(new TypeError("an approval policy gives no decision"))
  if (said._tag !== "decline" && said._tag !== "cancel" && hash(request) !== hashBefore) {
    return logAndReturn(
      "what was asked has changed while it was decided; the request is declined",
      declinedByDefault("what was asked has changed while it was decided")
    )
  }
  const decision = normalize(request, said)
  const problem = mismatch(request, said)
  return problem === undefined
    ? Effect.succeed(decision)
    : logAndReturn(
        `an approval policy says yes to something else; the request is declined: ${problem}`,
        decision
      )
}

/**
 * A policy that fails or dies has said no, and so has one that abstains, gives something else than a decision, says yes
 * to something else than what was asked, or changes it while it decides.
 */
export const decide = <R>(
  policy: Policy<R>,
  request: ApprovalRequest,
  context?: ApprovalContext
): Effect.Effect<ApprovalDecision, never, R> => {
  const deciding = Effect.suspend(() => {
    const hashBefore = hash(request)
    const deciding = policy(request)
    // What is no effect would end the fiber on the spot, finalizers and all.
    return Effect.isEffect(deciding)
      ? Effect.flatMap(deciding, (said) => validated(request, hashBefore, said))
      : Effect.die(new TypeError("an approval policy is no effect"))
  }).pipe(
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.interrupt
        : logAndReturn(
            "an approval policy failed; the request is declined",
            declinedByDefault("the approval policy failed")
          )
    )
  )
  return context === undefined ? deciding : Effect.provideService(deciding, ApprovalContext, context)
}
