/** Joins Codex's own spans, filtered, to ours: one turn is one trace, from the caller down to the processes it runs. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Settings from "./config/Settings.ts"

/**
 * Exports Codex's own spans with ours, through the same exporters, for every Codex that starts under this layer; see
 * docs/native-spans.md. It has no effect on programs that start no Codex.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { NativeSpans, OtlpLayer } from "effect-codex"
 *
 * const Telemetry = Layer.merge(OtlpLayer, NativeSpans.layer)
 * ```
 */
export const layer: Layer.Layer<never> = Layer.unwrap(
  Effect.gen(function* () {
    const { disabled } = yield* Settings.CurrentSettings
    // Loaded on demand only.
    return disabled ? Layer.empty : (yield* Effect.promise(() => import("./native-spans/Relay.ts"))).layer
  })
).pipe(Layer.provide(Settings.layer))
