/** Reads OTLP JSON lines, as the file exporter writes them, into the form that the checks take. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Emitted } from "../Check.ts"
import * as OtlpJson from "../reader/OtlpJson.ts"
import type { CheckedLog } from "./LogChecks.ts"
import type { CheckedMetric } from "./MetricChecks.ts"
import type { CheckedSpan } from "./SpanChecks.ts"

const Integer = Schema.Union([Schema.Finite, Schema.FiniteFromString])

const Attributes = Schema.Array(
  Schema.Struct({ key: Schema.String, value: Schema.optionalKey(Schema.Unknown) })
).pipe(Schema.withDecodingDefaultKey(Effect.succeed([])))

const Span = Schema.Struct({
  traceId: Schema.String,
  spanId: Schema.String,
  parentSpanId: Schema.optionalKey(Schema.String),
  name: Schema.String,
  kind: Schema.optionalKey(Integer),
  startTimeUnixNano: Integer,
  endTimeUnixNano: Integer,
  status: Schema.optionalKey(
    Schema.Struct({ code: Schema.optionalKey(Integer), message: Schema.optionalKey(Schema.String) })
  ),
  attributes: Attributes,
  events: Schema.Array(Schema.Struct({ name: Schema.String, attributes: Attributes })).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed([]))
  )
})

const Points = Schema.Struct({
  isMonotonic: Schema.optionalKey(Schema.Boolean),
  dataPoints: Schema.Array(
    Schema.Struct({ attributes: Attributes, explicitBounds: Schema.optionalKey(Schema.Array(Schema.Finite)) })
  ).pipe(Schema.withDecodingDefaultKey(Effect.succeed([])))
})

const Metric = Schema.Struct({
  name: Schema.String,
  unit: Schema.optionalKey(Schema.String),
  sum: Schema.optionalKey(Points),
  gauge: Schema.optionalKey(Points),
  histogram: Schema.optionalKey(Points)
})

const Log = Schema.Struct({
  severityText: Schema.optionalKey(Schema.String),
  eventName: Schema.optionalKey(Schema.String),
  attributes: Attributes
})

const list = <S extends Schema.Top>(item: S) => Schema.optionalKey(Schema.Array(item))

const Line = Schema.fromJsonString(
  Schema.Struct({
    resourceSpans: list(Schema.Struct({ scopeSpans: list(Schema.Struct({ spans: list(Span) })) })),
    resourceMetrics: list(Schema.Struct({ scopeMetrics: list(Schema.Struct({ metrics: list(Metric) })) })),
    resourceLogs: list(Schema.Struct({ scopeLogs: list(Schema.Struct({ logRecords: list(Log) })) }))
  })
)

const kinds = ["unspecified", "internal", "server", "client", "producer", "consumer"] as const
const statuses = ["unset", "ok", "error"] as const

const spanOf = (span: typeof Span.Type): CheckedSpan => ({
  name: span.name,
  kind: kinds[span.kind ?? 0] ?? "unspecified",
  status: statuses[span.status?.code ?? 0] ?? "unset",
  statusMessage: span.status?.message,
  attributes: OtlpJson.attributesOf(span.attributes),
  events: span.events.map(({ attributes, name }) => ({
    name,
    attributes: OtlpJson.attributesOf(attributes)
  })),
  traceId: span.traceId,
  spanId: span.spanId,
  parentSpanId: span.parentSpanId,
  start: span.startTimeUnixNano / 1e6,
  durationMillis: (span.endTimeUnixNano - span.startTimeUnixNano) / 1e6
})

const seriesOf = ({
  gauge,
  histogram,
  name,
  sum,
  unit
}: typeof Metric.Type): ReadonlyArray<CheckedMetric> => {
  const points = histogram ?? sum ?? gauge
  const kind =
    histogram !== undefined
      ? "histogram"
      : sum === undefined
        ? "gauge"
        : sum.isMonotonic === true
          ? "counter"
          : "sum"
  return (points?.dataPoints ?? []).map(({ attributes, explicitBounds }) => ({
    name,
    kind,
    unit: unit ?? "",
    boundaries: histogram === undefined ? undefined : (explicitBounds ?? []),
    attributes: OtlpJson.attributesOf(attributes)
  }))
}

const logOf = ({ attributes, eventName, severityText }: typeof Log.Type): CheckedLog => ({
  event: eventName === "" ? undefined : eventName,
  severity: severityText,
  attributes: OtlpJson.attributesOf(attributes)
})

const decode = Schema.decodeUnknownOption(Line)

/** Reads a line; returns none if it is not OTLP JSON. */
export const fromLine = (line: string): Option.Option<Required<Emitted>> =>
  Option.flatMap(decode(line), ({ resourceLogs, resourceMetrics, resourceSpans }) =>
    resourceLogs === undefined && resourceMetrics === undefined && resourceSpans === undefined
      ? Option.none()
      : Option.some({
          spans: (resourceSpans ?? []).flatMap(({ scopeSpans = [] }) =>
            scopeSpans.flatMap(({ spans = [] }) => spans.map(spanOf))
          ),
          metrics: (resourceMetrics ?? []).flatMap(({ scopeMetrics = [] }) =>
            scopeMetrics.flatMap(({ metrics = [] }) => metrics.flatMap(seriesOf))
          ),
          logs: (resourceLogs ?? []).flatMap(({ scopeLogs = [] }) =>
            scopeLogs.flatMap(({ logRecords = [] }) => logRecords.map(logOf))
          )
        })
  )

/** Reads all lines except blank ones, and returns the numbers (from 1) of the lines that are not OTLP JSON. */
export const fromLines = (
  lines: Iterable<string>
): { readonly emitted: Required<Emitted>; readonly invalidLines: ReadonlyArray<number> } => {
  const spans: Array<CheckedSpan> = []
  const metrics: Array<CheckedMetric> = []
  const logs: Array<CheckedLog> = []
  const invalidLines: Array<number> = []
  let number = 0
  for (const line of lines) {
    number++
    if (line.trim() === "") continue
    const found = Option.getOrUndefined(fromLine(line))
    if (found === undefined) {
      invalidLines.push(number)
      continue
    }
    for (const span of found.spans) spans.push(span)
    for (const metric of found.metrics) metrics.push(metric)
    for (const log of found.logs) logs.push(log)
  }
  return { emitted: { spans, metrics, logs }, invalidLines }
}
