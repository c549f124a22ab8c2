/** Writes traces and logs to disk before they are sent, so that an outage of the receiver or a crash loses none. */
import type { LogRecordProcessor } from "@opentelemetry/sdk-logs"
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace"
import * as Effect from "effect/Effect"
import * as Convention from "../../semconv/Convention.ts"
import * as CopySpan from "../../redaction/CopySpan.ts"
import * as OtlpSerializers from "../delivery/OtlpSerializers.ts"
import type { Target } from "../delivery/OtlpExporter.ts"
import type { SpanWatcher } from "../span/SpanWatcher.ts"
import { ExportStats } from "../delivery/ExportStats.ts"
import type * as Settings from "../config/Settings.ts"
import * as RecordFrame from "./RecordFrame.ts"
import * as SpoolWriter from "./SpoolWriter.ts"

/**
 * Options for the spool: its directory, the maximum total size (default 128 MiB) and the maximum age of a record (default
 * 7 days). Beyond a limit, the oldest records are dropped first.
 */
export type SpoolOptions = SpoolWriter.SpoolWriterOptions

/** Makes a processor that spools ended spans. If a write fails, the span goes to `direct`, which sends without a spool. */
export const spans = Effect.fnUntraced(function* (
  options: SpoolOptions,
  target: Target,
  batch: Settings.BatchSettings,
  direct: SpanProcessor
) {
  const spool = yield* open("traces", OtlpSerializers.traces, options, target, batch)
  if (spool === undefined) return direct
  const { encode, writer } = spool
  const processor: SpanWatcher = {
    onStart: () => {},
    onOpened: (span) => {
      if (!span.sampled || !isSpooledWhileOpen(span)) return
      writer.spanStarted(span.spanId, () => {
        const snapshot = span.snapshot()
        return snapshot === undefined ? undefined : encode([asCrashed(snapshot)])
      })
    },
    onEnded: (spanId) => writer.spanEnded(spanId),
    onEnd: (span) => {
      const { spanId, traceFlags } = span.spanContext()
      if ((traceFlags & 1) !== 1) return
      if (!spool.write(spanId, [span])) direct.onEnd(span)
      writer.spanEnded(spanId)
    },
    forceFlush: () => flushBoth(writer, direct),
    shutdown: () => {
      writer.end()
      return direct.shutdown()
    }
  }
  return processor
})

/** Makes a processor that spools log records. If a write fails, the record goes to `direct`. */
export const logs = Effect.fnUntraced(function* (
  options: SpoolOptions,
  target: Target,
  batch: Settings.BatchSettings,
  direct: LogRecordProcessor
) {
  const spool = yield* open("logs", OtlpSerializers.logs, options, target, batch)
  if (spool === undefined) return direct
  const processor: LogRecordProcessor = {
    onEmit: (record) => {
      if (!spool.write(RecordFrame.noSpanId, [record])) direct.onEmit(record)
    },
    forceFlush: () => flushBoth(spool.writer, direct),
    shutdown: () => direct.shutdown()
  }
  return processor
})

type CodecOf<Items> = (protocol: Settings.Protocol) => Effect.Effect<OtlpSerializers.Codec<Items>>

/** Opens and runs the spool of a signal. Returns `undefined`, after a warning, if the directory is not writable. */
const open = Effect.fnUntraced(function* <Items>(
  signal: SpoolWriter.SpooledSignal,
  codecOf: CodecOf<Items>,
  options: SpoolOptions,
  target: Target,
  batch: Settings.BatchSettings
) {
  const { encode, rejected } = yield* codecOf(target.protocol)
  const { warn } = yield* ExportStats
  const opened = yield* Effect.result(SpoolWriter.open(signal, options, target, batch, rejected))
  if (opened._tag === "Failure") {
    warn(`${opened.failure}: the spool is not writable; telemetry is sent without it`)
    return undefined
  }
  const writer = yield* SpoolWriter.run(signal, opened.success)
  const write = (id: string, items: Items): boolean => {
    const encoded = encode(items)
    return encoded !== undefined && writer.write(id, encoded)
  }
  return { writer, encode, write }
})

const flushBoth = async (
  writer: SpoolWriter.SpoolWriter,
  direct: SpanProcessor | LogRecordProcessor
): Promise<void> => {
  await Promise.all([writer.flush(), direct.forceFlush()])
}

const spooledOperations = [Convention.operation.invokeAgent, Convention.operation.executeTool]

/** Only turns, tools and root spans are written while open: they describe what the spans inside them belong to. */
const isSpooledWhileOpen = ({ name, root }: { readonly name: string; readonly root: boolean }): boolean =>
  root || spooledOperations.some((operation) => name.startsWith(`${operation} `))

/** Returns an open span in the form it has if the process dies now. */
const asCrashed = (span: ReadableSpan): ReadableSpan =>
  CopySpan.make(span, {
    status: { code: 2 },
    attributes: { ...span.attributes, [Convention.attribute.errorType]: Convention.errorType.processCrashed }
  })
