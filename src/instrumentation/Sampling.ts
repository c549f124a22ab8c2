/** What is not recorded: a share of the traces, or a turn that shall not be seen. */
import type { Sampler } from "@opentelemetry/sdk-trace-base"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Settings from "../telemetry/config/Settings.ts"
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
      const asked = wanted ?? enabled
      // What is inside is asked again, and has no other answer.
      const same = Effect.provideService(effect, Enabled, asked)
      return asked
        ? same
        : same.pipe(Effect.withTracerEnabled(false), Effect.provideService(SignalBus.Listeners, { all: [] }))
    })

/** The SDK's sampler for what the environment asks for; nothing where it asks for nothing. */
export const sampler = (sampling: Settings.Sampling | undefined): Effect.Effect<Sampler | undefined> =>
  sampling === undefined ? Effect.undefined : make(sampling)

/**
 * Keeps a share of the traces, the same ones as any other service that samples by trace id at that rate; for
 * `Tracer.Sampler`.
 *
 * ```ts
 * OtlpLayer.pipe(Layer.provide(Layer.effect(Tracer.Sampler, Sampling.make({ ratio: 0.1, parentBased: true }))))
 * ```
 */
export const make = ({ parentBased, ratio }: Settings.Sampling): Effect.Effect<Sampler> =>
  Effect.map(
    Effect.promise(() => import("@opentelemetry/sdk-trace-base")),
    ({ ParentBasedSampler, TraceIdRatioBasedSampler }) => {
      const root = new TraceIdRatioBasedSampler(ratio)
      return parentBased ? new ParentBasedSampler({ root }) : root
    }
  )
