/** Ended spans kept in memory, for tests and for a trace that is shown where it was made. */
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"

export interface Memory {
  readonly processor: SpanProcessor
  /** The sampled spans that have ended, in the order of their ends. */
  readonly spans: Effect.Effect<ReadonlyArray<ReadableSpan>>
}

/** A processor that keeps what it gets. */
export const make: Effect.Effect<Memory> = Effect.sync(() => {
  const spans: Array<ReadableSpan> = []
  return {
    processor: {
      onStart: () => {},
      onEnd: (span) => {
        if ((span.spanContext().traceFlags & 1) === 1) spans.push(span)
      },
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve()
    },
    spans: Effect.sync(() => spans.slice())
  }
})
