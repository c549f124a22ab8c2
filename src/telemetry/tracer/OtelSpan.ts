/** Presents an Effect span as an OpenTelemetry span. */
import type { Attributes, HrTime, Link, Span, SpanContext, TimeInput } from "@opentelemetry/api"
import type * as Clock from "effect/Clock"
import { externalSpan } from "effect/Tracer"
import type * as EffectTracer from "effect/Tracer"
import * as TraceIds from "../../internal/TraceIds.ts"

/** Attributes, events and links are set on the Effect span. Its name, status and end cannot be changed this way. */
export const make = (span: EffectTracer.AnySpan, clock: Clock.Clock, invalid: SpanContext): Span => {
  const recorded = span._tag === "Span" ? span : undefined
  const traceId = TraceIds.toTraceId(span.traceId)
  const context: SpanContext =
    traceId === undefined || !TraceIds.isSpanId(span.spanId)
      ? invalid
      : { traceId, spanId: span.spanId, traceFlags: span.sampled ? 1 : 0 }
  const set = (attributes: Attributes) => {
    for (const key in attributes) recorded?.attribute(key, attributes[key])
  }
  const self: Span = {
    spanContext: () => context,
    setAttribute: (key, value) => {
      recorded?.attribute(key, value)
      return self
    },
    setAttributes: (attributes) => {
      set(attributes)
      return self
    },
    addEvent: (name, attributesOrTime, time) => {
      const isTime = attributesOrTime === undefined || !isAttributes(attributesOrTime)
      const at = isTime ? attributesOrTime : time
      recorded?.event(name, toNanos(at) ?? clock.currentTimeNanosUnsafe(), isTime ? {} : attributesOrTime)
      return self
    },
    addLink: (link) => {
      recorded?.addLinks([toLink(link)])
      return self
    },
    addLinks: (links) => {
      recorded?.addLinks(links.map(toLink))
      return self
    },
    setStatus: () => self,
    updateName: () => self,
    end: () => {},
    isRecording: () => recorded !== undefined && recorded.sampled && recorded.status._tag === "Started",
    // Message and stack can carry content; Effect reports the error by its type.
    recordException: () => {}
  }
  return self
}

const isAttributes = (value: Attributes | TimeInput): value is Attributes =>
  typeof value === "object" && !Array.isArray(value) && !(value instanceof Date)

const isHrTime = (time: TimeInput): time is HrTime => Array.isArray(time)

const toNanos = (time: TimeInput | undefined): bigint | undefined => {
  if (time === undefined) return undefined
  if (isHrTime(time)) return BigInt(time[0]) * 1_000_000_000n + BigInt(time[1])
  const millis = typeof time === "number" ? time : time.getTime()
  // A number below the start time of the process comes from `performance.now()`.
  const epoch = millis < performance.timeOrigin ? performance.timeOrigin + millis : millis
  return BigInt(Math.round(epoch * 1000)) * 1000n
}

const toLink = ({ attributes, context }: Link): EffectTracer.SpanLink => ({
  span: externalSpan({
    traceId: context.traceId,
    spanId: context.spanId,
    sampled: (context.traceFlags & 1) === 1
  }),
  attributes: attributes ?? {}
})
