/** Spans of libraries that know OpenTelemetry only, as they are recorded with ours. */
import type { Attributes } from "@opentelemetry/api"
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"
import { attribute } from "../../semconv/Convention.ts"
import * as CopySpan from "../../redaction/CopySpan.ts"

/** As with our own spans an error shows its type: what a library says about it may carry content. */
export const withoutMessages = (span: ReadableSpan): ReadableSpan => {
  const { events, status } = span
  if (status.message === undefined && !events.some(({ attributes }) => tells(attributes))) return span
  return CopySpan.make(span, {
    status: { code: status.code },
    events: events.map((event) =>
      tells(event.attributes) ? { ...event, attributes: silent(event.attributes) } : event
    )
  })
}

const messages: ReadonlyArray<string> = [attribute.exceptionMessage, attribute.exceptionStack]

const tells = (attributes: Attributes | undefined): attributes is Attributes =>
  attributes !== undefined && messages.some((name) => Object.hasOwn(attributes, name))

const silent = (attributes: Attributes): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => !messages.includes(name)))
