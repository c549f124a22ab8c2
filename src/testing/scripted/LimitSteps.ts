/** The steps of a script in which Codex reports the limits of the account. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as CodexError from "../../domain/CodexError.ts"
import type { LimitWindow, RateLimit } from "../../domain/RateLimits.ts"
import type { ScriptedStep } from "./ScriptedTurn.ts"

const toWire = ({ resetsAt, usedPercent, windowMillis }: LimitWindow) => ({
  usedPercent,
  windowDurationMins: windowMillis === undefined ? null : windowMillis / 60_000,
  resetsAt: resetsAt === undefined ? null : resetsAt / 1000
})

/**
 * Codex reports a limit of the account, for `codex.limits.updates`. Times are in milliseconds, as `codex.limits` has them.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const nearlyUsedUp = Scripted.limit({ id: "codex", primary: { usedPercent: 95, windowMillis: 18_000_000 } })
 * ```
 */
export const limit = ({ id, name, plan, primary, reached, secondary }: RateLimit): ScriptedStep => ({
  _tag: "Step",
  play: ({ notify }) =>
    notify("account/rateLimits/updated", {
      rateLimits: {
        limitId: id,
        ...(name === undefined ? {} : { limitName: name }),
        ...(primary === undefined ? {} : { primary: toWire(primary) }),
        ...(secondary === undefined ? {} : { secondary: toWire(secondary) }),
        ...(plan === undefined ? {} : { planType: plan }),
        ...(reached === undefined ? {} : { rateLimitReachedType: reached })
      }
    })
})

/**
 * Ends the turn with `TurnFailed.UsageLimit`. The limit resets after `resetsIn`; without it Codex does not say when.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const limited = Scripted.play([Scripted.usageLimit({ resetsIn: "2 hours" }), Scripted.message("Done.")])
 * ```
 */
export const usageLimit = (
  options: { readonly resetsIn?: Duration.Input | undefined } = {}
): ScriptedStep => ({
  _tag: "End",
  play: () =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.fail(
        new CodexError.TurnFailed({
          reason: "UsageLimit",
          detail: "the script has exhausted the usage limit",
          ...(options.resetsIn === undefined
            ? {}
            : { resetsAt: now + Duration.toMillis(Duration.fromInputUnsafe(options.resetsIn)) })
        })
      )
    )
})
