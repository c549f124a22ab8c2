/** Head sampling: keeps a share of the traces, decided where they start. */
import type { Sampler } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import type * as Settings from "../config/Settings.ts"

/** The SDK's sampler for what the environment asks for; nothing where it asks for nothing. */
export const fromSettings = (
  sampling: Settings.HeadSampling | undefined
): Effect.Effect<Sampler | undefined> => (sampling === undefined ? Effect.undefined : make(sampling))

/**
 * Keeps a share of the traces, the same ones as any other service that samples by trace id at that rate; for
 * `Tracer.Sampler`.
 *
 * ```ts
 * OtlpLayer.pipe(Layer.provide(Layer.effect(Tracer.Sampler, Sampling.make({ ratio: 0.1, parentBased: true }))))
 * ```
 */
export const make = ({ parentBased, ratio }: Settings.HeadSampling): Effect.Effect<Sampler> =>
  Effect.map(
    Effect.promise(() => import("@opentelemetry/sdk-trace-base")),
    ({ ParentBasedSampler, TraceIdRatioBasedSampler }) => {
      const root = new TraceIdRatioBasedSampler(ratio)
      return parentBased ? new ParentBasedSampler({ root }) : root
    }
  )
