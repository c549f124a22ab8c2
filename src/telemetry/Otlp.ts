/** Traces, metrics and logs to an OpenTelemetry collector, over HTTP in JSON or protobuf. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Console from "./Console.ts"
import * as File from "./File.ts"
import * as BatchProcessor from "./delivery/BatchProcessor.ts"
import * as OtlpTarget from "./delivery/OtlpTarget.ts"
import type * as OtlpExporter from "./delivery/OtlpExporter.ts"
import * as ExportStats from "./delivery/ExportStats.ts"
import * as Settings from "./config/Settings.ts"
import type * as Spool from "./spool/Spool.ts"
import * as Tracer from "./tracer/Tracer.ts"

export interface OtlpOptions extends OtlpTarget.OtlpTargetOptions {
  /** Where traces and logs are written before they are sent, so that none is lost; `false` for nowhere. */
  readonly spool?: Spool.SpoolOptions | false
}

/**
 * Exports traces, metrics and logs unless the environment says no: `OTEL_SDK_DISABLED=true`, or a no in
 * `CODEX_OTLP_ENABLE` or `CODEX_OTEL_ENABLED`. Make it once: every call is another layer that exports by itself.
 *
 * Whatever the collector does, what this is provided to neither fails nor waits for it; closing takes 1.5 s at most.
 */
export const layer = (options: OtlpOptions): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.map(Settings.CurrentSettings, (settings) =>
      settings.disabled
        ? Layer.empty
        : exporters(settings, options, options.signals ?? ["traces", "metrics", "logs"])
    )
  ).pipe(Layer.provide(Settings.layer))

/**
 * Exports what the environment asks for, to where it says: OTLP, console, file, Prometheus; see docs/settings.md. By
 * default it does nothing and loads nothing. As harmless as `layer`.
 */
export const OtlpLayer: Layer.Layer<never> = Layer.unwrap(
  Effect.gen(function* () {
    const settings = yield* Settings.CurrentSettings
    const layers: Array<Layer.Layer<never>> = []
    const to = (exporter: Settings.ExporterName) =>
      (["traces", "metrics", "logs"] as const).filter((signal) =>
        settings.exporters[signal].includes(exporter)
      )
    if (to("otlp").length > 0) layers.push(exporters(settings, {}, to("otlp")))
    if (to("console").length > 0) layers.push(Console.layer({ signals: to("console") }))
    if (to("file").length > 0) {
      layers.push(File.layer({ path: settings.file ?? File.defaultPath, signals: to("file") }))
    }
    if (to("prometheus").length > 0) {
      const { PrometheusLayer } = yield* Effect.promise(() => import("./Prometheus.ts"))
      layers.push(PrometheusLayer)
    }
    if (settings.nativeSpans && settings.exporters.traces.length > 0) {
      layers.push((yield* Effect.promise(() => import("./NativeSpans.ts"))).layer)
    }
    const [first, ...more] = layers
    return first === undefined ? Layer.empty : Layer.mergeAll(first, ...more)
  })
).pipe(Layer.provide(Settings.layer))

const exporters = (
  settings: Settings.Settings,
  options: OtlpOptions,
  signals: ReadonlyArray<Settings.SignalKind>
): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const targets = yield* Effect.forEach(signals, (signal) => OtlpTarget.make(settings, options, signal))
      const notes = new Set(targets.flatMap(({ warnings }) => warnings))
      for (const note of notes) {
        if (Settings.isLogged(settings, "Warn")) yield* Effect.logWarning(note)
      }
      if (
        targets.some(({ usesDefaultEndpoint }) => usesDefaultEndpoint) &&
        Settings.isLogged(settings, "Info")
      ) {
        yield* Effect.logInfo(`No OTLP endpoint is set: telemetry goes to ${OtlpTarget.defaultEndpoint}`)
      }
      const layers = targets.flatMap(({ signal, target }) =>
        target === undefined
          ? []
          : [
              toLayer[signal](target, settings, spoolOf(settings, options)).pipe(
                Layer.catchCause(() => unavailable(signal))
              )
            ]
      )
      const [first, ...more] = layers
      return first === undefined ? Layer.empty : Layer.mergeAll(first, ...more)
    })
  )

const unavailable = (signal: Settings.SignalKind) =>
  Layer.effectDiscard(
    Effect.logWarning(`What OpenTelemetry needs cannot be loaded: no ${signal} are exported by OTLP`)
  )

const spoolOf = (settings: Settings.Settings, { spool }: OtlpOptions): Spool.SpoolOptions | undefined => {
  if (spool !== undefined) return spool === false ? undefined : spool
  return settings.spool === undefined ? undefined : { directory: settings.spool, ...settings.spoolLimits }
}

type ToLayer = (
  target: OtlpExporter.Target,
  settings: Settings.Settings,
  spool: Spool.SpoolOptions | undefined
) => Layer.Layer<never>

const sender = Effect.promise(() => import("./delivery/OtlpExporter.ts"))
const codecs = Effect.promise(() => import("./delivery/OtlpSerializers.ts"))
const spooling = Effect.promise(() => import("./spool/Spool.ts"))

const traces: ToLayer = (target, { spans }, spool) =>
  Tracer.layerProcessor(
    Effect.gen(function* () {
      const codec = yield* (yield* codecs).traces(target.protocol)
      const direct = yield* BatchProcessor.spans(yield* (yield* sender).make(target, codec), spans)
      return spool === undefined ? direct : yield* (yield* spooling).spans(spool, target, spans, direct)
    })
  ).pipe(Layer.provide(ExportStats.layer))

const metrics: ToLayer = (target, settings) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const Metrics = yield* Effect.promise(() => import("./metrics/Metrics.ts"))
      const OtlpMetrics = yield* Effect.promise(() => import("./delivery/PeriodicReader.ts"))
      const { temporality } = settings.metrics
      return Metrics.layerReader(OtlpMetrics.reader(target, settings.metrics), { temporality })
    })
  ).pipe(Layer.provide(ExportStats.layer))

const logs: ToLayer = (target, settings, spool) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const Logging = yield* Effect.promise(() => import("./logs/Logging.ts"))
      const processor = Effect.gen(function* () {
        const codec = yield* (yield* codecs).logs(target.protocol)
        const direct = yield* BatchProcessor.logs(yield* (yield* sender).make(target, codec), settings.logs)
        return spool === undefined
          ? direct
          : yield* (yield* spooling).logs(spool, target, settings.logs, direct)
      })
      return Logging.layerRecordProcessor(processor)
    })
  ).pipe(Layer.provide(ExportStats.layer))

const toLayer: Readonly<Record<Settings.SignalKind, ToLayer>> = { traces, metrics, logs }
