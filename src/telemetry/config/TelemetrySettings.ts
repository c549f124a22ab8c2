/** What can be set about telemetry, as one value. `Settings` reads it. */
import type { SpanLimits } from "@opentelemetry/sdk-trace"
import type { ExporterName } from "./Exporters.ts"
import type * as OtlpEndpoint from "./OtlpEndpoint.ts"
import type * as OtlpSettings from "./OtlpSettings.ts"
import type * as ProxySettings from "./ProxySettings.ts"
import type { TailSamplingOptions } from "./TailSamplingOptions.ts"

/**
 * The export queue of a signal, with times in milliseconds. When `queue` is full, new records are dropped.
 * @since 0.1.0
 * @category models
 */
export interface BatchSettings {
  readonly queue: number
  readonly size: number
  readonly delayMillis: number
  readonly timeoutMillis: number
}

/**
 * Head sampling: the share of the traces started here that is kept.
 * @since 0.1.0
 * @category models
 */
export interface HeadSampling {
  readonly ratio: number
  /** Whether a sampled remote parent keeps its trace sampled, whatever the ratio. */
  readonly parentBased: boolean
}

/**
 * All telemetry settings, grouped by concern.
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  /** Disables every exporter, whatever the code says. */
  readonly disabled: boolean
  /** The exporters of `OtlpLayer` for each signal; none by default. */
  readonly exporters: Readonly<Record<OtlpEndpoint.SignalKind, ReadonlyArray<ExporterName>>>
  readonly otlp: Readonly<Record<OtlpEndpoint.SignalKind, OtlpSettings.Otlp>>
  /** The path of the file exporter and the directory of the spool, if set. */
  readonly file: string | undefined
  readonly spool: string | undefined
  /** The limits of the spool in bytes and milliseconds, if set. */
  readonly spoolLimits: { readonly maxBytes: number | undefined; readonly maxAgeMillis: number | undefined }
  readonly prometheus: {
    readonly host: string
    readonly port: number
    /** Names of the endpoint in requests, besides loopback names and `host`. */
    readonly allowedHosts: ReadonlyArray<string>
  }
  /** Resource attributes, including the service name if set. */
  readonly resource: Readonly<Record<string, string>>
  readonly sampling: HeadSampling | undefined
  /** Whether to join Codex's own spans to ours. */
  readonly nativeSpans: boolean
  /** Tail sampling, if enabled. */
  readonly tail: TailSamplingOptions | undefined
  readonly spanLimits: Required<SpanLimits>
  readonly spans: BatchSettings
  readonly logs: BatchSettings
  /** The limits of one log record. */
  readonly logLimits: { readonly attributeCountLimit: number; readonly attributeValueLengthLimit: number }
  /** The collection interval and timeout of metrics in milliseconds, and the temporality that OTLP uses. */
  readonly metrics: {
    readonly intervalMillis: number
    readonly timeoutMillis: number
    readonly temporality: "cumulative" | "delta"
  }
  /** The proxy to collectors on other machines. */
  readonly proxy: ProxySettings.Proxy | undefined
  /** The maximum number of updates of a kind that a turn emits per second; see `Throttle`. */
  readonly updatesPerSecond: number
  /** The minimum level of telemetry's own log messages. */
  readonly logLevel: LogLevel
}

/**
 * The minimum level of telemetry's own messages, as `OTEL_LOG_LEVEL` sets it.
 * @since 0.1.0
 * @category models
 */
export type LogLevel = "None" | "Error" | "Warn" | "Info" | "Debug"
