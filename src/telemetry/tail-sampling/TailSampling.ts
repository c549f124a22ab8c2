/** Decides after each turn whether to export it. Keeps all notable turns, and a random share of the others. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Slow, TailSamplingOptions } from "../config/TailSamplingOptions.ts"
import type * as Settings from "../config/Settings.ts"

export type { Slow, TailSamplingOptions } from "../config/TailSamplingOptions.ts"

/**
 * Tail sampling options set in code. They take precedence over the environment.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OtlpLayer, TailSampling } from "effect-codex"
 *
 * // Everything is exported, even if the environment turns tail sampling on.
 * const All = OtlpLayer.pipe(Layer.provide(Layer.succeed(TailSampling.Current, { keep: 1 })))
 * ```
 */
export const Current = Context.Reference<TailSamplingOptions | undefined>(
  "effect-codex/telemetry/TailSampling",
  {
    defaultValue: () => undefined
  }
)

/**
 * Keeps turns that fail, are slow, have a declined or unanswered approval or are the first of a kind, and the share `keep`
 * of the others; see docs/tail-sampling.md. Provide it to the exporting layers.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OtlpLayer, TailSampling } from "effect-codex"
 *
 * const Telemetry = OtlpLayer.pipe(
 *   Layer.provide(TailSampling.layer({ keep: 0.1, slowerThan: "2 minutes" }))
 * )
 * ```
 */
export const layer = (options: TailSamplingOptions): Layer.Layer<never> => Layer.succeed(Current, options)

/**
 * Resolved options: every field has a value, times are in milliseconds.
 * @since 0.1.0
 * @category models
 */
export interface TailSamplingPlan {
  readonly keep: number
  readonly slowerThan: { readonly percentile: number } | { readonly millis: number }
  readonly firsts: boolean
  readonly maxSpans: number
  readonly maxBytes: number
  readonly maxTraces: number
}

/** @internal Returns the plan from code or environment, or `undefined` if tail sampling is off. */
export const planned = (settings: Settings.Settings): Effect.Effect<TailSamplingPlan | undefined> =>
  Effect.map(Current, (current) => {
    const options = current ?? settings.tail
    return options === undefined ? undefined : plan(options)
  })

/**
 * Resolves options. Replaces a value out of range by the nearest valid one.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { TailSampling } from "effect-codex"
 *
 * TailSampling.plan({ keep: 1.5 }).keep // 1
 * ```
 */
export const plan = (options: TailSamplingOptions): TailSamplingPlan => ({
  keep: clamp(options.keep, 0, 1, 1),
  slowerThan: toSlow(options.slowerThan),
  firsts: options.firsts ?? true,
  maxSpans: atLeastOne(options.maxSpans, 10_000),
  maxBytes: atLeastOne(options.maxBytes, 32 * 1024 * 1024),
  maxTraces: atLeastOne(options.maxTraces, 2_000)
})

const clamp = (value: number, low: number, high: number, otherwise: number): number =>
  Number.isNaN(value) ? otherwise : Math.min(high, Math.max(low, value))

const atLeastOne = (value: number | undefined, otherwise: number): number =>
  value === undefined || Number.isNaN(value) ? otherwise : Math.max(1, Math.floor(value))

const defaultSlow = { percentile: 0.95 }

const toSlow = (slow: Slow | undefined): TailSamplingPlan["slowerThan"] => {
  if (slow === undefined) return defaultSlow
  if (typeof slow === "object" && "percentile" in slow)
    return { percentile: clamp(slow.percentile, 0, 1, defaultSlow.percentile) }
  return Option.match(Duration.fromInput(slow), {
    onNone: () => defaultSlow,
    onSome: (duration) => ({ millis: Duration.toMillis(duration) })
  })
}
