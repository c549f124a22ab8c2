/** Emits a signal for each window of an account's limit that Codex reports. */
import * as Effect from "effect/Effect"
import type { RateLimit } from "../domain/RateLimits.ts"
import * as EmitSignal from "./EmitSignal.ts"

/** Returns a function that reports a limit at once, in the context of this effect. Never throws. */
export const makeReporter: Effect.Effect<(limit: RateLimit, at: number) => void> = Effect.map(
  Effect.context<never>(),
  (context) => (limit, at) => {
    for (const window of ["primary", "secondary"] as const) {
      const use = limit[window]
      if (use === undefined) continue
      const { resetsAt, usedPercent } = use
      Effect.runSyncExitWith(context)(
        EmitSignal.emit({ _tag: "LimitUpdated", at, limit: limit.id, window, usedPercent, resetsAt })
      )
    }
  }
)
