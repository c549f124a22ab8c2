import type { ReadableSpan } from "@opentelemetry/sdk-trace"

/**
 * Copies a span and replaces some of its fields. The SDK's spans are classes with getters, so spread syntax would lose
 * half of the fields.
 */
export const make = (
  span: ReadableSpan,
  other: Partial<
    Pick<
      ReadableSpan,
      "name" | "status" | "attributes" | "links" | "events" | "startTime" | "endTime" | "duration"
    >
  >
): ReadableSpan => ({
  name: span.name,
  kind: span.kind,
  spanContext: () => span.spanContext(),
  ...(span.parentSpanContext === undefined ? {} : { parentSpanContext: span.parentSpanContext }),
  startTime: span.startTime,
  endTime: span.endTime,
  status: span.status,
  attributes: span.attributes,
  links: span.links,
  events: span.events,
  duration: span.duration,
  ended: span.ended,
  resource: span.resource,
  instrumentationScope: span.instrumentationScope,
  droppedAttributesCount: span.droppedAttributesCount,
  droppedEventsCount: span.droppedEventsCount,
  droppedLinksCount: span.droppedLinksCount,
  ...other
})
