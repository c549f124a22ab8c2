/** What the span pipeline offers to parts that see spans before the processors do: tail sampling and the spool. */
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base"
import type * as EffectTracer from "effect/Tracer"

/** Holds spans back until it is known what becomes of them; `shown` is asked of what is still open after `flush`. */
export interface SpanGate {
  readonly started: (span: EffectTracer.Span) => void
  readonly ended: (span: ReadableSpan) => void
  readonly shown: (span: ReadableSpan) => ReadableSpan | undefined
  readonly flush: () => void
}

/** A span that has started here; `snapshot` gives it as it is by then, and nothing once it has ended. */
export interface OpenSpan {
  readonly name: string
  readonly spanId: string
  readonly sampled: boolean
  /** Whether its parent, if it has one, is elsewhere. */
  readonly root: boolean
  readonly snapshot: () => ReadableSpan | undefined
}

/** A processor that also hears at once which spans are open, whatever a gate makes of them later. */
export interface SpanWatcher extends SpanProcessor {
  readonly onOpened: (span: OpenSpan) => void
  readonly onEnded: (spanId: string) => void
}
