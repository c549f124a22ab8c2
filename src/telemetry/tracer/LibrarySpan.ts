/** Spans of libraries that know OpenTelemetry only, as they are recorded with ours. */
import type { Attributes } from "@opentelemetry/api"
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"
import { attribute } from "../../semconv/Convention.ts"
import * as CopySpan from "../../redaction/CopySpan.ts"

/** As with our own spans an error shows its type: what a library says about it may carry content. */
export const withoutMessages = (span: ReadableSpan): ReadableSpan => {
  const { events, status } = span
  if (status.message === undefined && !events.some(({ attributes }) => hasMessage(attributes))) return span
  return CopySpan.make(span, {
    status: { code: status.code },
    events: events.map((event) =>
      hasMessage(event.attributes) ? { ...event, attributes: dropMessages(event.attributes) } : event
    )
  })
}

const messageAttributes: ReadonlyArray<string> = [attribute.exceptionMessage, attribute.exceptionStack]

const hasMessage = (attributes: Attributes | undefined): attributes is Attributes =>
  attributes !== undefined && messageAttributes.some((name) => Object.hasOwn(attributes, name))

const dropMessages = (attributes: Attributes): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => !messageAttributes.includes(name)))
