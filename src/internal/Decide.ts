/** What a policy says of a request, whatever the policy does. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Approval from "../Approval.ts"

const isDecision = Schema.is(Approval.Decision)

/** A policy that fails or dies has said no, and so has one that gives something else than a decision. */
export const decide = (
  policy: Approval.Policy,
  request: Approval.Request
): Effect.Effect<Approval.Decision> =>
  Effect.suspend(() => {
    const deciding = policy(request)
    // What is no effect would end the fiber on the spot, finalizers and all.
    return Effect.isEffect(deciding) ? deciding : Effect.die(new TypeError("an approval policy is no effect"))
  }).pipe(
    Effect.filterOrElse(isDecision, () => Effect.die(new TypeError("an approval policy gives no decision"))),
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.interrupt
        : Effect.as(Effect.logWarning("an approval policy failed; the request is declined"), {
            _tag: "decline",
            reason: "the approval policy failed",
            source: "default"
          } as const)
    )
  )
