import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"

/** The same span with other contents. A span of the SDK is a class with getters: spreading it would lose half of it. */
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
