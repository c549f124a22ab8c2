import type * as Duration from "effect/Duration"

/**
 * The threshold of a slow turn: a duration, or a percentile of the turns of the same agent and model.
 * @since 0.1.0
 * @category models
 */
export type Slow = { readonly percentile: number } | Duration.Input

/**
 * Which finished traces to keep, and how much to hold until then.
 * @since 0.1.0
 * @category models
 */
export interface TailSamplingOptions {
  /** The share of unremarkable turns to keep, from 0 to 1, chosen by trace id. */
  readonly keep: number
  /** Default: `{ percentile: 0.95 }`, which applies after the first 20 turns of an agent and model. */
  readonly slowerThan?: Slow | undefined
  /** Whether to keep the first turn with a new `error.type`, tool, model or agent; default: true. */
  readonly firsts?: boolean | undefined
  /** The maximum number of spans that wait for the end of their turn, over all turns; default: 10,000. */
  readonly maxSpans?: number | undefined
  /** Their approximate maximum size in bytes; default: 32 MiB. */
  readonly maxBytes?: number | undefined
  /** The maximum number of open traces; default: 2,000. */
  readonly maxTraces?: number | undefined
}
