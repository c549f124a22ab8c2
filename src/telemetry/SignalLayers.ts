/** Layers that connect an exporter to a signal. They load the packages of a signal only when that signal is exported. */
import type { ResourceMetrics } from "@opentelemetry/sdk-metrics"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Settings from "./config/Settings.ts"
import * as BatchProcessor from "./delivery/BatchProcessor.ts"
import type { CountedExporter } from "./delivery/CountedExporter.ts"
import * as ExportStats from "./delivery/ExportStats.ts"
import type { Target } from "./delivery/OtlpExporter.ts"
import type { Codec } from "./delivery/OtlpSerializers.ts"
import type * as Spool from "./spool/Spool.ts"
import * as Tracer from "./tracer/Tracer.ts"

type Exporter<Items> = Effect.Effect<
  CountedExporter<Items> & { forceFlush(): Promise<void> },
  never,
  Scope.Scope
>

/** Exports one signal as OTLP batches, to a collector or to a file. */
export interface OtlpBatches {
  readonly protocol: Settings.Protocol
  /** Makes the exporter of the signal whose records `codec` encodes. */
  readonly makeExporter: <Items>(codec: Codec<Items>) => Exporter<Items>
  /** Makes OTLP metrics cumulative or delta; without it they are cumulative. */
  readonly temporality?: Settings.Settings["metrics"]["temporality"]
  /** Writes traces and logs to disk before they go to the target. */
  readonly spool?: { readonly options: Spool.SpoolOptions; readonly target: Target } | undefined
}

const serializers = Effect.promise(() => import("./delivery/OtlpSerializers.ts"))
const spools = Effect.promise(() => import("./spool/Spool.ts"))

type ToLayer = (settings: Settings.Settings, batches: OtlpBatches) => Layer.Layer<never>

const traces: ToLayer = ({ spans }, { makeExporter, protocol, spool }) =>
  Tracer.layerProcessor(
    Effect.gen(function* () {
      const exporter = yield* makeExporter(yield* (yield* serializers).traces(protocol))
      const direct = yield* BatchProcessor.spans(exporter, spans)
      if (spool === undefined) return direct
      return yield* (yield* spools).spans(spool.options, spool.target, spans, direct)
    })
  ).pipe(Layer.provide(ExportStats.layer))

const metrics: ToLayer = (settings, { makeExporter, protocol, temporality }) =>
  periodicMetrics(
    settings,
    Effect.gen(function* () {
      return yield* makeExporter(yield* (yield* serializers).metrics(protocol))
    }),
    temporality
  )

const logs: ToLayer = ({ logs }, { makeExporter, protocol, spool }) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const Logging = yield* Effect.promise(() => import("./logs/Logging.ts"))
      const processor = Effect.gen(function* () {
        const exporter = yield* makeExporter(yield* (yield* serializers).logs(protocol))
        const direct = yield* BatchProcessor.logs(exporter, logs)
        if (spool === undefined) return direct
        return yield* (yield* spools).logs(spool.options, spool.target, logs, direct)
      })
      return Logging.layerRecordProcessor(processor)
    })
  ).pipe(Layer.provide(ExportStats.layer))

/** Exports one signal in OTLP batches. */
export const otlpBatches: Readonly<Record<Settings.SignalKind, ToLayer>> = { traces, metrics, logs }

/** Collects all metrics at the interval of the settings and gives them to an exporter. */
export const periodicMetrics = (
  settings: Settings.Settings,
  exporter: Effect.Effect<CountedExporter<ResourceMetrics>, never, Scope.Scope>,
  temporality?: Settings.Settings["metrics"]["temporality"]
): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const Metrics = yield* Effect.promise(() => import("./metrics/Metrics.ts"))
      const PeriodicReader = yield* Effect.promise(() => import("./delivery/PeriodicReader.ts"))
      const reader = Effect.flatMap(exporter, (exporter) => PeriodicReader.make(exporter, settings.metrics))
      return Metrics.layerReader(reader, { temporality })
    })
  ).pipe(Layer.provide(ExportStats.layer))

/** Merges any number of layers, none included. */
export const mergeAll = (layers: ReadonlyArray<Layer.Layer<never>>): Layer.Layer<never> => {
  const [first, ...others] = layers
  return first === undefined ? Layer.empty : Layer.mergeAll(first, ...others)
}
