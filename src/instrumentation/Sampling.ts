/** What is not recorded: a share of the traces, or a turn that shall not be seen. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as SignalBus from "./SignalBus.ts"

/** Whether turns are seen at all; provide `false` around a program to leave everything in it out. */
export const Enabled = Context.Reference<boolean>("effect-codex/telemetry/Sampling/Enabled", {
  defaultValue: () => true
})

/**
 * Runs a turn unseen where `wanted` is false, or where it is left out and `Enabled` is false: no span, no listener, and
 * no trace for Codex to join.
 */
export const withTelemetry =
  (wanted?: boolean) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Enabled, (enabled) => {
      const isEnabled = wanted ?? enabled
      // What is inside is asked again, and has no other answer.
      const pinned = Effect.provideService(effect, Enabled, isEnabled)
      return isEnabled
        ? pinned
        : pinned.pipe(
            Effect.withTracerEnabled(false),
            Effect.provideService(SignalBus.Listeners, { all: [] })
          )
    })
