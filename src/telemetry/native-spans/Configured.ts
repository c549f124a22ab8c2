/** Whether Codex's configuration already says where its spans go. */
import { parse } from "smol-toml"

const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

const traceExporterOf = (toml: string): unknown => {
  try {
    const { otel } = parse(toml)
    return isTable(otel) ? otel["trace_exporter"] : undefined
  } catch {
    // `-c otel.trace_exporter=none`: what is no TOML is a text as it stands.
    return /^\s*otel\.trace_exporter\s*=\s*(\S+)\s*$/.exec(toml)?.[1]
  }
}

/** The last that says anything counts; `none` says nothing against ours. */
export const hasTraceExporter = (configurations: ReadonlyArray<string>): boolean => {
  const said = configurations.map(traceExporterOf).filter((exporter) => exporter !== undefined)
  const last = said.at(-1)
  return last !== undefined && last !== "none"
}
