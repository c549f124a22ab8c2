/** The OTLP encodings of each signal. The SDK's transformer is loaded at the first use. */
import type {
  IExportLogsServiceResponse,
  IExportMetricsServiceResponse,
  IExportTraceServiceResponse
} from "@opentelemetry/otlp-transformer"
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs"
import type { ResourceMetrics } from "@opentelemetry/sdk-metrics"
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import type * as Settings from "../config/Settings.ts"
import type { Codec } from "./OtlpExporter.ts"

type Transformer = typeof import("@opentelemetry/otlp-transformer")

interface CodecParts<Items, Response> extends Omit<Codec<Items, Response>, "serializer"> {
  readonly json: Codec<Items, Response>["serializer"]
  readonly protobuf: Codec<Items, Response>["serializer"]
}

const makeCodec =
  <Items, Response>(toParts: (transformer: Transformer) => CodecParts<Items, Response>) =>
  (protocol: Settings.Protocol): Effect.Effect<Codec<Items, Response>> =>
    Effect.map(
      Effect.promise(() => import("@opentelemetry/otlp-transformer")),
      (transformer) => {
        const { json, protobuf, ...parts } = toParts(transformer)
        return { ...parts, serializer: protocol === "http/json" ? json : protobuf }
      }
    )

export const traces = makeCodec<Array<ReadableSpan>, IExportTraceServiceResponse>((transformer) => ({
  json: transformer.JsonTraceSerializer,
  protobuf: transformer.ProtobufTraceSerializer,
  helper: transformer.TraceExporterMetricsHelper,
  rejected: ({ partialSuccess }) => partialSuccess?.rejectedSpans
}))

export const metrics = makeCodec<ResourceMetrics, IExportMetricsServiceResponse>((transformer) => ({
  json: transformer.JsonMetricsSerializer,
  protobuf: transformer.ProtobufMetricsSerializer,
  helper: transformer.MetricsExporterMetricsHelper,
  rejected: ({ partialSuccess }) => partialSuccess?.rejectedDataPoints
}))

export const logs = makeCodec<Array<ReadableLogRecord>, IExportLogsServiceResponse>((transformer) => ({
  json: transformer.JsonLogsSerializer,
  protobuf: transformer.ProtobufLogsSerializer,
  helper: transformer.LogsExporterMetricsHelper,
  rejected: ({ partialSuccess }) => partialSuccess?.rejectedLogRecords
}))
