/** A metric reader that collects at an interval. */
import type { PushMetricExporter, ResourceMetrics } from "@opentelemetry/sdk-metrics"
import * as Effect from "effect/Effect"
import type * as Settings from "../config/Settings.ts"
import { shutdownTimeout } from "./BatchProcessor.ts"
import * as CountedExporter from "./CountedExporter.ts"
import * as OtlpSerializers from "./OtlpSerializers.ts"
import { ExportStats } from "./ExportStats.ts"

/** Collects at the interval, gives the result to `exporter` and counts what the exporter loses. */
export const make = Effect.fnUntraced(function* (
  exporter: CountedExporter.CountedExporter<ResourceMetrics>,
  { intervalMillis, timeoutMillis }: Settings.Settings["metrics"]
) {
  const { PeriodicExportingMetricReader } = yield* Effect.promise(() => import("@opentelemetry/sdk-metrics"))
  const { count } = yield* OtlpSerializers.metrics("http/json")
  const stats = yield* ExportStats
  const backlog = yield* Effect.acquireRelease(
    Effect.sync(() => new CountedExporter.InFlight("metrics", stats)),
    (inFlight) => Effect.sync(() => inFlight.abandon())
  )
  const counted: PushMetricExporter = CountedExporter.make<ResourceMetrics>(exporter, {
    signal: "metrics",
    count,
    stats,
    backlog
  })
  return new PeriodicExportingMetricReader({
    exporter: counted,
    exportIntervalMillis: intervalMillis,
    exportTimeoutMillis: Math.min(timeoutMillis, shutdownTimeout, intervalMillis)
  })
})
