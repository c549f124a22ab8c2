import type * as OtlpEndpoint from "./OtlpEndpoint.ts"

/**
 * The name of an exporter in `OTEL_TRACES_EXPORTER` and its siblings.
 * @since 0.1.0
 * @category models
 */
export type ExporterName = "otlp" | "console" | "file" | "prometheus"

const supported: Readonly<Record<OtlpEndpoint.SignalKind, ReadonlyArray<ExporterName>>> = {
  traces: ["otlp", "console", "file"],
  metrics: ["otlp", "prometheus", "console", "file"],
  logs: ["otlp", "console", "file"]
}

/** Whether an exporter supports a signal. */
export const supports = (signal: OtlpEndpoint.SignalKind, exporter: ExporterName): boolean =>
  supported[signal].includes(exporter)

/** Returns the requested exporters that support the signal, each once. */
export const filterSupported = (
  signal: OtlpEndpoint.SignalKind,
  exporters: ReadonlyArray<ExporterName>
): ReadonlyArray<ExporterName> => supported[signal].filter((exporter) => exporters.includes(exporter))
