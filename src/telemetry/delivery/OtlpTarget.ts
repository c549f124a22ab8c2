/** Where a signal is to go by OTLP: what the code says, then the environment, and what cannot be. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Settings from "../config/Settings.ts"
import * as BatchProcessor from "./BatchProcessor.ts"
import * as TlsCertificates from "./TlsCertificates.ts"
import type * as OtlpExporter from "./OtlpExporter.ts"
import * as ProxySettings from "../config/ProxySettings.ts"

export const defaultEndpoint = "http://localhost:4318"

// What is spooled is waited for by nobody: the time of the standard, and a bound on what may be asked for.
const defaultSpoolTimeout = 10_000
const maxSpoolTimeout = 120_000

/** What the code says about the export; what it leaves open is for the environment to say. */
export interface OtlpTargetOptions {
  /** The collector's base URL, or its URL for one signal; `http://localhost:4318` if nobody names one. */
  readonly endpoint?: string
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>>
  readonly protocol?: Settings.Protocol
  readonly compression?: "gzip" | "none"
  /** Files in PEM: whom to trust, and who this is. */
  readonly certificates?: Settings.Certificates
  /** How long one export may take; more than 1.5 s is taken as 1.5 s, so that it cannot hold the process. */
  readonly timeout?: Duration.Input
  /** What to export; all three if it is left out. */
  readonly signals?: ReadonlyArray<Settings.SignalKind>
}

/** What is to become of a signal. */
export interface OtlpTarget {
  readonly signal: Settings.SignalKind
  /** Nothing where it cannot be: the notes say why. */
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
  // Credentials from otel-config.yaml are for the collector that is named there.
  const isOtherEndpoint = options.endpoint !== undefined && ofSignal.fromFile
  const destination =
    options.endpoint === undefined ? ofSignal.destination : Settings.toSignal(options.endpoint, signal)
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
  const timeout = toMillis(options.timeout ?? ofSignal.timeout)
  const resolved: OtlpTarget = {
    signal,
    warnings,
    usesDefaultEndpoint,
    target: {
      url: usesDefaultEndpoint ? `${defaultEndpoint}/v1/${signal}` : destination.url,
      headers,
      protocol: options.protocol ?? ofSignal.protocol,
      compression: options.compression ?? ofSignal.compression,
      timeout: clampMillis(BatchProcessor.shutdownTimeout, timeout),
      spoolTimeout: clampMillis(maxSpoolTimeout, timeout ?? defaultSpoolTimeout),
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
    if (Settings.isHeader(name, text)) sendable.push([name, text])
    else warnings.push(`The OTLP header ${JSON.stringify(name)} cannot be sent and is left out`)
  }
  return { headers: Object.fromEntries(sendable), warnings }
}
