/** Runs an approval policy; failures, defects and mismatched answers become a decline. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ApprovalDecision } from "../domain/ApprovalDecision.ts"
import { normalize, mismatch } from "./DecisionValidation.ts"
import { type Abstain, ApprovalContext, type Policy } from "./Policy.ts"
import type { ApprovalRequest } from "../domain/ApprovalRequest.ts"
import { hash } from "../domain/ApprovalRequestHash.ts"

const isDecision = Schema.is(ApprovalDecision)
const Abstained = Schema.TaggedStruct("Abstain", {
  reason: Schema.optionalKey(Schema.String),
  policy: Schema.optionalKey(Schema.String)
})
const isAbstain = Schema.is(Abstained)

const declinedByAbstention = ({
  policy,
  reason = "no policy accepts the request"
}: Abstain): ApprovalDecision => ({
  _tag: "Decline",
  reason,
  ...(policy === undefined ? {} : { policy })
})

const declinedByDefault = (reason: string): ApprovalDecision => ({
  _tag: "Decline",
  reason,
  source: "default"
})

const logAndReturn = (what: string, decision: ApprovalDecision) =>
  Effect.as(Effect.logWarning(what), decision)

/** Declines, with a warning, if the request changed during the decision or the decision does not match it. */
const validated = (
  request: ApprovalRequest,
  hashBefore: string,
  returned: unknown
): Effect.Effect<ApprovalDecision> => {
  if (isAbstain(returned)) return Effect.succeed(declinedByAbstention(returned))
  if (!isDecision(returned)) return Effect.die(new TypeError("an approval policy must return a decision"))
  if (returned._tag !== "Decline" && returned._tag !== "Cancel" && hash(request) !== hashBefore) {
    return logAndReturn(
      "the request changed while the policy decided; the request is declined",
      declinedByDefault("the request changed while the policy decided")
    )
  }
  const decision = normalize(request, returned)
  const problem = mismatch(request, returned)
  return problem === undefined
    ? Effect.succeed(decision)
    : logAndReturn(
        `the decision of an approval policy does not match the request, which is declined: ${problem}`,
        decision
      )
}

/**
 * Runs a policy. The request is declined if the policy fails, dies, abstains, returns a value that is not a decision,
 * returns a decision that does not match the request, or modifies the request.
 */
export const decide = <R>(
  policy: Policy<R>,
  request: ApprovalRequest,
  context?: ApprovalContext
): Effect.Effect<ApprovalDecision, never, R> => {
  const deciding = Effect.suspend(() => {
    const hashBefore = hash(request)
    const deciding = policy(request)
    // Yielding a value that is not an effect would end the fiber without running its finalizers.
    return Effect.isEffect(deciding)
      ? Effect.flatMap(deciding, (returned) => validated(request, hashBefore, returned))
      : Effect.die(new TypeError("an approval policy must return an effect"))
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
