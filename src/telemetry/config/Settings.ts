/** Telemetry settings from the environment and `otel-config.yaml`, as one value. */
import type { SpanLimits } from "@opentelemetry/sdk-trace"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { constants } from "node:fs"
import { open } from "node:fs/promises"
import { join } from "node:path"
import type { ConfigFile, ExporterName } from "./ConfigFile.ts"
import * as OtlpEndpoint from "./OtlpEndpoint.ts"
import * as DurationText from "../../internal/DurationText.ts"
import * as HomeDirectory from "../../internal/HomeDirectory.ts"
import * as OtlpSettings from "./OtlpSettings.ts"
import { updatesPerSecond } from "../../instrumentation/SignalThrottle.ts"
import * as ProxySettings from "./ProxySettings.ts"
import * as Exporters from "./Exporters.ts"
import type { Slow, TailSamplingOptions } from "./TailSamplingOptions.ts"
import type { BatchSettings, HeadSampling, LogLevel, Settings } from "./TelemetrySettings.ts"
import {
  Environment,
  toBoolean,
  toDecoded,
  toPairs,
  toWords,
  Variables
} from "../../internal/EnvironmentVariables.ts"

export { Environment } from "../../internal/EnvironmentVariables.ts"
export type { ExporterName } from "./ConfigFile.ts"
export type { Destination, SignalKind } from "./OtlpEndpoint.ts"
export type { Certificates, Headers, Otlp, Protocol } from "./OtlpSettings.ts"
export type { BatchSettings, HeadSampling, LogLevel, Settings } from "./TelemetrySettings.ts"

/**
 * The settings of the process; see `layer`.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Settings } from "effect-codex"
 *
 * const isExporting = Settings.CurrentSettings.use(({ disabled, exporters }) =>
 *   Effect.succeed(!disabled && exporters.traces.length > 0)
 * ).pipe(Effect.provide(Settings.layer))
 * ```
 */
export class CurrentSettings extends Context.Service<CurrentSettings, Settings>()(
  "effect-codex/telemetry/Settings"
) {}

/**
 * Reads the settings from an environment and a file, with warnings about unusable values. No warning shows a value.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Settings } from "effect-codex"
 *
 * const { settings, warnings } = Settings.fromEnvironment({ OTEL_BSP_SCHEDULE_DELAY: "200" })
 * settings.spans.delayMillis // 200
 * ```
 */
export const fromEnvironment = (
  environment: Environment,
  file?: ConfigFile
): { readonly settings: Settings; readonly warnings: ReadonlyArray<string> } => {
  const variables = new Variables(environment)
  const sdkDisabled = isDisabled(variables)
  const switches = toSwitches(variables)
  const disabled = sdkDisabled || switches.includes(false)
  const otlp = OtlpSettings.make(variables, file)
  const settings: Settings = {
    disabled,
    exporters: toExporters(variables, { disabled, isEnabled: switches.includes(true), otlp }, file),
    otlp,
    file: file?.file,
    spool: variables.first("CODEX_OTLP_SPOOL_DIR")?.value,
    spoolLimits: {
      maxBytes: variables.wholeNumber(1, "CODEX_OTLP_SPOOL_MAX_BYTES"),
      maxAgeMillis: toAge(variables)
    },
    prometheus: {
      host: variables.first("OTEL_EXPORTER_PROMETHEUS_HOST")?.value ?? "localhost",
      port: toPort(variables) ?? 9464,
      allowedHosts: (variables.first("CODEX_PROMETHEUS_ALLOWED_HOSTS")?.value ?? "")
        .split(",")
        .map((host) => host.trim())
        .filter((host) => host !== "")
    },
    resource: toResource(variables),
    sampling: toSampling(variables),
    nativeSpans: toNativeSpans(variables),
    tail: toTail(variables),
    spanLimits: toSpanLimits(variables),
    spans: toBatch(variables, "OTEL_BSP", file?.batchTimeout ?? 1000),
    logs: toBatch(variables, "OTEL_BLRP", 1000),
    logLimits: toLogLimits(variables),
    metrics: { ...toInterval(variables), temporality: toTemporality(variables) },
    proxy: ProxySettings.fromVariables(variables),
    updatesPerSecond: updatesPerSecond(variables),
    logLevel: levels[variables.word(levelNames, "OTEL_LOG_LEVEL") ?? "info"]
  }
  checkPropagators(variables)
  return { settings, warnings: variables.warnings }
}

/** @internal Reads `Environment` and `otel-config.yaml`, and returns warnings about unusable values. */
export const read = Effect.gen(function* () {
  const environment = yield* Environment
  const { config, warnings: fileWarnings } = yield* readConfig(environment)
  const { settings, warnings } = fromEnvironment(environment, config)
  return { settings, warnings: [...fileWarnings, ...warnings] }
})

/**
 * Reads `Environment` and `otel-config.yaml` from `CODEX_HOME`, then `~/.codex`, and logs warnings about unusable values.
 * All layers share one reading.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Console, Effect } from "effect"
 * import { Settings } from "effect-codex"
 *
 * const printTarget = Settings.CurrentSettings.use(({ otlp }) => Console.log(otlp.traces)).pipe(
 *   Effect.provide(Settings.layer)
 * )
 * ```
 */
export const layer: Layer.Layer<CurrentSettings> = Layer.effect(
  CurrentSettings,
  Effect.gen(function* () {
    const { settings, warnings } = yield* read
    if (isLogged(settings, "Warn")) {
      yield* Effect.forEach(warnings, (warning) => Effect.logWarning(warning), { discard: true })
    }
    return settings
  })
)

/** @internal Whether telemetry's own messages of this level are logged. */
export const isLogged = (settings: Settings, level: Exclude<LogLevel, "None">): boolean =>
  levelOrder.indexOf(level) <= levelOrder.indexOf(settings.logLevel)

const levelOrder: ReadonlyArray<LogLevel> = ["None", "Error", "Warn", "Info", "Debug"]

const levelNames = ["none", "error", "warn", "info", "debug", "verbose", "all"] as const
const levels: Readonly<Record<(typeof levelNames)[number], LogLevel>> = {
  none: "None",
  error: "Error",
  warn: "Warn",
  info: "Info",
  debug: "Debug",
  verbose: "Debug",
  all: "Debug"
}

interface ConfigFileResult {
  readonly config?: ConfigFile
  readonly warnings: ReadonlyArray<string>
}

/** Reads a regular file. Its parser refuses one that is longer than what is read. */
const readSmall = async (path: string): Promise<string> => {
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    if (!(await handle.stat()).isFile()) throw new Error("not a regular file")
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(configReadBytes), 0, configReadBytes, 0)
    return buffer.toString("utf8", 0, bytesRead)
  } finally {
    await handle.close()
  }
}
const configReadBytes = 128 * 1024

const readConfig = (environment: Environment): Effect.Effect<ConfigFileResult> =>
  Effect.promise(async () => {
    const home = HomeDirectory.of(environment)
    const directories = [environment["CODEX_HOME"]?.trim(), home && join(home, ".codex")]
    for (const directory of directories) {
      if (directory === undefined || directory === "") continue
      const path = join(HomeDirectory.expand(directory, home), "otel-config.yaml")
      try {
        const text = await readSmall(path)
        const { parse } = await import("./ConfigFile.ts")
        return parse(path, text, environment)
      } catch (error) {
        const reason = error instanceof Error && "code" in error ? error.code : undefined
        if (reason !== "ENOENT" && reason !== "ENOTDIR") {
          return { warnings: [`${path}:1:1: cannot be read: the file is ignored`] }
        }
      }
    }
    return { warnings: [] }
  })

const isDisabled = (variables: Variables): boolean => {
  const variable = variables.first("OTEL_SDK_DISABLED")
  if (variable === undefined) return false
  const value = variable.value.toLowerCase()
  if (value !== "true" && value !== "false")
    variables.warn(variable, "is neither true nor false and is ignored")
  return value === "true"
}

const toSwitches = (variables: Variables): ReadonlyArray<boolean> =>
  variables.all("CODEX_OTLP_ENABLE", "CODEX_OTEL_ENABLED").map((variable) => {
    const on = toBoolean(variable.value)
    if (on === undefined) {
      variables.warn(variable, "is not one of 1, true, yes, on, 0, false, no, off: nothing is exported")
    }
    return on ?? false
  })

const exporterNames: Readonly<Record<string, ExporterName>> = {
  otlp: "otlp",
  jaeger: "otlp",
  console: "console",
  file: "file",
  prometheus: "prometheus"
}

const noExporters: Settings["exporters"] = { traces: [], metrics: [], logs: [] }

const toExporters = (
  variables: Variables,
  context: { readonly disabled: boolean; readonly isEnabled: boolean; readonly otlp: Settings["otlp"] },
  file: ConfigFile | undefined
): Settings["exporters"] => {
  const forAll = toList(variables, "CODEX_OTEL_EXPORTER")
  const of = (signal: OtlpEndpoint.SignalKind): ReadonlyArray<ExporterName> => {
    const named = toList(variables, `OTEL_${signal.toUpperCase()}_EXPORTER`)
    const list = (forAll ?? named)?.filter((exporter) => Exporters.supports(signal, exporter))
    const endpoint = variables.first(...OtlpSettings.endpoints(signal))
    const isStandardEndpoint = endpoint?.name.startsWith("OTEL_") === true
    // The file may be the collector's own configuration: its exporters are not for programs that export to that collector.
    const fileExporters = endpoint === undefined ? file?.exporters[signal] : undefined
    const otlp: ReadonlyArray<ExporterName> = ["otlp"]
    const selected =
      list ?? fileExporters ?? (context.isEnabled || isStandardEndpoint || file !== undefined ? otlp : [])
    return selected.filter(
      (exporter) => exporter !== "otlp" || context.otlp[signal].destination !== "invalid"
    )
  }
  const exporters = { traces: of("traces"), metrics: of("metrics"), logs: of("logs") }
  if (context.disabled) return noExporters
  const codexEndpoint = variables.first("CODEX_OTLP_ENDPOINT", "CODEX_OTEL_ENDPOINT")
  const valid = Object.values(context.otlp).some(({ destination }) => destination !== "invalid")
  if (codexEndpoint !== undefined && valid && Object.values(exporters).every((list) => list.length === 0)) {
    if (forAll === undefined) {
      variables.warn(codexEndpoint, "alone does not turn the export on: set CODEX_OTLP_ENABLE=1 as well")
    }
  }
  return exporters
}

const toList = (variables: Variables, name: string): ReadonlyArray<ExporterName> | undefined => {
  const variable = variables.first(name)
  if (variable === undefined) return undefined
  const signal = OtlpEndpoint.signals.find((signal) => name === `OTEL_${signal.toUpperCase()}_EXPORTER`)
  const names = toWords(variable.value)
  const known = names.flatMap((name) => exporterNames[name] ?? [])
  const unknown = names.some((name) => name !== "none" && exporterNames[name] === undefined)
  if (unknown || (signal !== undefined && known.some((exporter) => !Exporters.supports(signal, exporter)))) {
    variables.warn(variable, "names an unsupported exporter, which is ignored")
  }
  return [...new Set(names.includes("none") ? [] : known)]
}

/** A whole number of milliseconds, or a duration such as `90m`. */
const toAge = (variables: Variables): number | undefined => {
  const variable = variables.first("CODEX_OTLP_SPOOL_MAX_AGE")
  if (variable === undefined) return undefined
  const [, number, unit = "ms"] = /^(\d{1,12}) ?(ms|s|m|h|d)?$/.exec(variable.value.toLowerCase()) ?? []
  const age =
    number === undefined ? 0 : (DurationText.parseMillis(`${number}${unit}`, ["ms", "s", "m", "h", "d"]) ?? 0)
  if (age > 0) return age
  variables.warn(variable, "is not a duration such as 3600000, 90m or 7d and is ignored")
  return undefined
}

const toPort = (variables: Variables): number | undefined => {
  const variable = variables.first("OTEL_EXPORTER_PROMETHEUS_PORT")
  const port = variables.wholeNumber(0, "OTEL_EXPORTER_PROMETHEUS_PORT")
  if (port === undefined || port <= 65_535) return port
  if (variable !== undefined) variables.warn(variable, "is not a port and is ignored")
  return undefined
}

const toResource = (variables: Variables): Readonly<Record<string, string>> => {
  const variable = variables.first("OTEL_RESOURCE_ATTRIBUTES")
  const attributes = toPairs(variable?.value ?? "", /,/).map((pair) => {
    const name = pair && toDecoded(pair[0])
    const value = pair && toDecoded(pair[1])
    return name !== undefined && name !== "" && value !== undefined ? ([name, value] as const) : undefined
  })
  // OpenTelemetry requires the whole list to be dropped if one pair is invalid.
  const isMalformed = attributes.includes(undefined)
  if (variable !== undefined && isMalformed)
    variables.warn(variable, "is not a list of name=value and is ignored")
  const service = variables.first("CODEX_OTEL_SERVICE_NAME", "OTEL_SERVICE_NAME")
  return {
    ...(isMalformed ? {} : Object.fromEntries(attributes.filter((attribute) => attribute !== undefined))),
    ...(service === undefined ? {} : { "service.name": service.value })
  }
}

const samplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio"
] as const

const toSampling = (variables: Variables): HeadSampling | undefined => {
  const rate = variables.share("CODEX_OTEL_SAMPLE_RATE")
  const sampler = variables.word(samplers, "OTEL_TRACES_SAMPLER")
  const isRatio = sampler?.endsWith("traceidratio") === true
  const argument = isRatio ? variables.share("OTEL_TRACES_SAMPLER_ARG") : undefined
  if (rate !== undefined) return { ratio: rate, parentBased: true }
  if (sampler === undefined) return undefined
  const parentBased = sampler.startsWith("parentbased")
  return { ratio: isRatio ? (argument ?? 1) : sampler.endsWith("always_on") ? 1 : 0, parentBased }
}

const toNativeSpans = (variables: Variables): boolean => {
  const variable = variables.first("CODEX_OTEL_NATIVE_SPANS")
  if (variable === undefined) return false
  const enabled = toBoolean(variable.value)
  if (enabled === undefined) variables.warn(variable, "is neither yes nor no and counts as no")
  return enabled === true
}

const toTail = (variables: Variables): TailSamplingOptions | undefined => {
  const keep = variables.share("CODEX_OTEL_TAIL_SAMPLE_RATE")
  const firsts = variables.word(["true", "false"], "CODEX_OTEL_TAIL_KEEP_FIRST")
  const options = {
    slowerThan: toSlow(variables),
    firsts: firsts === undefined ? undefined : firsts === "true",
    maxSpans: variables.wholeNumber(1, "CODEX_OTEL_TAIL_MAX_SPANS"),
    maxBytes: variables.wholeNumber(1, "CODEX_OTEL_TAIL_MAX_BYTES")
  }
  return keep === undefined ? undefined : { keep, ...options }
}

const toSlow = (variables: Variables): Slow | undefined => {
  const variable = variables.first("CODEX_OTEL_TAIL_SLOWER_THAN")
  if (variable === undefined) return undefined
  const [, percentile, millis] = /^(?:p(\d{1,2}(?:\.\d+)?)|(\d{1,9}))$/i.exec(variable.value) ?? []
  if (percentile !== undefined) return { percentile: Number(percentile) / 100 }
  if (millis !== undefined) return Number(millis)
  variables.warn(variable, "is neither a percentile such as p95 nor a number of milliseconds and is ignored")
  return undefined
}

const toSpanLimits = (variables: Variables): Required<SpanLimits> => ({
  attributeCountLimit:
    variables.wholeNumber(0, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT") ?? 128,
  attributeValueLengthLimit:
    variables.wholeNumber(0, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT") ??
    Infinity,
  eventCountLimit: variables.wholeNumber(0, "OTEL_SPAN_EVENT_COUNT_LIMIT") ?? 128,
  linkCountLimit: variables.wholeNumber(0, "OTEL_SPAN_LINK_COUNT_LIMIT") ?? 128,
  attributePerEventCountLimit: variables.wholeNumber(0, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT") ?? 128,
  attributePerLinkCountLimit: variables.wholeNumber(0, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT") ?? 128
})

const toLogLimits = (variables: Variables): Settings["logLimits"] => ({
  attributeCountLimit:
    variables.wholeNumber(0, "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT") ?? 128,
  attributeValueLengthLimit:
    variables.wholeNumber(
      0,
      "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
      "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"
    ) ?? Infinity
})

// For counters and histograms, the only kinds we have, `lowmemory` means the same as `delta`.
const toTemporality = (variables: Variables): "cumulative" | "delta" => {
  const preference = variables.word(
    ["cumulative", "delta", "lowmemory"],
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
  )
  return preference === undefined || preference === "cumulative" ? "cumulative" : "delta"
}

// Closing sends the whole queue at once, and the exporter refuses more than 30 concurrent requests.
const maxConcurrentRequests = 28

const toBatch = (
  variables: Variables,
  prefix: "OTEL_BSP" | "OTEL_BLRP",
  delayMillis: number
): BatchSettings => {
  const queue = variables.wholeNumber(1, `${prefix}_MAX_QUEUE_SIZE`) ?? 2048
  const size = variables.wholeNumber(1, `${prefix}_MAX_EXPORT_BATCH_SIZE`) ?? 256
  return {
    queue,
    size: Math.max(Math.min(size, queue), Math.ceil(queue / maxConcurrentRequests)),
    delayMillis: variables.milliseconds(`${prefix}_SCHEDULE_DELAY`) ?? delayMillis,
    timeoutMillis: variables.milliseconds(`${prefix}_EXPORT_TIMEOUT`) ?? 30_000
  }
}

// The metric reader throws if its timeout exceeds its interval.
const toInterval = (
  variables: Variables
): { readonly intervalMillis: number; readonly timeoutMillis: number } => {
  const intervalMillis = variables.milliseconds("OTEL_METRIC_EXPORT_INTERVAL") ?? 60_000
  const timeoutMillis = variables.milliseconds("OTEL_METRIC_EXPORT_TIMEOUT") ?? 30_000
  return { intervalMillis, timeoutMillis: Math.min(intervalMillis, timeoutMillis) }
}

const checkPropagators = (variables: Variables): void => {
  const variable = variables.first("OTEL_PROPAGATORS")
  if (variable !== undefined && toWords(variable.value).some((name) => name !== "tracecontext")) {
    variables.warn(variable, "names a propagator other than tracecontext, the only supported one")
  }
}
