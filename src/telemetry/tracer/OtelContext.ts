/** The contexts of OpenTelemetry in which spans of Effect are the active ones. */
import type { Context, Span as OtelSpan, TraceAPI } from "@opentelemetry/api"
import type { AnySpan } from "effect/Tracer"

interface Entered {
  readonly span: AnySpan
  readonly otelSpan: OtelSpan
  /** What was active where the span was entered, and the same with the span in it. */
  readonly base: Context
  readonly context: Context
}

/**
 * Gives the context for a span, on top of what is active: that itself where the span is active already. It is asked for
 * every step of a program, so what was given last is kept.
 */
export const make = (trace: TraceAPI, toOtel: (span: AnySpan) => OtelSpan) => {
  const entered = new WeakMap<AnySpan, Entered>()
  let last: Entered | undefined

  const enter = (span: AnySpan, active: Context): Context => {
    const earlier = entered.get(span)
    const otelSpan = earlier?.otelSpan ?? toOtel(span)
    if (trace.getSpan(active) === otelSpan) return active
    last =
      earlier?.base === active
        ? earlier
        : { span, otelSpan, base: active, context: trace.setSpan(active, otelSpan) }
    entered.set(span, last)
    return last.context
  }

  return (span: AnySpan, active: Context): Context =>
    last !== undefined && last.span === span && last.base === active ? last.context : enter(span, active)
}
