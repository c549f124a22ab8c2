/** Metrics by OTLP: a reader that collects them from time to time and sends them. */
import type { PushMetricExporter, ResourceMetrics } from "@opentelemetry/sdk-metrics"
import * as Effect from "effect/Effect"
import type * as Settings from "../Settings.ts"
import { shutdownTimeout } from "./Batching.ts"
import * as Exporting from "./Exporting.ts"
import * as OtlpCodecs from "./OtlpCodecs.ts"
import * as OtlpSender from "./OtlpSender.ts"
import { Tally } from "./Tally.ts"

export const reader = Effect.fnUntraced(function* (
  target: OtlpSender.Target,
  { interval, timeout }: Settings.Settings["metrics"]
) {
  const { PeriodicExportingMetricReader } = yield* Effect.promise(() => import("@opentelemetry/sdk-metrics"))
  const codec = yield* OtlpCodecs.metrics(target.protocol)
  const exporter: PushMetricExporter = Exporting.counted<ResourceMetrics>(
    yield* OtlpSender.make(target, codec),
    { signal: "metrics", count: codec.helper.countItems, tally: yield* Tally }
  )
  return new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: interval,
    exportTimeoutMillis: Math.min(timeout, shutdownTimeout, interval)
  })
})
