/** Interfaces of the span pipeline for the parts that see spans before the processors: tail sampling and the spool. */
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace"
import type * as EffectTracer from "effect/Tracer"

/** Holds spans back until they are kept or dropped. After `flush`, `shown` decides about spans that are still open. */
export interface SpanGate {
  readonly started: (span: EffectTracer.Span) => void
  readonly ended: (span: ReadableSpan) => void
  readonly shown: (span: ReadableSpan) => ReadableSpan | undefined
  readonly flush: () => void
}

/** A span that started in this process. `snapshot` returns its current state, or `undefined` once it has ended. */
export interface OpenSpan {
  readonly name: string
  readonly spanId: string
  readonly sampled: boolean
  /** Whether it has no parent in this process. */
  readonly root: boolean
  readonly snapshot: () => ReadableSpan | undefined
}

/** A processor that is also notified when spans start and end, before any gate decides about them. */
export interface SpanWatcher extends SpanProcessor {
  readonly onOpened: (span: OpenSpan) => void
  readonly onEnded: (spanId: string) => void
}
