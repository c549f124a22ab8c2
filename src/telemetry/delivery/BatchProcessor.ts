/** Batch processors of the SDK with a bounded queue whose losses are counted. */
import type { LogRecordExporter, LogRecordProcessor, ReadableLogRecord } from "@opentelemetry/sdk-logs"
import type { ReadableSpan, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import type * as Settings from "../config/Settings.ts"
import * as CountedExporter from "./CountedExporter.ts"
import { ExportStats } from "./ExportStats.ts"

/** The longest that closing may take for all signals together, in milliseconds of real time. */
export const shutdownTimeout = 1500

const configOf = (batch: Settings.BatchSettings) => ({
  maxQueueSize: batch.queue,
  maxExportBatchSize: batch.size,
  scheduledDelayMillis: batch.delay,
  // An export that may take longer could hold the end of the process for as long.
  exportTimeoutMillis: Math.min(batch.timeout, shutdownTimeout)
})

const count = (items: ReadonlyArray<unknown>) => items.length

/** Sends ended spans in batches; gives up what could not be sent when the scope closes. */
export const spans = Effect.fnUntraced(function* (exporter: SpanExporter, batch: Settings.BatchSettings) {
  const { BatchSpanProcessor } = yield* Effect.promise(() => import("@opentelemetry/sdk-trace-base"))
  const stats = yield* ExportStats
  const backlog = yield* acquireBacklog("traces", batch)
  const counted = CountedExporter.make<Array<ReadableSpan>>(exporter, {
    signal: "traces",
    count,
    stats,
    backlog
  })
  const inner = new BatchSpanProcessor(counted, configOf(batch))
  const processor: SpanProcessor = {
    onStart: () => {},
    onEnd: (span) => {
      if ((span.spanContext().traceFlags & 1) === 1 && backlog.admit()) inner.onEnd(span)
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown()
  }
  return processor
})

/** The same of log records. */
export const logs = Effect.fnUntraced(function* (exporter: LogRecordExporter, batch: Settings.BatchSettings) {
  const { BatchLogRecordProcessor } = yield* Effect.promise(() => import("@opentelemetry/sdk-logs"))
  const stats = yield* ExportStats
  const backlog = yield* acquireBacklog("logs", batch)
  const counted = CountedExporter.make<Array<ReadableLogRecord>>(exporter, {
    signal: "logs",
    count,
    stats,
    backlog
  })
  const inner = new BatchLogRecordProcessor({ exporter: counted, ...configOf(batch) })
  const processor: LogRecordProcessor = {
    onEmit: (record) => {
      if (backlog.admit()) inner.onEmit(record)
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown()
  }
  return processor
})

const acquireBacklog = (signal: Settings.SignalKind, batch: Settings.BatchSettings) =>
  Effect.acquireRelease(
    Effect.map(ExportStats, (stats) => new CountedExporter.Backlog(signal, batch.queue, stats)),
    (backlog) => Effect.sync(() => backlog.abandon())
  )
