/** The SDK's batch processors behind a bounded queue whose losses are counted. */
import type { LogRecordExporter, LogRecordProcessor, ReadableLogRecord } from "@opentelemetry/sdk-logs"
import type { ReadableSpan, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace"
import * as Effect from "effect/Effect"
import type * as Settings from "../config/Settings.ts"
import * as CountedExporter from "./CountedExporter.ts"
import { ExportStats } from "./ExportStats.ts"

/** The maximum time that closing takes for all signals together, in milliseconds of real time. */
export const shutdownTimeout = 1500

/** Sends ended spans in batches. Spans that are not sent when the scope closes are dropped and counted. */
export const spans = Effect.fnUntraced(function* (exporter: SpanExporter, batch: Settings.BatchSettings) {
  const { BatchSpanProcessor } = yield* Effect.promise(() => import("@opentelemetry/sdk-trace"))
  const { backlog, config, counted } = yield* acquireQueue<ReadableSpan>("traces", exporter, batch)
  const inner = new BatchSpanProcessor({ exporter: counted, ...config })
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

/** Sends log records in batches. Records that are not sent when the scope closes are dropped and counted. */
export const logs = Effect.fnUntraced(function* (exporter: LogRecordExporter, batch: Settings.BatchSettings) {
  const { BatchLogRecordProcessor } = yield* Effect.promise(() => import("@opentelemetry/sdk-logs"))
  const { backlog, config, counted } = yield* acquireQueue<ReadableLogRecord>("logs", exporter, batch)
  const inner = new BatchLogRecordProcessor({ exporter: counted, ...config })
  const processor: LogRecordProcessor = {
    onEmit: (record) => {
      if (backlog.admit()) inner.onEmit(record)
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown()
  }
  return processor
})

const acquireQueue = Effect.fnUntraced(function* <Item>(
  signal: Settings.SignalKind,
  exporter: CountedExporter.CountedExporter<Array<Item>>,
  batch: Settings.BatchSettings
) {
  const stats = yield* ExportStats
  const backlog = yield* Effect.acquireRelease(
    Effect.sync(() => new CountedExporter.Backlog(signal, batch.queue, stats)),
    (backlog) => Effect.sync(() => backlog.abandon())
  )
  const count = (items: ReadonlyArray<Item>) => items.length
  const config = {
    maxQueueSize: batch.queue,
    maxExportBatchSize: batch.size,
    scheduledDelayMillis: batch.delayMillis,
    // A longer export could delay the end of the process by as much.
    exportTimeoutMillis: Math.min(batch.timeoutMillis, shutdownTimeout)
  }
  return { backlog, config, counted: CountedExporter.make(exporter, { signal, count, stats, backlog }) }
})
