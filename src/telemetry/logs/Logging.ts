/** Logs of a program and its turns: lines on stderr, and log records for OpenTelemetry. */
import type { LogRecord } from "../../instrumentation/LogRecord.ts"
import type { LoggerProvider, LogRecordProcessor } from "@opentelemetry/sdk-logs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as AttributeValue from "../../redaction/AttributeValue.ts"
import * as LogFormat from "./LogFormat.ts"
import * as LogPipeline from "./LogPipeline.ts"
import * as SpanRecorder from "../tracer/SpanRecorder.ts"
import { Stderr } from "../delivery/Stderr.ts"
import * as Settings from "../config/Settings.ts"
import * as SignalBus from "../../instrumentation/SignalBus.ts"
import * as Tracer from "../tracer/Tracer.ts"

/**
 * Options of the log lines on stderr.
 * @since 0.1.0
 * @category models
 */
export interface LoggingOptions {
  /** The format of a line; default: `pretty`. */
  readonly format?: LogFormat.Format
  /** The minimum level, for stderr and for OpenTelemetry; default: the current `MinimumLogLevel`, `Info` by default. */
  readonly level?: LogLevel.LogLevel
}

/**
 * Logs to stderr: the log messages of the program, and a line for each thing that starts (`Debug`), stops (`Info`),
 * fails (`Error`) or changes (`Debug`) in a turn. Lines inside a span carry `trace_id` and `span_id`; none has content.
 *
 * ```
 * [codex] turn stop duration_ms=5210.4 result=completed thread_id=… turn_id=… trace_id=… span_id=…
 * ```
 *
 * With log exporters installed too, each record is still created once. This replaces Effect's printing logger and keeps
 * the others.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Logging } from "effect-codex"
 *
 * const Logs = Logging.layerOptions({ format: "json", level: "Warn" })
 * ```
 */
export const layerOptions = (options: LoggingOptions): Layer.Layer<SignalBus.SignalBus> => {
  const format = options.format ?? "pretty"
  const lines = Layer.effectDiscard(
    Effect.gen(function* () {
      const records = yield* LogPipeline.LogRecords
      const print = yield* Stderr
      yield* records.add({ lines: true, write: (record) => print(`${LogFormat.format(format, record)}\n`) })
    })
  ).pipe(Layer.provideMerge(LogPipeline.layer))
  return options.level === undefined
    ? lines
    : Layer.merge(lines, Layer.succeed(References.MinimumLogLevel, options.level))
}

/**
 * The same as `layerOptions`, with the `pretty` format and the log level in force.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Codex, Logging } from "effect-codex"
 *
 * const CodexWithLogs = Codex.layer.pipe(Layer.provideMerge(Logging.layer))
 * ```
 */
export const layer: Layer.Layer<SignalBus.SignalBus> = layerOptions({})

/**
 * Adds a log record processor. It receives a record of everything that `layer` would print, printed or not, with severity,
 * trace context and attributes; a cause is recorded by its type, never its message. When the layer closes, it flushes
 * and shuts down the processor within 1.5 s.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Logging } from "effect-codex"
 * import { BatchLogRecordProcessor, type LogRecordExporter } from "@opentelemetry/sdk-logs"
 *
 * const exported = (exporter: LogRecordExporter) =>
 *   Logging.layerRecordProcessor(Effect.sync(() => new BatchLogRecordProcessor({ exporter })))
 * ```
 */
export const layerRecordProcessor = <E, R>(
  acquire: Effect.Effect<LogRecordProcessor, E, R>
): Layer.Layer<
  SignalBus.SignalBus,
  E,
  Exclude<
    Exclude<Exclude<R, Scope.Scope>, Settings.CurrentSettings>,
    LogPipeline.LogRecords | SignalBus.SignalBus
  >
> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const records = yield* LogPipeline.LogRecords
      const processor = yield* acquire
      yield* Effect.addFinalizer(() => SpanRecorder.shutdownWithin(processor, Tracer.shutdownTimeout))
      const provider = yield* makeProvider(processor)
      yield* records.add({ lines: false, write: yield* toRecords(provider) })
    })
  ).pipe(Layer.provide(Settings.layer), Layer.provideMerge(LogPipeline.layer))

/**
 * Emits records with the global logger provider of OpenTelemetry, for a program that has set up OpenTelemetry's logs itself,
 * for example with NodeSDK. The provider receives what a processor of `layerRecordProcessor` would: the lines of
 * `Effect.log` and the records of turns, with secrets masked. Its processors, limits and resource apply. The SDK must be
 * started before the layer is built. The layer emits nothing if the environment disables telemetry.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Logging, Metrics, OpenTelemetryInterop } from "effect-codex"
 *
 * const Global = Layer.mergeAll(OpenTelemetryInterop.layerGlobal, Metrics.layerGlobal, Logging.layerGlobal)
 * ```
 */
export const layerGlobal: Layer.Layer<SignalBus.SignalBus> = Layer.unwrap(
  Effect.map(Settings.CurrentSettings, ({ disabled }) => (disabled ? SignalBus.layer : globalLogger()))
).pipe(Layer.provide(Settings.layer))

const globalLogger = () =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const records = yield* LogPipeline.LogRecords
      const provider = yield* Effect.promise(globalProvider)
      yield* records.add({ lines: false, write: yield* toRecords(provider) })
    })
  ).pipe(Layer.provideMerge(LogPipeline.layer))

type Loggers = Pick<LoggerProvider, "getLogger">

const hasLogs = (api: object): api is { readonly logs: Loggers } => "logs" in api

/** `@opentelemetry/api` has the logs from 1.10 on, which SDK 3 requires. Before, they are in a package of their own. */
const globalProvider = async (): Promise<Loggers> => {
  const api: object = await import("@opentelemetry/api")
  return hasLogs(api) ? api.logs : (await import("@opentelemetry/api-logs")).logs
}

const severities: { readonly [Level in LogLevel.Severity]: number } = {
  Trace: 1,
  Debug: 5,
  Info: 9,
  Warn: 13,
  Error: 17,
  Fatal: 21
}

// Imported on demand, when logs are exported.
const makeProvider = Effect.fnUntraced(function* (processor: LogRecordProcessor) {
  const { LoggerProvider } = yield* Effect.promise(() => import("@opentelemetry/sdk-logs"))
  const settings = yield* Settings.CurrentSettings
  const resource = yield* Tracer.makeResource(settings)
  return new LoggerProvider({ resource, processors: [processor], logRecordLimits: settings.logLimits })
})

const toRecords = Effect.fnUntraced(function* (provider: Loggers) {
  const { ROOT_CONTEXT, trace } = yield* Effect.promise(() => import("@opentelemetry/api"))
  const ofLibrary = provider.getLogger(Tracer.libraryScope.name, Tracer.libraryScope.version)
  const scope = yield* Tracer.InstrumentationScope
  const ofProgram = provider.getLogger(scope.name, scope.version)
  return (record: LogRecord) => {
    const { at, event, level, span } = record
    const logger = event === undefined ? ofProgram : ofLibrary
    const attributes: Record<string, NonNullable<ReturnType<typeof AttributeValue.fromUnknown>>> = {}
    for (const { key, value } of record.fields) {
      const kept = AttributeValue.fromUnknown(value, Infinity)
      if (kept !== undefined && kept !== null) attributes[key] = kept
    }
    const timestamp: [number, number] = [Math.floor(at / 1000), Math.round((at % 1000) * 1e6)]
    logger.emit({
      ...(event === undefined ? {} : { eventName: event }),
      timestamp,
      severityNumber: severities[level],
      severityText: level.toUpperCase(),
      body: event === undefined || record.content ? record.message : LogFormat.line(record),
      attributes,
      context:
        span === undefined
          ? ROOT_CONTEXT
          : trace.setSpanContext(ROOT_CONTEXT, {
              traceId: span.traceId,
              spanId: span.spanId,
              traceFlags: span.sampled ? 1 : 0
            })
    })
  }
})
