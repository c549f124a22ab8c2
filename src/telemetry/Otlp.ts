/** Exports traces, metrics and logs to an OpenTelemetry collector over HTTP, as JSON or protobuf. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Console from "./Console.ts"
import * as File from "./File.ts"
import * as OtlpTarget from "./delivery/OtlpTarget.ts"
import * as Settings from "./config/Settings.ts"
import * as SignalLayers from "./SignalLayers.ts"
import type * as Spool from "./spool/Spool.ts"

/**
 * Options of the OTLP exporter.
 * @since 0.1.0
 * @category models
 */
export interface OtlpOptions extends OtlpTarget.OtlpTargetOptions {
  /** The spool on disk that traces and logs pass through so that none is lost; `false` for no spool. */
  readonly spool?: Spool.SpoolOptions | false
}

/**
 * Exports traces, metrics and logs unless the environment disables telemetry: `OTEL_SDK_DISABLED=true`, or
 * `CODEX_OTLP_ENABLE` or `CODEX_OTEL_ENABLED` set to a false value. Call this once: every call creates a separate exporter.
 *
 * Whatever the collector does, the program neither fails nor waits because of it; closing takes at most 1.5 s.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import { Otlp } from "effect-codex"
 *
 * const toCollector = (token: string) =>
 *   Otlp.layer({
 *     endpoint: "https://collector.example.com",
 *     headers: { "x-token": Redacted.make(token) }
 *   })
 * ```
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
 * Exports what the environment configures, over OTLP, to the console, to files or for Prometheus; see docs/settings.md.
 * By default it does nothing and loads nothing. Like `layer`, it never fails or delays the program.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { AppServer, Codex, OtlpLayer } from "effect-codex"
 *
 * // Set CODEX_OTLP_ENABLE=1 and OTEL_EXPORTER_OTLP_ENDPOINT to export.
 * const App = Codex.layer.pipe(Layer.provide(AppServer.layer), Layer.provideMerge(OtlpLayer))
 * ```
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
    return SignalLayers.mergeAll(layers)
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
      const spool = toSpool(settings, options)
      return SignalLayers.mergeAll(
        targets.flatMap(({ signal, target }) =>
          target === undefined
            ? []
            : SignalLayers.otlpBatches[signal](settings, {
                protocol: target.protocol,
                temporality: settings.metrics.temporality,
                makeExporter: (codec) => Effect.flatMap(sender, ({ make }) => make(target, codec)),
                spool: spool && { options: spool, target }
              }).pipe(Layer.catchCause(() => unavailable(signal)))
        )
      )
    })
  )

const sender = Effect.promise(() => import("./delivery/OtlpExporter.ts"))

const unavailable = (signal: Settings.SignalKind) =>
  Layer.effectDiscard(
    Effect.logWarning(`The OpenTelemetry packages cannot be loaded: no ${signal} are exported by OTLP`)
  )

const toSpool = (settings: Settings.Settings, { spool }: OtlpOptions): Spool.SpoolOptions | undefined => {
  if (spool !== undefined) return spool === false ? undefined : spool
  return settings.spool === undefined ? undefined : { directory: settings.spool, ...settings.spoolLimits }
}
