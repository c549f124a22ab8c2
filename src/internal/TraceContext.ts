/** W3C trace context: parses remote parents, and returns the fields of outgoing requests. */
import * as Context from "effect/Context"
import * as Option from "effect/Option"
import * as EffectTracer from "effect/Tracer"

/** The `tracestate` of a remote parent, stored as an annotation of its span. */
const State = Context.Reference<string>("effect-codex/internal/TraceContext/State", {
  defaultValue: () => ""
})

/** Whether an external span stands for a span of this process, which it does not keep in memory. */
const IsLocal = Context.Reference<boolean>("effect-codex/internal/TraceContext/IsLocal", {
  defaultValue: () => false
})

const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/

/** Parses a remote parent. Returns `None` if `traceparent` is invalid. */
export const parse = (
  traceparent: string | undefined,
  tracestate?: string | undefined
): Option.Option<EffectTracer.ExternalSpan> => {
  const found = traceparentPattern.exec(traceparent?.trim() ?? "")
  if (found === null) return Option.none()
  const [, version = "ff", traceId = "", spanId = "", flags = "00"] = found
  if (version === "ff" || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return Option.none()
  return Option.some(
    EffectTracer.externalSpan({
      traceId,
      spanId,
      sampled: (Number.parseInt(flags, 16) & 1) === 1,
      annotations: withState(Context.empty(), tracestate ?? "")
    })
  )
}

/** Adds a `tracestate` to the annotations of the first span of a trace in this process. */
export const withState = (annotations: Context.Context<never>, tracestate: string): Context.Context<never> =>
  tracestate === "" ? annotations : Context.add(annotations, State, tracestate)

/**
 * Returns the ids of a span of this process, for a link. A link to the span itself would keep it, and the spans that it
 * links to, in memory.
 */
export const idsOf = (span: EffectTracer.AnySpan): EffectTracer.ExternalSpan =>
  EffectTracer.externalSpan({
    traceId: span.traceId,
    spanId: span.spanId,
    sampled: span.sampled,
    annotations: Context.add(withState(Context.empty(), stateOf(span)), IsLocal, true)
  })

/** Whether a span belongs to another process. */
export const isRemote = (span: EffectTracer.AnySpan): boolean =>
  span._tag === "ExternalSpan" && !Context.get(span.annotations, IsLocal)

/** Returns the `tracestate` of a span's trace, or an empty string. */
export const stateOf = (span: EffectTracer.AnySpan): string => {
  let at: EffectTracer.AnySpan = span
  while (at._tag === "Span" && Option.isSome(at.parent)) at = at.parent.value
  return Context.get(at.annotations, State)
}

export interface Fields {
  readonly traceparent: string
  readonly tracestate?: string
}

/** Returns the trace context fields of a request made inside `span`, or `undefined` if tracing is off. */
export const fields = (span: EffectTracer.AnySpan | undefined): Fields | undefined => {
  // A span of a disabled tracer has no valid ids.
  if (span === undefined || !/^[0-9a-f]{32}$/.test(span.traceId) || !/^[0-9a-f]{16}$/.test(span.spanId))
    return undefined
  const traceparent = `00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}`
  const tracestate = stateOf(span)
  return tracestate === "" ? { traceparent } : { traceparent, tracestate }
}
