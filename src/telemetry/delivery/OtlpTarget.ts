/** Resolves the OTLP target of a signal from code, then from the environment, with warnings about unusable values. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as OtlpEndpoint from "../config/OtlpEndpoint.ts"
import * as Settings from "../config/Settings.ts"
import * as BatchProcessor from "./BatchProcessor.ts"
import * as TlsCertificates from "./TlsCertificates.ts"
import type * as OtlpExporter from "./OtlpExporter.ts"
import * as ProxySettings from "../config/ProxySettings.ts"

export const defaultEndpoint = "http://localhost:4318"

// The spool delays no program, so it uses the default timeout of OpenTelemetry and a high maximum.
const defaultSpoolTimeout = 10_000
const maxSpoolTimeout = 120_000

/** Options of the OTLP export. Omitted fields come from the environment. */
export interface OtlpTargetOptions {
  /** The collector's base URL, or its URL for one signal; default: `http://localhost:4318`. */
  readonly endpoint?: string
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>>
  readonly protocol?: Settings.Protocol
  readonly compression?: "gzip" | "none"
  /** PEM files: the trusted CA, and the client certificate with its key. */
  readonly certificates?: Settings.Certificates
  /** The maximum duration of one export. It is capped at 1.5 s so that it cannot delay the end of the process. */
  readonly timeout?: Duration.Input
  /** The signals to export; default: all three. */
  readonly signals?: ReadonlyArray<Settings.SignalKind>
}

/** The resolved target of a signal. */
export interface OtlpTarget {
  readonly signal: Settings.SignalKind
  /** `undefined` if the signal cannot be exported; the warnings say why. */
  readonly target: OtlpExporter.Target | undefined
  readonly warnings: ReadonlyArray<string>
  readonly usesDefaultEndpoint: boolean
}

export const make = Effect.fnUntraced(function* (
  settings: Settings.Settings,
  options: OtlpTargetOptions,
  signal: Settings.SignalKind
) {
  const ofSignal = settings.otlp[signal]
  // Credentials from otel-config.yaml are only for the collector in that file.
  const isOtherEndpoint = options.endpoint !== undefined && ofSignal.fromFile
  const destination =
    options.endpoint === undefined ? ofSignal.destination : OtlpEndpoint.toSignal(options.endpoint, signal)
  const off = (note: string): OtlpTarget => ({
    signal,
    target: undefined,
    warnings: [note],
    usesDefaultEndpoint: false
  })
  if (destination === "invalid") {
    return off("The OTLP endpoint is not an http or https URL: nothing is exported by OTLP")
  }
  const certificateFiles = options.certificates ?? (isOtherEndpoint ? {} : ofSignal.certificates)
  const loaded = yield* Effect.result(TlsCertificates.load(certificateFiles))
  if (loaded._tag === "Failure") return off(`${loaded.failure}: nothing is exported by OTLP`)
  const { headers, warnings } = toHeaders(options.headers ?? (isOtherEndpoint ? {} : ofSignal.headers))
  const usesDefaultEndpoint = destination === "unset"
  const timeoutMillis = toMillis(options.timeout ?? ofSignal.timeoutMillis)
  const resolved: OtlpTarget = {
    signal,
    warnings,
    usesDefaultEndpoint,
    target: {
      url: usesDefaultEndpoint ? `${defaultEndpoint}/v1/${signal}` : destination.url,
      headers,
      protocol: options.protocol ?? ofSignal.protocol,
      compression: options.compression ?? ofSignal.compression,
      timeoutMillis: clampMillis(BatchProcessor.shutdownTimeout, timeoutMillis),
      spoolTimeoutMillis: clampMillis(maxSpoolTimeout, timeoutMillis ?? defaultSpoolTimeout),
      identity: loaded.success,
      proxy: ProxySettings.variablesFor(
        settings.proxy,
        usesDefaultEndpoint ? defaultEndpoint : destination.url
      )
    }
  }
  return resolved
})

const toMillis = (timeout: Duration.Input | undefined): number | undefined =>
  Option.match(Option.flatMap(Option.fromUndefinedOr(timeout), Duration.fromInput), {
    onNone: () => undefined,
    onSome: Duration.toMillis
  })

const clampMillis = (max: number, millis = max): number => Math.max(1, Math.min(Math.round(millis), max))

const toHeaders = (headers: NonNullable<OtlpTargetOptions["headers"]>) => {
  const sendable: Array<readonly [name: string, value: string]> = []
  const warnings: Array<string> = []
  for (const [name, value] of Object.entries(headers)) {
    const text = Redacted.isRedacted(value) ? Redacted.value(value) : value
    if (OtlpEndpoint.isHeader(name, text)) sendable.push([name, text])
    else warnings.push(`The OTLP header ${JSON.stringify(name)} cannot be sent and is left out`)
  }
  return { headers: Object.fromEntries(sendable), warnings }
}
