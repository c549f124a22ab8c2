/** Which turns are exported, decided when they are over: those that tell something, and a share of the rest. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Slow, TailSamplingOptions } from "../config/TailSamplingOptions.ts"
import type * as Settings from "../config/Settings.ts"

export type { Slow, TailSamplingOptions } from "../config/TailSamplingOptions.ts"

/** Tail sampling as the code asks for it; it wins over the environment. */
export const Current = Context.Reference<TailSamplingOptions | undefined>(
  "effect-codex/telemetry/TailSampling",
  {
    defaultValue: () => undefined
  }
)

/**
 * Keeps turns that failed, were slow, had a declined or unanswered approval or are the first of a kind, and `keep` of
 * the others; see docs/tail-sampling.md. For the layers that export:
 *
 * ```ts
 * const Telemetry = OtlpLayer.pipe(Layer.provide(TailSampling.layer({ keep: 0.1 })))
 * ```
 */
export const layer = (options: TailSamplingOptions): Layer.Layer<never> => Layer.succeed(Current, options)

/** Options with nothing left open, times in milliseconds. */
export interface TailSamplingPlan {
  readonly keep: number
  readonly slowerThan: { readonly percentile: number } | { readonly millis: number }
  readonly firsts: boolean
  readonly maxSpans: number
  readonly maxBytes: number
  readonly maxTraces: number
}

/** Whether anything is asked for, by code or environment, and what. */
export const planned = (settings: Settings.Settings): Effect.Effect<TailSamplingPlan | undefined> =>
  Effect.map(Current, (asked) => {
    const options = asked ?? settings.tail
    return options === undefined ? undefined : plan(options)
  })

/** What is out of range is taken as the nearest that is not. */
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
