/** Traces and logs written to disk before they are sent, so that none is lost while the receiver or the process is away. */
import type { LogRecordProcessor, ReadableLogRecord } from "@opentelemetry/sdk-logs"
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import * as Convention from "../../semconv/Convention.ts"
import * as CopySpan from "../../redaction/CopySpan.ts"
import * as OtlpSerializers from "../delivery/OtlpSerializers.ts"
import type { Codec, Target } from "../delivery/OtlpExporter.ts"
import type { SpanWatcher } from "../span/SpanWatcher.ts"
import { ExportStats } from "../delivery/ExportStats.ts"
import type * as Settings from "../config/Settings.ts"
import * as RecordFrame from "./RecordFrame.ts"
import * as SpoolWriter from "./SpoolWriter.ts"
import type { Encoding } from "./HttpPost.ts"

/**
 * Where the spool is, and how much it may hold: bytes of all files together, 128 MiB if it is left out, and how old a
 * record may get, 7 days. What is beyond is dropped, the oldest first.
 */
export type SpoolOptions = SpoolWriter.SpoolWriterOptions

/** What spools ended spans; `direct` gets them where the disk does not take them, and sends without. */
export const spans = Effect.fnUntraced(function* (
  options: SpoolOptions,
  target: Target,
  batch: Settings.BatchSettings,
  direct: SpanProcessor
) {
  const codec = yield* OtlpSerializers.traces(target.protocol)
  const rejected = yield* rejectedReader(OtlpSerializers.traces)
  const writer = yield* openWriter("traces", options, target, batch, rejected)
  if (writer === undefined) return direct
  const encode = (span: ReadableSpan) => codec.serializer.serializeRequest([span])
  const processor: SpanWatcher = {
    onStart: () => {},
    onOpened: (span) => {
      if (!span.sampled || !isSpooledWhileOpen(span)) return
      writer.spanStarted(span.spanId, () => {
        const seen = span.snapshot()
        return seen === undefined ? undefined : encode(asCrashed(seen))
      })
    },
    onEnded: (spanId) => writer.spanEnded(spanId),
    onEnd: (span) => {
      const { spanId, traceFlags } = span.spanContext()
      if ((traceFlags & 1) !== 1) return
      const encoded = encode(span)
      if (encoded === undefined || !writer.write(spanId, encoded)) direct.onEnd(span)
      writer.spanEnded(spanId)
    },
    forceFlush: () => both(writer.flush(), direct.forceFlush()),
    shutdown: () => {
      writer.end()
      return direct.shutdown()
    }
  }
  return processor
})

/** The same of log records. */
export const logs = Effect.fnUntraced(function* (
  options: SpoolOptions,
  target: Target,
  batch: Settings.BatchSettings,
  direct: LogRecordProcessor
) {
  const codec = yield* OtlpSerializers.logs(target.protocol)
  const rejected = yield* rejectedReader(OtlpSerializers.logs)
  const writer = yield* openWriter("logs", options, target, batch, rejected)
  if (writer === undefined) return direct
  const encode = (record: ReadableLogRecord) => codec.serializer.serializeRequest([record])
  const processor: LogRecordProcessor = {
    onEmit: (record) => {
      const encoded = encode(record)
      if (encoded === undefined || !writer.write(RecordFrame.noSpanId, encoded)) direct.onEmit(record)
    },
    forceFlush: () => both(writer.flush(), direct.forceFlush()),
    shutdown: () => direct.shutdown()
  }
  return processor
})

const both = async (one: Promise<void>, other: Promise<void>): Promise<void> => {
  await Promise.all([one, other])
}

/** Reads how many records an answer in either encoding says were refused. */
export const rejectedReader = Effect.fnUntraced(function* <Items, Response>(
  codecOf: (protocol: Settings.Protocol) => Effect.Effect<Codec<Items, Response>>
) {
  const json = yield* codecOf("http/json")
  const protobuf = yield* codecOf("http/protobuf")
  return (encoding: Encoding, answer: Uint8Array): number => {
    const codec = encoding === "json" ? json : protobuf
    return Number(codec.rejected(codec.serializer.deserializeResponse(answer)) ?? 0)
  }
})

const openWriter = Effect.fnUntraced(function* (
  signal: SpoolWriter.SpooledSignal,
  options: SpoolOptions,
  target: Target,
  batch: Settings.BatchSettings,
  rejected: (encoding: Encoding, answer: Uint8Array) => number
) {
  const { warn } = yield* ExportStats
  const opened = yield* Effect.result(SpoolWriter.open(signal, options, target, batch, rejected))
  if (opened._tag === "Success") return yield* SpoolWriter.run(signal, opened.success)
  warn(`${opened.failure}: the spool cannot be written to, telemetry is sent without it`)
  return undefined
})

const spooledOperations = [Convention.operation.invokeAgent, Convention.operation.executeTool]

/** Turns, tools and what is outermost here: the others are told by what is in these. */
const isSpooledWhileOpen = ({ name, root }: { readonly name: string; readonly root: boolean }): boolean =>
  root || spooledOperations.some((operation) => name.startsWith(`${operation} `))

/** An open span, as it looks should the process die now. */
const asCrashed = (span: ReadableSpan): ReadableSpan =>
  CopySpan.make(span, {
    status: { code: 2 },
    attributes: { ...span.attributes, [Convention.attribute.errorType]: Convention.errorType.processCrashed }
  })
