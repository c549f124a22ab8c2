import type * as Endpoint from "./OtlpEndpoint.ts"

export type Exporter = "otlp" | "console" | "file" | "prometheus"

const supported: Readonly<Record<Endpoint.Signal, ReadonlyArray<Exporter>>> = {
  traces: ["otlp", "console", "file"],
  metrics: ["otlp", "prometheus", "console", "file"],
  logs: ["otlp", "console", "file"]
}

/** Whether an exporter can take a signal. */
export const by = (signal: Endpoint.Signal, exporter: Exporter): boolean =>
  supported[signal].includes(exporter)

/** What is asked for of one signal and can be done for it, each once. */
export const among = (signal: Endpoint.Signal, exporters: ReadonlyArray<Exporter>): ReadonlyArray<Exporter> =>
  supported[signal].filter((exporter) => exporters.includes(exporter))
