/** The OTLP encodings of each signal. The SDK's transformer is loaded at the first use. */
import type {
  IExporterMetricsHelper,
  IExportLogsServiceResponse,
  IExportMetricsServiceResponse,
  IExportTraceServiceResponse,
  ISerializer
} from "@opentelemetry/otlp-transformer"
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs"
import type { ResourceMetrics } from "@opentelemetry/sdk-metrics"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import * as Effect from "effect/Effect"
import { escapeJsonBytes } from "../../internal/JsonBytes.ts"
import type * as Settings from "../config/Settings.ts"

export type Encoding = "json" | "protobuf"

export const encodingOf = (protocol: Settings.Protocol): Encoding =>
  protocol === "http/json" ? "json" : "protobuf"

/** Encodes and counts the records of a signal, and reads from a response how many of them were rejected. */
export interface Codec<Items> {
  readonly encode: (items: Items) => Uint8Array | undefined
  readonly count: (items: Items) => number
  readonly rejected: (encoding: Encoding, body: Uint8Array) => number
}

type Transformer = typeof import("@opentelemetry/otlp-transformer")

interface CodecParts<Items, Response> {
  readonly json: ISerializer<Items, Response>
  readonly protobuf: ISerializer<Items, Response>
  readonly helper: IExporterMetricsHelper<Items>
  readonly rejected: (response: Response) => number | string | null | undefined
}

const makeCodec =
  <Items, Response>(toParts: (transformer: Transformer) => CodecParts<Items, Response>) =>
  (protocol: Settings.Protocol): Effect.Effect<Codec<Items>> =>
    Effect.map(
      Effect.promise(() => import("@opentelemetry/otlp-transformer")),
      (transformer) => {
        const parts = toParts(transformer)
        return {
          encode: (items) => {
            const encoding = encodingOf(protocol)
            const bytes = parts[encoding].serializeRequest(items)
            // A file holds one request on each line, and a terminal may show it.
            return bytes === undefined || encoding === "protobuf" ? bytes : escapeJsonBytes(bytes)
          },
          count: (items) => parts.helper.countItems(items),
          rejected: (encoding, body) => Number(parts.rejected(parts[encoding].deserializeResponse(body)) ?? 0)
        }
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
