/** A time limit for a policy. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as GracefulInterrupt from "../internal/GracefulInterrupt.ts"
import { type ApprovalDecision, decline } from "../domain/ApprovalDecision.ts"
import type { Policy } from "./Policy.ts"

/**
 * Interrupts a policy that does not decide within the duration and returns `decision`, by default a decline, with the
 * source `timeout`. The timeout holds even if the policy ignores the interruption.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * const policy = Approval.timeout(Approval.queue, "5 minutes", Approval.cancel)
 * ```
 */
export const timeout =
  <R>(
    policy: Policy<R>,
    duration: Duration.Input,
    decision: ApprovalDecision = decline("the approval policy did not decide in time")
  ): Policy<R> =>
  (request) =>
    GracefulInterrupt.unless(
      Effect.suspend(() => policy(request)),
      Effect.as(Effect.sleep(duration), { policy: "timeout", ...decision, source: "timeout" } as const),
      "an approval policy"
    )
