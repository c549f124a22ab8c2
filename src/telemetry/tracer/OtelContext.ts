/** OpenTelemetry contexts in which an Effect span is the active span. */
import type { Context, Span as OtelSpan, TraceAPI } from "@opentelemetry/api"
import type { AnySpan } from "effect/Tracer"

interface Entered {
  readonly span: AnySpan
  readonly otelSpan: OtelSpan
  /** The context that was active when the span was entered, and the same context with the span in it. */
  readonly base: Context
  readonly context: Context
}

export interface OtelContexts {
  /**
   * Returns the context of code inside `span`: the active context with the span in it, or the active context itself if the
   * span is active already. It runs on every step of a program, so it caches the last result.
   */
  readonly enter: (span: AnySpan, active: Context) => Context
  /** Remembers the context in which a span starts. */
  readonly started: (span: AnySpan, base: Context) => void
}

/**
 * Makes the contexts of Effect spans. A tool runs where Codex asks for it, below the context of the request that started
 * Codex, which may belong to another trace. There, the context in which the span started applies instead, so that values
 * such as baggage never cross from one request to another.
 */
export const make = (trace: TraceAPI, toOtel: (span: AnySpan) => OtelSpan): OtelContexts => {
  const entered = new WeakMap<AnySpan, Entered>()
  const bases = new WeakMap<AnySpan, Context>()
  let last: Entered | undefined

  const isForeign = (active: OtelSpan | undefined, span: OtelSpan): boolean =>
    active !== undefined && active.spanContext().traceId !== span.spanContext().traceId

  const enterAgain = (span: AnySpan, active: Context): Context => {
    const earlier = entered.get(span)
    const otelSpan = earlier?.otelSpan ?? toOtel(span)
    const current = trace.getSpan(active)
    if (current === otelSpan) return active
    if (earlier?.base === active) {
      last = earlier
    } else {
      const base = isForeign(current, otelSpan) ? (bases.get(span) ?? active) : active
      last = { span, otelSpan, base: active, context: trace.setSpan(base, otelSpan) }
    }
    entered.set(span, last)
    return last.context
  }

  const enter = (span: AnySpan, active: Context): Context =>
    last !== undefined && last.span === span && last.base === active ? last.context : enterAgain(span, active)

  return { enter, started: (span, base) => void bases.set(span, base) }
}
