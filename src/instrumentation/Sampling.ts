/** Turns telemetry off for a part of a program. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as SignalBus from "./SignalBus.ts"

/**
 * Whether turns emit telemetry. Provide `false` around a program to turn telemetry off inside it.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Sampling } from "effect-codex"
 *
 * const quietly = <A, E, R>(program: Effect.Effect<A, E, R>) =>
 *   Effect.provideService(program, Sampling.Enabled, false)
 * ```
 */
export const Enabled = Context.Reference<boolean>("effect-codex/telemetry/Sampling/Enabled", {
  defaultValue: () => true
})

/**
 * @internal Runs a turn without telemetry if `wanted` is false, or if it is omitted and `Enabled` is false: no span, no listener,
 * and no trace context for Codex.
 */
export const withTelemetry =
  (wanted?: boolean) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Enabled, (enabled) => {
      const isEnabled = wanted ?? enabled
      // Nested calls read `Enabled` too and must get the same answer.
      const pinned = Effect.provideService(effect, Enabled, isEnabled)
      return isEnabled
        ? pinned
        : pinned.pipe(
            Effect.withTracerEnabled(false),
            Effect.provideService(SignalBus.Listeners, { all: [] })
          )
    })
