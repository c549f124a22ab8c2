/** Metrics of turns, derived from the same signals as spans, whether or not spans are sampled. */
import type { MetricReader } from "@opentelemetry/sdk-metrics"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as NodeTimers from "../../internal/NodeTimers.ts"
import * as MetricProducer from "./MetricProducer.ts"
import * as TurnMetrics from "../../instrumentation/TurnMetrics.ts"
import * as Redaction from "../../redaction/Redaction.ts"
import * as Revision from "../../semconv/Revision.ts"
import * as Settings from "../config/Settings.ts"
import * as SignalBus from "../../instrumentation/SignalBus.ts"
import * as Tracer from "../tracer/Tracer.ts"

/** The team of a turn, as `codex.team` on its metrics. Use a few names, never persons, to keep cardinality low. */
export const Team = TurnMetrics.Team

/**
 * Records the metrics of every turn that runs under this layer into the registry of the turn's context. Metric exporters
 * include it; without one nothing is recorded.
 */
export const layer: Layer.Layer<SignalBus.SignalBus> = SignalBus.layerListener(
  Effect.gen(function* () {
    const { warnings } = Revision.fromEnvironment(yield* Settings.Environment)
    yield* Effect.forEach(warnings, (warning) => Effect.logWarning(warning), { discard: true })
    return TurnMetrics.make()
  })
)

/**
 * Adds a metric reader. It collects all metrics of the registry, ours and the program's own. When the layer closes, the
 * reader sends the last values and is shut down within 1.5 s.
 *
 * ```ts
 * Metrics.layerReader(Effect.sync(() => new PeriodicExportingMetricReader({ exporter })))
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
