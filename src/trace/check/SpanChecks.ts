/** Checks one span against the catalogue: attributes, events, kind, name and status. */
import * as Struct from "effect/Struct"
import * as Convention from "../../semconv/Convention.ts"
import { type CataloguedEvent, events, type CataloguedSpan, spans } from "../catalogue/SpanCatalogue.ts"
import * as AttributeChecks from "./AttributeChecks.ts"
import { improvement, information, type Remark, violation } from "./Finding.ts"

/** A span from any source. Checks that need ids or times are skipped without them. Times are in milliseconds. */
export interface CheckedSpan {
  readonly name: string
  readonly kind: string
  readonly status: "unset" | "ok" | "error"
  readonly statusMessage?: string | undefined
  readonly attributes: AttributeChecks.AttributeValues
  readonly events: ReadonlyArray<{
    readonly name: string
    readonly attributes: AttributeChecks.AttributeValues
  }>
  readonly traceId?: string | undefined
  readonly spanId?: string | undefined
  readonly parentSpanId?: string | undefined
  readonly start?: number | undefined
  readonly durationMillis?: number | undefined
}

const { attribute, operation, span: names } = Convention

const fixed = new Map<string, CataloguedSpan>(
  Struct.keys(names).flatMap((key) => {
    const name = names[key]
    return typeof name === "string" ? [[name, key] as const] : []
  })
)

const operations = new Map<string, CataloguedSpan>([
  [operation.invokeAgent, "invokeAgent"],
  [operation.chat, "chat"],
  [operation.executeTool, "executeTool"]
])

/** Returns the catalogue key of a span, or `undefined` for a span of the program itself. */
export const catalogueKeyOf = ({ attributes, name }: CheckedSpan): CataloguedSpan | undefined => {
  const known = fixed.get(name)
  if (known !== undefined) return known
  const operationName = attributes[attribute.operationName]
  const byOperation = typeof operationName === "string" ? operations.get(operationName) : undefined
  if (byOperation !== undefined) return byOperation
  const [word = "", subject] = name.split(" ")
  const byName = subject !== undefined || word === operation.chat ? operations.get(word) : undefined
  return byName ?? (attributes[attribute.executableName] === undefined ? undefined : "command")
}

/** Returns the name that a span should have according to its attributes. */
const nameOf = (key: CataloguedSpan, has: AttributeChecks.AttributeValues): string => {
  const text = (name: string) => String(has[name])
  switch (key) {
    case "invokeAgent":
      return names.invokeAgent(text(attribute.agentName))
    case "chat":
      return names.chat(has[attribute.requestModel] === undefined ? undefined : text(attribute.requestModel))
    case "executeTool":
      return names.executeTool(text(attribute.toolName))
    case "command":
      return text(attribute.executableName)
    default: {
      const name = names[key]
      return typeof name === "string" ? name : ""
    }
  }
}

const eventKeys = new Map<string, CataloguedEvent>(
  Struct.keys(Convention.event).map((key) => [Convention.event[key], key])
)

const checkEvents = (
  span: CheckedSpan,
  key: CataloguedSpan | undefined,
  options: AttributeChecks.AttributeCheckOptions
): ReadonlyArray<Remark> =>
  span.events.flatMap(({ attributes, name }) => {
    const event = eventKeys.get(name)
    if (event === undefined || events[event].on !== "span")
      return AttributeChecks.isReserved(name)
        ? [violation("event", `the event ${name} is not in the convention`)]
        : []
    // Every span may have an exception event if content capture is on.
    const misplaced =
      event !== "exception" && (key === undefined || !(spans[key].events ?? []).includes(event))
    return [
      ...(misplaced ? [violation("event", `the event ${name} is not allowed on this span`)] : []),
      ...AttributeChecks.checkAttributes(attributes, events[event].attributes, options).map((remark) => ({
        ...remark,
        message: `in the event ${name}: ${remark.message}`
      }))
    ]
  })

const checkStatus = ({ attributes, status, statusMessage }: CheckedSpan): ReadonlyArray<Remark> => {
  const type = attributes[attribute.errorType]
  const remarks: Array<Remark> = []
  if (status === "error" && type === undefined)
    remarks.push(violation("status", `the status is ERROR without an ${attribute.errorType}`))
  if (status !== "error" && type !== undefined)
    remarks.push(
      violation("status", `there is an ${attribute.errorType}, but the status is ${status.toUpperCase()}`)
    )
  if (statusMessage !== undefined && statusMessage !== "")
    remarks.push(violation("status", "the status has a message, which may contain content"))
  return remarks
}

/** Attributes of OpenTelemetry's conventions that effect/ai sets on its own spans, and that no span of this library has. */
const ofEffect: ReadonlySet<string> = new Set(["gen_ai.output.type"])

/** Checks a span by itself. */
export const check = (
  span: CheckedSpan,
  options: AttributeChecks.AttributeCheckOptions
): ReadonlyArray<Remark> => {
  const key = catalogueKeyOf(span)
  if (key === undefined) {
    const own = Object.entries(span.attributes).flatMap(([name, value]) =>
      ofEffect.has(name) ? [] : AttributeChecks.checkAttribute(name, value, options)
    )
    return [...own, ...checkEvents(span, key, options)]
  }
  const { attributes: allowed, kind } = spans[key]
  const complete = span.attributes[attribute.incomplete] !== true
  const remarks = [
    ...AttributeChecks.checkAttributes(span.attributes, allowed, {
      ...options,
      complete,
      succeeded: span.status !== "error"
    }),
    ...checkEvents(span, key, options),
    ...checkStatus(span)
  ]
  if (span.status === "ok")
    remarks.push(improvement("status", "the status is OK; on success it should be UNSET"))
  if (span.kind !== kind) remarks.push(violation("kind", `the kind is ${span.kind}; expected ${kind}`))
  const name = nameOf(key, span.attributes)
  if (complete && span.name !== name)
    remarks.push(violation("name", `according to its attributes the name should be ${name}`))
  if (!complete) remarks.push(information("times", "the span did not end before its exporter closed"))
  return remarks
}
