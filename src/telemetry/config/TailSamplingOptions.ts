import type * as Duration from "effect/Duration"

/** What makes a turn slow: longer than this, or longer than this share of the turns of its agent and model. */
export type Slow = { readonly percentile: number } | Duration.Input

export interface TailSamplingOptions {
  /** The share of the turns to keep that tell nothing, from 0 to 1. Which ones, the trace id decides. */
  readonly keep: number
  /** `{ percentile: 0.95 }` if it is left out: known after the first 20 turns of an agent and model. */
  readonly slowerThan?: Slow | undefined
  /** Whether the first turn with an `error.type`, a tool, a model or an agent is kept; yes if it is left out. */
  readonly firsts?: boolean | undefined
  /** How many spans may wait for the end of their turn, all turns together; 10,000 if it is left out. */
  readonly maxSpans?: number | undefined
  /** What they may take, roughly, in bytes; 32 MiB if it is left out. */
  readonly maxBytes?: number | undefined
  /** How many traces may be open at a time; 2,000 if it is left out. */
  readonly maxTraces?: number | undefined
}
