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

/**
 * Returns a function that puts a span into the active context; if the span is active already, it returns that context.
 * It runs on every step of a program, so it caches the last result.
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
