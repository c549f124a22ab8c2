/** Keeps ended spans in memory, for tests and for showing a trace in the process that made it. */
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace"
import * as Effect from "effect/Effect"

export interface Memory {
  readonly processor: SpanProcessor
  /** The sampled spans that have ended, in the order in which they ended. */
  readonly spans: Effect.Effect<ReadonlyArray<ReadableSpan>>
}

/** Makes a processor that keeps the spans it receives. */
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
