/** Metrics by OTLP: a reader that collects them from time to time and sends them. */
import type { PushMetricExporter, ResourceMetrics } from "@opentelemetry/sdk-metrics"
import * as Effect from "effect/Effect"
import type * as Settings from "../config/Settings.ts"
import { shutdownTimeout } from "./BatchProcessor.ts"
import * as CountedExporter from "./CountedExporter.ts"
import * as OtlpSerializers from "./OtlpSerializers.ts"
import * as OtlpExporter from "./OtlpExporter.ts"
import { ExportStats } from "./ExportStats.ts"

/** A reader that collects from time to time and gives what it found to `exporter`, whose losses are counted. */
export const periodic = Effect.fnUntraced(function* (
  exporter: CountedExporter.CountedExporter<ResourceMetrics>,
  { interval, timeout }: Settings.Settings["metrics"]
) {
  const { PeriodicExportingMetricReader } = yield* Effect.promise(() => import("@opentelemetry/sdk-metrics"))
  const { helper } = yield* OtlpSerializers.metrics("http/json")
  const stats = yield* ExportStats
  const backlog = yield* Effect.acquireRelease(
    Effect.sync(() => new CountedExporter.InFlight("metrics", stats)),
    (inFlight) => Effect.sync(() => inFlight.abandon())
  )
  const counted: PushMetricExporter = CountedExporter.make<ResourceMetrics>(exporter, {
    signal: "metrics",
    count: helper.countItems,
    stats,
    backlog
  })
  return new PeriodicExportingMetricReader({
    exporter: counted,
    exportIntervalMillis: interval,
    exportTimeoutMillis: Math.min(timeout, shutdownTimeout, interval)
  })
})

/** The same to a collector. */
export const reader = Effect.fnUntraced(function* (
  target: OtlpExporter.Target,
  settings: Settings.Settings["metrics"]
) {
  const codec = yield* OtlpSerializers.metrics(target.protocol)
  return yield* periodic(yield* OtlpExporter.make(target, codec), settings)
})
