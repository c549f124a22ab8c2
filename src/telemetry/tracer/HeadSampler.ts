/** Head sampling: keeps a share of the traces, decided when a trace starts. */
import type { Sampler } from "@opentelemetry/sdk-trace"
import * as Effect from "effect/Effect"
import type * as Settings from "../config/Settings.ts"

/** Returns the SDK's sampler for the settings; `undefined` if no sampling is configured. */
export const fromSettings = (
  sampling: Settings.HeadSampling | undefined
): Effect.Effect<Sampler | undefined> => (sampling === undefined ? Effect.undefined : make(sampling))

/**
 * Makes a sampler for `Tracer.Sampler` that keeps a share of the traces. Other services that sample by trace id at the
 * same rate keep the same traces.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OtlpLayer, Sampling, Tracer } from "effect-codex"
 *
 * const Telemetry = OtlpLayer.pipe(
 *   Layer.provide(Layer.effect(Tracer.Sampler, Sampling.make({ ratio: 0.1, parentBased: true })))
 * )
 * ```
 */
export const make = ({ parentBased, ratio }: Settings.HeadSampling): Effect.Effect<Sampler> =>
  Effect.map(
    Effect.promise(() => import("@opentelemetry/sdk-trace")),
    ({ ParentBasedSampler, TraceIdRatioBasedSampler }) => {
      const root = new TraceIdRatioBasedSampler(ratio)
      return parentBased ? new ParentBasedSampler({ root }) : root
    }
  )
