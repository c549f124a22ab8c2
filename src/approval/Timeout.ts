/** A deadline for whoever decides. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as GracefulInterrupt from "../internal/GracefulInterrupt.ts"
import { type ApprovalDecision, decline } from "../domain/ApprovalDecision.ts"
import type { Policy } from "./Policy.ts"

/**
 * Decides in a policy's stead when it has not decided in time: `decision`, a no by default, with the source `timeout`.
 * The policy is interrupted; whether it listens makes no difference.
 */
export const timeout =
  <R>(
    policy: Policy<R>,
    duration: Duration.Input,
    decision: ApprovalDecision = decline("nobody decided in time")
  ): Policy<R> =>
  (request) =>
    GracefulInterrupt.unless(
      Effect.suspend(() => policy(request)),
      Effect.as(Effect.sleep(duration), { policy: "timeout", ...decision, source: "timeout" } as const),
      "an approval policy"
    )
