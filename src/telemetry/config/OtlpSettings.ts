/** OTLP settings of each signal, from the environment and `otel-config.yaml`. */
import * as Redacted from "effect/Redacted"
import type { ConfigFile } from "./ConfigFile.ts"
import * as OtlpEndpoint from "./OtlpEndpoint.ts"
import { toDecoded, toPairs, type Variable, type Variables } from "../../internal/EnvironmentVariables.ts"

/**
 * Header values by lower-case name. They are redacted because they usually are credentials.
 * @since 0.1.0
 * @category models
 */
export type Headers = Readonly<Record<string, Redacted.Redacted>>

/**
 * PEM files: the trusted CA, and the client certificate with its key, which are only valid together.
 * @since 0.1.0
 * @category models
 */
export interface Certificates {
  readonly ca?: string
  readonly certificate?: string
  readonly key?: string
}

/**
 * The encodings of OTLP over HTTP that the exporter supports; gRPC is not one of them.
 * @since 0.1.0
 * @category models
 */
export type Protocol = "http/json" | "http/protobuf"

/**
 * How one signal is sent to a collector.
 * @since 0.1.0
 * @category models
 */
export interface Otlp {
  readonly destination: OtlpEndpoint.Destination
  readonly headers: Headers
  /** Whether `headers` and `certificates` come from `otel-config.yaml`. If so they are for its endpoint only. */
  readonly fromFile: boolean
  readonly protocol: Protocol
  readonly compression: "gzip" | "none"
  /** The maximum duration of one export. */
  readonly timeoutMillis: number | undefined
  readonly certificates: Certificates
}

export const make = (
  variables: Variables,
  file: ConfigFile | undefined
): Record<OtlpEndpoint.SignalKind, Otlp> => ({
  traces: forSignal("traces", variables, file),
  metrics: forSignal("metrics", variables, file),
  logs: forSignal("logs", variables, file)
})

const standardNames = (signal: OtlpEndpoint.SignalKind, name: string): ReadonlyArray<string> => [
  `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`,
  `OTEL_EXPORTER_OTLP_${name}`
]

/** The variables that set the endpoint of a signal; the first one that is set wins. */
export const endpoints = (signal: OtlpEndpoint.SignalKind): ReadonlyArray<string> => [
  "CODEX_OTLP_ENDPOINT",
  "CODEX_OTEL_ENDPOINT",
  ...standardNames(signal, "ENDPOINT")
]

const forSignal = (
  signal: OtlpEndpoint.SignalKind,
  variables: Variables,
  file: ConfigFile | undefined
): Otlp => {
  const endpoint = variables.first(...endpoints(signal))
  const destination =
    endpoint === undefined ? (file?.destinations[signal] ?? "unset") : toDestination(endpoint, signal)
  if (endpoint !== undefined && destination === "invalid") {
    variables.warn(endpoint, "is not an http or https URL: nothing is exported there")
  }
  const fromFile = endpoint === undefined && typeof destination !== "string" && file !== undefined
  const headers = toHeaders(
    variables,
    "CODEX_OTLP_HEADERS",
    "CODEX_OTEL_HEADERS",
    ...standardNames(signal, "HEADERS")
  )
  const certificates = toCertificates(signal, variables)
  return {
    destination,
    headers: headers ?? (fromFile ? toRedacted(file.headers) : {}),
    fromFile: fromFile && headers === undefined,
    protocol: toProtocol(signal, variables) ?? (fromFile ? file.protocol : undefined) ?? "http/json",
    compression:
      variables.word(["gzip", "none"], ...standardNames(signal, "COMPRESSION")) ??
      (fromFile ? file.compression : undefined) ??
      "none",
    timeoutMillis: variables.milliseconds(...standardNames(signal, "TIMEOUT")),
    certificates: fromFile ? { ...file.certificates, ...certificates } : certificates
  }
}

// OpenTelemetry requires the URL of a single signal to be used unchanged, with or without a path.
const toDestination = (
  { name, value }: Variable,
  signal: OtlpEndpoint.SignalKind
): OtlpEndpoint.Destination =>
  name === standardNames(signal, "ENDPOINT")[0]
    ? OtlpEndpoint.toExact(value)
    : OtlpEndpoint.toSignal(value, signal)

const toProtocol = (signal: OtlpEndpoint.SignalKind, variables: Variables): Protocol | undefined =>
  variables.word(["http/json", "http/protobuf"], ...standardNames(signal, "PROTOCOL"))

const toCertificates = (signal: OtlpEndpoint.SignalKind, variables: Variables): Certificates => {
  const ca = variables.first(
    "CODEX_OTLP_CACERTFILE",
    "CODEX_OTLP_CA_CERTFILE",
    ...standardNames(signal, "CERTIFICATE")
  )
  const certificate = variables.first("CODEX_OTLP_CERTFILE", ...standardNames(signal, "CLIENT_CERTIFICATE"))
  const key = variables.first("CODEX_OTLP_KEYFILE", ...standardNames(signal, "CLIENT_KEY"))
  return {
    ...(ca === undefined ? {} : { ca: ca.value }),
    ...(certificate === undefined ? {} : { certificate: certificate.value }),
    ...(key === undefined ? {} : { key: key.value })
  }
}

const toHeaders = (variables: Variables, ...names: ReadonlyArray<string>): Headers | undefined => {
  const variable = variables.first(...names)
  if (variable === undefined) return undefined
  const headers = toPairs(variable.value, /[,;]/).map((pair) => {
    const name = pair && (toDecoded(pair[0]) ?? pair[0]).toLowerCase()
    const value = pair && (toDecoded(pair[1]) ?? pair[1])
    return name !== undefined && value !== undefined && OtlpEndpoint.isHeader(name, value)
      ? ([name, value] as const)
      : undefined
  })
  if (headers.includes(undefined)) {
    variables.warn(variable, "has an entry that is not name=value, which is ignored")
  }
  return toRedacted(Object.fromEntries(headers.filter((header) => header !== undefined)))
}

const toRedacted = (headers: Readonly<Record<string, string>>): Headers =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Redacted.make(value)]))
