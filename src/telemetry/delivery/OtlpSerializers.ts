/** The encodings of OTLP, loaded when something is to be sent. */
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

const transformer = Effect.promise(() => import("@opentelemetry/otlp-transformer"))

export const traces = (protocol: Settings.Protocol) =>
  Effect.map(
    transformer,
    ({
      JsonTraceSerializer,
      ProtobufTraceSerializer,
      TraceExporterMetricsHelper
    }): Codec<Array<ReadableSpan>, IExportTraceServiceResponse> => ({
      serializer: protocol === "http/json" ? JsonTraceSerializer : ProtobufTraceSerializer,
      helper: TraceExporterMetricsHelper,
      rejected: ({ partialSuccess }) => partialSuccess?.rejectedSpans
    })
  )

export const metrics = (protocol: Settings.Protocol) =>
  Effect.map(
    transformer,
    ({
      JsonMetricsSerializer,
      MetricsExporterMetricsHelper,
      ProtobufMetricsSerializer
    }): Codec<ResourceMetrics, IExportMetricsServiceResponse> => ({
      serializer: protocol === "http/json" ? JsonMetricsSerializer : ProtobufMetricsSerializer,
      helper: MetricsExporterMetricsHelper,
      rejected: ({ partialSuccess }) => partialSuccess?.rejectedDataPoints
    })
  )

export const logs = (protocol: Settings.Protocol) =>
  Effect.map(
    transformer,
    ({
      JsonLogsSerializer,
      LogsExporterMetricsHelper,
      ProtobufLogsSerializer
    }): Codec<Array<ReadableLogRecord>, IExportLogsServiceResponse> => ({
      serializer: protocol === "http/json" ? JsonLogsSerializer : ProtobufLogsSerializer,
      helper: LogsExporterMetricsHelper,
      rejected: ({ partialSuccess }) => partialSuccess?.rejectedLogRecords
    })
  )
