/** What the environment and `otel-config.yaml` say about OTLP, for each signal. */
import * as Redacted from "effect/Redacted"
import type { ConfigFile } from "./ConfigFile.ts"
import * as OtlpEndpoint from "./OtlpEndpoint.ts"
import { toDecoded, toPairs, type Variable, type Variables } from "../../internal/EnvironmentVariables.ts"

/** Header values by lower-case name; they are credentials more often than not. */
export type Headers = Readonly<Record<string, Redacted.Redacted>>

/** Files in PEM: whom to trust, and who this is; the latter two only together. */
export interface Certificates {
  readonly ca?: string
  readonly certificate?: string
  readonly key?: string
}

export type Protocol = "http/json" | "http/protobuf"

/** How one signal goes to a collector. */
export interface Otlp {
  readonly destination: OtlpEndpoint.Destination
  readonly headers: Headers
  /** `headers` and `certificates` are those of `otel-config.yaml`: for the endpoint in it and for no other. */
  readonly ofFile: boolean
  readonly protocol: Protocol
  readonly compression: "gzip" | "none"
  /** How long one export may take, in milliseconds. */
  readonly timeout: number | undefined
  readonly certificates: Certificates
}

export const make = (
  variables: Variables,
  file: ConfigFile | undefined
): Record<OtlpEndpoint.SignalKind, Otlp> => ({
  traces: ofSignal("traces", variables, file),
  metrics: ofSignal("metrics", variables, file),
  logs: ofSignal("logs", variables, file)
})

const standard = (signal: OtlpEndpoint.SignalKind, name: string): ReadonlyArray<string> => [
  `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`,
  `OTEL_EXPORTER_OTLP_${name}`
]

/** The variables that name where a signal goes, first come first served. */
export const endpoints = (signal: OtlpEndpoint.SignalKind): ReadonlyArray<string> => [
  "CODEX_OTLP_ENDPOINT",
  "CODEX_OTEL_ENDPOINT",
  ...standard(signal, "ENDPOINT")
]

const ofSignal = (
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
  const ofFile = endpoint === undefined && typeof destination !== "string" && file !== undefined
  const headers = toHeaders(
    variables,
    "CODEX_OTLP_HEADERS",
    "CODEX_OTEL_HEADERS",
    ...standard(signal, "HEADERS")
  )
  const certificates = toCertificates(signal, variables)
  return {
    destination,
    headers: headers ?? (ofFile ? secret(file.headers) : {}),
    ofFile: ofFile && headers === undefined,
    protocol: toProtocol(signal, variables) ?? (ofFile ? file.protocol : undefined) ?? "http/json",
    compression:
      variables.word(["gzip", "none"], ...standard(signal, "COMPRESSION")) ??
      (ofFile ? file.compression : undefined) ??
      "none",
    timeout: variables.milliseconds(...standard(signal, "TIMEOUT")),
    certificates: ofFile ? { ...file.certificates, ...certificates } : certificates
  }
}

// The standard has the URL of one signal used as it stands, path or no path.
const toDestination = (
  { name, value }: Variable,
  signal: OtlpEndpoint.SignalKind
): OtlpEndpoint.Destination =>
  name === standard(signal, "ENDPOINT")[0]
    ? OtlpEndpoint.toExact(value)
    : OtlpEndpoint.toSignal(value, signal)

const toProtocol = (signal: OtlpEndpoint.SignalKind, variables: Variables): Protocol | undefined =>
  variables.word(["http/json", "http/protobuf"], ...standard(signal, "PROTOCOL"))

const toCertificates = (signal: OtlpEndpoint.SignalKind, variables: Variables): Certificates => {
  const ca = variables.first(
    "CODEX_OTLP_CACERTFILE",
    "CODEX_OTLP_CA_CERTFILE",
    ...standard(signal, "CERTIFICATE")
  )
  const certificate = variables.first("CODEX_OTLP_CERTFILE", ...standard(signal, "CLIENT_CERTIFICATE"))
  const key = variables.first("CODEX_OTLP_KEYFILE", ...standard(signal, "CLIENT_KEY"))
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
    variables.warn(variable, "holds something other than name=value, which is left out")
  }
  return secret(Object.fromEntries(headers.filter((header) => header !== undefined)))
}

const secret = (headers: Readonly<Record<string, string>>): Headers =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Redacted.make(value)]))
