/**
 * Decodes OTLP in JSON: requests with `resourceSpans`, `resourceLogs` or `resourceMetrics`, as our file exporter, the
 * OpenTelemetry Collector and Codex write them. Decoded by hand, because a reader decodes gigabytes: a Schema takes several
 * times the time of `JSON.parse`.
 */
import * as Predicate from "effect/Predicate"
import type { AttributeValue, SpanAttributes } from "./TraceModel.ts"

/** A span of a file. Ids are lowercase hex, times nanoseconds since 1970. */
export interface DecodedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly name: string
  readonly start: bigint
  readonly end: bigint
  readonly failed: boolean
  readonly attributes: SpanAttributes
  readonly events: ReadonlyArray<{
    readonly name: string
    readonly at: bigint
    readonly attributes: SpanAttributes
  }>
}

export type JsonObject = { readonly [key: string]: unknown }

/** Returns the objects of an array, or none if the value is no array. */
export const objectsIn = (value: unknown): ReadonlyArray<JsonObject> =>
  Array.isArray(value) ? value.filter(Predicate.isObject) : []

/** Decodes a 64-bit integer, which JSON has as a string or a number. */
export const integer = (value: unknown): number | string | undefined => {
  if (typeof value === "number") return Number.isFinite(value) ? Math.trunc(value) : undefined
  if (typeof value !== "string" || !/^-?\d{1,20}$/.test(value)) return undefined
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

// `NaN` and the infinities are strings in JSON, as protobuf prescribes. They stay strings: JSON has no such numbers.
const double = (value: unknown): number | string | undefined => {
  if (typeof value === "number") return value
  if (typeof value !== "string" || value.length > 40) return undefined
  const number = Number(value)
  return value.trim() === "" ? undefined : Number.isFinite(number) ? number : value
}

/** The maximum depth of arrays and maps in a value. A deeper value is `null`. */
const maxDepth = 32

/** Decodes an attribute value. Returns `null` for a value without content and for invalid ones. */
export const valueOf = (value: unknown, depth = 0): AttributeValue => {
  if (!Predicate.isObject(value) || depth > maxDepth) return null
  if (typeof value["stringValue"] === "string") return value["stringValue"]
  if (typeof value["boolValue"] === "boolean") return value["boolValue"]
  if (value["intValue"] !== undefined) return integer(value["intValue"]) ?? null
  if (value["doubleValue"] !== undefined) return double(value["doubleValue"]) ?? null
  if (typeof value["bytesValue"] === "string") return value["bytesValue"]
  const { arrayValue, kvlistValue } = value
  if (Predicate.isObject(arrayValue))
    return objectsIn(arrayValue["values"]).map((item) => valueOf(item, depth + 1))
  if (Predicate.isObject(kvlistValue)) return attributesOf(kvlistValue["values"], undefined, depth + 1)
  return null
}

/** Decodes a list of attributes, or only those with some names. The last of two with one name counts. */
export const attributesOf = (list: unknown, names?: ReadonlySet<string>, depth = 0): SpanAttributes => {
  const attributes: Record<string, AttributeValue> = {}
  if (!Array.isArray(list)) return attributes
  for (const pair of list) {
    if (!Predicate.isObject(pair)) continue
    const { key, value } = pair
    if (typeof key !== "string" || names?.has(key) === false) continue
    // `__proto__` is an ordinary name here.
    if (key === "__proto__")
      Object.defineProperty(attributes, key, { value: valueOf(value, depth), ...plain })
    else attributes[key] = valueOf(value, depth)
  }
  return attributes
}

const plain = { configurable: true, enumerable: true, writable: true }

const hex = /^[0-9a-f]+$/
const base64 = /^[A-Za-z0-9+/]+={0,2}$/
const zeros = "0".repeat(32)
const isZero = (id: string): boolean => id.startsWith("0000") && zeros.startsWith(id)

/** Decodes an id of `bytes` bytes: hex, as OTLP prescribes, or base64, as protobuf does. */
export const idOf = (id: unknown, bytes: 8 | 16): string | undefined => {
  if (typeof id !== "string") return undefined
  if (id.length === bytes * 2) {
    const lower = hex.test(id) ? id : id.toLowerCase()
    return hex.test(lower) && !isZero(lower) ? lower : undefined
  }
  if (id.length !== Math.ceil(bytes / 3) * 4 || !base64.test(id)) return undefined
  const decoded = Buffer.from(id, "base64")
  const text = decoded.toString("hex")
  return decoded.length === bytes && !isZero(text) ? text : undefined
}

/** Decodes a time in nanoseconds, which JSON has as a string or, with less precision, as a number. */
export const nanosOf = (value: unknown): bigint | undefined => {
  if (typeof value === "string") return /^\d{1,20}$/.test(value) ? BigInt(value) : undefined
  return typeof value === "number" && value >= 0 && value < 1e20 ? BigInt(Math.trunc(value)) : undefined
}

/** Whether a status is an error. */
export const isFailed = (status: unknown): boolean =>
  Predicate.isObject(status) && (status["code"] === 2 || status["code"] === "STATUS_CODE_ERROR")

/** Decodes a span. Returns `undefined` if it has no valid id or start. A span without an end ends at its start. */
export const spanOf = (span: JsonObject): DecodedSpan | undefined => {
  const traceId = idOf(span["traceId"], 16)
  const spanId = idOf(span["spanId"], 8)
  const start = nanosOf(span["startTimeUnixNano"])
  if (traceId === undefined || spanId === undefined || start === undefined) return undefined
  const end = nanosOf(span["endTimeUnixNano"]) ?? start
  return {
    traceId,
    spanId,
    parentId: idOf(span["parentSpanId"], 8),
    name: typeof span["name"] === "string" ? span["name"] : "",
    start,
    end: end < start ? start : end,
    failed: isFailed(span["status"]),
    attributes: attributesOf(span["attributes"]),
    events: objectsIn(span["events"]).map((event) => ({
      name: typeof event["name"] === "string" ? event["name"] : "",
      at: nanosOf(event["timeUnixNano"]) ?? start,
      attributes: attributesOf(event["attributes"])
    }))
  }
}

/** A request of one line: the parts of it that are arrays. */
export interface OtlpRequest {
  readonly spans: unknown
  readonly records: unknown
  readonly metrics: unknown
}

/** Parses a line. Returns why it could not if the text is not JSON or has none of the three arrays. */
export const parse = (text: string): OtlpRequest | "not JSON" | "not OTLP" => {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return "not JSON"
  }
  if (!Predicate.isObject(body)) return "not OTLP"
  const { resourceLogs: records, resourceMetrics: metrics, resourceSpans: spans } = body
  return Array.isArray(spans) || Array.isArray(records) || Array.isArray(metrics)
    ? { spans, records, metrics }
    : "not OTLP"
}

/** Returns the spans of a request, each with the service that sent it. */
export function* spansIn({
  spans
}: OtlpRequest): Generator<{ readonly span: JsonObject; readonly service: string | undefined }> {
  for (const { resource, scopeSpans } of objectsIn(spans)) {
    const service = serviceOf(resource)
    for (const scope of objectsIn(scopeSpans))
      for (const span of objectsIn(scope["spans"])) yield { span, service }
  }
}

const serviceNames = new Set(["service.name"])

const serviceOf = (resource: unknown): string | undefined => {
  const name = Predicate.isObject(resource)
    ? attributesOf(resource["attributes"], serviceNames)["service.name"]
    : undefined
  return typeof name === "string" && name !== "" ? name : undefined
}

/** Returns the log records of a request. */
export function* recordsIn({ records }: OtlpRequest): Generator<JsonObject> {
  for (const { scopeLogs } of objectsIn(records))
    for (const scope of objectsIn(scopeLogs)) yield* objectsIn(scope["logRecords"])
}

const kindsOfPoints = ["sum", "gauge", "histogram", "exponentialHistogram", "summary"]

/** Counts the data points of the metrics of a request. */
export const pointsIn = ({ metrics }: OtlpRequest): number =>
  sum(objectsIn(metrics), ({ scopeMetrics }) =>
    sum(objectsIn(scopeMetrics), (scope) =>
      sum(objectsIn(scope["metrics"]), (metric) =>
        sum(kindsOfPoints, (kind) => {
          const points = metric[kind]
          return Predicate.isObject(points) && Array.isArray(points["dataPoints"])
            ? points["dataPoints"].length
            : 0
        })
      )
    )
  )

const sum = <A>(items: ReadonlyArray<A>, countOf: (item: A) => number): number =>
  items.reduce((total, item) => total + countOf(item), 0)
