/** Codex's own spans, filtered and joined to ours: one turn is one trace, from the caller down to the process it ran. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Settings from "./config/Settings.ts"

/**
 * Codex's own spans with ours, through the same exporters, for every Codex that is started where it is provided; see
 * docs/native-spans.md. What starts no Codex is not touched by it.
 *
 * ```ts
 * const Telemetry = Layer.merge(OtlpLayer, NativeSpans.layer)
 * ```
 */
export const layer: Layer.Layer<never> = Layer.unwrap(
  Effect.gen(function* () {
    const { disabled } = yield* Settings.CurrentSettings
    // Only where it is wanted: nothing of it is loaded otherwise.
    return disabled ? Layer.empty : (yield* Effect.promise(() => import("./native-spans/Relay.ts"))).layer
  })
).pipe(Layer.provide(Settings.layer))
