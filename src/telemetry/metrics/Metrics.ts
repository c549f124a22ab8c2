/** Metrics of turns, derived from the same signals as spans, whether or not spans are sampled. */
import type { MetricReader } from "@opentelemetry/sdk-metrics"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as NodeTimers from "../../internal/NodeTimers.ts"
import * as GlobalMeter from "./GlobalMeter.ts"
import * as MetricProducer from "./MetricProducer.ts"
import * as TurnMetrics from "../../instrumentation/TurnMetrics.ts"
import * as Redaction from "../../redaction/Redaction.ts"
import * as Revision from "../../semconv/Revision.ts"
import * as Settings from "../config/Settings.ts"
import * as SignalBus from "../../instrumentation/SignalBus.ts"
import * as Tracer from "../tracer/Tracer.ts"

/**
 * The team of a turn, as `codex.team` on its metrics. Use a few names, never persons, to keep cardinality low.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Metrics, OtlpLayer } from "effect-codex"
 *
 * const Telemetry = Layer.merge(OtlpLayer, Layer.succeed(Metrics.Team, "payments"))
 * ```
 */
export const Team = TurnMetrics.Team

/**
 * Records the metrics of every turn that runs under this layer into the registry of the turn's context. Metric exporters
 * include it; without one nothing is recorded.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Codex, Metrics } from "effect-codex"
 *
 * // Into Effect's registry, for an exporter of your own.
 * const Measured = Codex.layer.pipe(Layer.provideMerge(Metrics.layer))
 * ```
 */
export const layer: Layer.Layer<SignalBus.SignalBus> = SignalBus.layerListener(
  Effect.suspend(() => Effect.map(logWarnings, () => TurnMetrics.make()))
)

const logWarnings = Effect.gen(function* () {
  const { warnings } = Revision.fromEnvironment(yield* Settings.Environment)
  yield* Effect.forEach(warnings, (warning) => Effect.logWarning(warning), { discard: true })
})

/**
 * Records the metrics of every turn with the global meter provider of `@opentelemetry/api`, for a program that has set up
 * OpenTelemetry's metrics itself, for example with NodeSDK. Names, units and buckets are those of the other exporters, and
 * labels are masked. The SDK must be started before the layer is built. The layer records nothing if the environment
 * disables telemetry.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Metrics, OpenTelemetryInterop } from "effect-codex"
 *
 * const Global = Layer.merge(OpenTelemetryInterop.layerGlobal, Metrics.layerGlobal)
 * ```
 */
export const layerGlobal: Layer.Layer<SignalBus.SignalBus> = Layer.unwrap(
  Effect.map(Settings.CurrentSettings, ({ disabled }) =>
    disabled
      ? SignalBus.layer
      : SignalBus.layerListener(
          Effect.andThen(
            logWarnings,
            Effect.map(GlobalMeter.make, (write) => TurnMetrics.make(write))
          )
        )
  )
).pipe(Layer.provide([Settings.layer, Redaction.layerDefault]))

/**
 * Adds a metric reader. It collects all metrics of the registry, ours and the program's own. When the layer closes, the
 * reader sends the last values and is shut down within 1.5 s.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Metrics } from "effect-codex"
 * import { PeriodicExportingMetricReader, type PushMetricExporter } from "@opentelemetry/sdk-metrics"
 *
 * const exported = (exporter: PushMetricExporter) =>
 *   Metrics.layerReader(Effect.sync(() => new PeriodicExportingMetricReader({ exporter })))
 * ```
 */
export const layerReader = <E, R>(
  acquire: Effect.Effect<MetricReader, E, R>,
  options: { readonly temporality?: MetricProducer.Temporality | undefined } = {}
): Layer.Layer<SignalBus.SignalBus, E, Exclude<Exclude<R, Scope.Scope>, SignalBus.SignalBus>> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const producer = yield* MetricProducer.make(options.temporality)
      const reader = yield* acquire
      yield* Effect.acquireRelease(
        Effect.sync(() => reader.setMetricProducer(producer)),
        () => NodeTimers.settleWithin(() => reader.shutdown(), Tracer.shutdownTimeout)
      )
    })
  ).pipe(Layer.provide([Settings.layer, Redaction.layerDefault]), Layer.provideMerge(layer))
