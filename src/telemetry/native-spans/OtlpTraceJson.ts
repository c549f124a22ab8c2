/** Decodes Codex's spans from OTLP in JSON. */
import type { HrTime } from "@opentelemetry/api"
import * as Predicate from "effect/Predicate"
import * as Steps from "../../internal/Steps.ts"
import * as BoundedContent from "../../domain/BoundedContent.ts"
import * as KeptSpans from "./KeptSpans.ts"

type NativeSpan = KeptSpans.NativeSpan
type OtlpAttributes = NativeSpan["attributes"]

// Decoded by hand: a turn has 500 spans with a dozen attributes each, and decoding runs beside the turn. A Schema takes
// twelve times the CPU time until it is warm.
const list = (value: unknown, key: string): ReadonlyArray<unknown> => {
  const found = Predicate.isObject(value) ? value[key] : undefined
  return Array.isArray(found) ? found : []
}

const textOf = (value: unknown): string | undefined => {
  if (!Predicate.isObject(value)) return undefined
  const { boolValue, intValue, stringValue } = value
  if (typeof stringValue === "string") return stringValue
  if (typeof intValue === "string" || typeof intValue === "number") return String(intValue)
  return typeof boolValue === "boolean" ? String(boolValue) : undefined
}

/** The maximum length of a name, and of a value. Thousands of spans wait in memory, and longer values are no ids. */
const maxName = 256
const maxValue = 128

const valuesOf = (holder: unknown, keys: ReadonlySet<string>): OtlpAttributes => {
  const values: Record<string, string> = {}
  for (const pair of list(holder, "attributes")) {
    if (!Predicate.isObject(pair) || typeof pair["key"] !== "string" || !keys.has(pair["key"])) continue
    const text = textOf(pair["value"])
    if (text !== undefined && text.length <= maxValue) values[pair["key"]] = text
  }
  return values
}

const hrTime = (nanos: unknown): HrTime | undefined =>
  typeof nanos === "string" && /^\d{10,20}$/.test(nanos)
    ? [Number(nanos.slice(0, -9)), Number(nanos.slice(-9))]
    : undefined

const profileEvent = "codex.turn_profile"

const isId = (id: unknown, digits: number): id is string =>
  typeof id === "string" && id.length === digits && /^[0-9a-f]+$/.test(id)

const toNative = (span: unknown): ReadonlyArray<NativeSpan> => {
  if (!Predicate.isObject(span)) return []
  const { endTimeUnixNano, kind, name, parentSpanId, spanId, startTimeUnixNano, traceId } = span
  if (typeof name !== "string" || !isId(traceId, 32) || !isId(spanId, 16)) return []
  const startTime = hrTime(startTimeUnixNano)
  const endTime = hrTime(endTimeUnixNano)
  if (startTime === undefined || endTime === undefined) return []
  const profile = list(span, "events").find(
    (event) => Predicate.isObject(event) && event["name"] === profileEvent
  )
  return [
    {
      traceId,
      spanId,
      parentId: isId(parentSpanId, 16) ? parentSpanId : undefined,
      name: name.length <= maxName ? name : BoundedContent.head(name, maxName),
      // OTLP counts kinds from 1.
      kind: typeof kind === "number" && kind >= 1 && kind <= 5 ? kind - 1 : 0,
      startTime,
      endTime,
      attributes: valuesOf(span, KeptSpans.attributeNames),
      profile: profile === undefined ? undefined : valuesOf(profile, KeptSpans.profileNames)
    }
  ]
}

/** Decodes a body, and skips invalid spans. Returns `undefined` if the body is not an OTLP trace request. */
export const decode = (text: string): ReadonlyArray<NativeSpan> | undefined => Steps.finish(decodeSteps(text))

/** The same in small steps, except that the first one parses the text. */
export function* decodeSteps(text: string): Generator<void, ReadonlyArray<NativeSpan> | undefined> {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return undefined
  }
  yield
  if (!Predicate.isObject(body) || !Array.isArray(body["resourceSpans"])) return undefined
  const spans: Array<NativeSpan> = []
  for (const resource of list(body, "resourceSpans")) {
    yield
    for (const scope of list(resource, "scopeSpans")) {
      yield
      for (const span of list(scope, "spans")) {
        spans.push(...toNative(span))
        yield
      }
    }
  }
  return spans
}
