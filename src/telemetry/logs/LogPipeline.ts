/** Collects log records from Effect's logger and from turns, redacts them once and passes them to every sink. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import * as ContentCapture from "../../instrumentation/ContentCapture.ts"
import * as LocalLog from "../../internal/LocalLog.ts"
import * as Redaction from "../../redaction/Redaction.ts"
import * as SignalBus from "../../instrumentation/SignalBus.ts"
import * as CodexError from "../../domain/CodexError.ts"
import { attribute } from "../../semconv/Convention.ts"
import * as ErrorType from "../../semconv/ErrorType.ts"
import type { LogField, LogRecord } from "../../instrumentation/LogRecord.ts"
import * as TraceIds from "../../internal/TraceIds.ts"
import * as SignalLogs from "../../instrumentation/SignalLogs.ts"

/** Receives records: all of them, or only those shown to people as lines. Exceptions of `write` are ignored. */
export interface LogSink {
  readonly lines: boolean
  readonly write: (record: LogRecord) => void
}

/** Registers sinks until their scope closes. */
export class LogRecords extends Context.Service<
  LogRecords,
  { readonly add: (sink: LogSink) => Effect.Effect<void, never, Scope.Scope> }
>()("effect-codex/telemetry/internal/LogRecords") {}

const textOf = (message: unknown, redaction: Redaction.Redaction): string =>
  (Array.isArray(message) ? message : [message])
    .map((part: unknown) => {
      const redactedPart = redaction.value(part)
      return typeof redactedPart === "string"
        ? redactedPart
        : (JSON.stringify(redactedPart) ?? String(redactedPart))
    })
    .join(" ")

const spanOf = (context: Context.Context<never>): LogRecord["span"] => {
  const span = Context.getOrUndefined(context, Tracer.ParentSpan)
  const traceId = span === undefined ? undefined : TraceIds.toTraceId(span.traceId)
  if (span === undefined || traceId === undefined || !TraceIds.isSpanId(span.spanId)) return undefined
  return { traceId, spanId: span.spanId, sampled: span.sampled }
}

const toField = (key: string, value: unknown): LogField => ({ name: key, key, value })

const fromLog = (
  { cause, date, fiber, logLevel, message }: Logger.Options<unknown>,
  redaction: Redaction.Redaction
): LogRecord => {
  const annotations = Object.entries(fiber.getRef(References.CurrentLogAnnotations))
  const spans = fiber.getRef(References.CurrentLogSpans)
  const errors = () => ContentCapture.inRecords(fiber.context, "errors")
  return {
    at: date.getTime(),
    level: logLevel === "All" || logLevel === "None" ? "Info" : logLevel,
    event: undefined,
    message: textOf(message, redaction),
    fields: [
      ...annotations.map(([key, value]) => toField(key, value)),
      ...spans.map(([label, startedAt]) => toField(`effect.log_span.${label}`, date.getTime() - startedAt)),
      ...causeFields(cause, errors).map(([key, value]) => toField(key, value))
    ],
    span: spanOf(fiber.context),
    content: false
  }
}

/**
 * Returns the fields that describe a cause: its error type and class. The message and the stack can quote anything, so
 * they are included only when `content` allows it.
 */
const causeFields = (
  cause: Cause.Cause<unknown>,
  content: () => boolean
): ReadonlyArray<readonly [key: string, value: unknown]> => {
  if (cause.reasons.length === 0) return []
  const type = ErrorType.fromExit(Exit.failCause(cause))
  const failure = cause.reasons.find(Cause.isFailReason)?.error
  const found = CodexError.isCodexError(failure) ? failure : undefined
  const [error] = content() ? Cause.prettyErrors(cause) : []
  return [
    [attribute.errorType, type],
    [attribute.errorClass, found?.class],
    [attribute.errorRetryable, found?.retryable],
    [attribute.exceptionMessage, error?.message],
    [attribute.exceptionStack, error?.stack]
  ]
}

const redacted = (record: LogRecord, redaction: Redaction.Redaction): LogRecord => ({
  ...record,
  message: redaction.text(record.message),
  fields: record.fields.flatMap(({ key, name, value }) => {
    const redactedPart = redaction.value(value, key)
    return redactedPart === undefined || redactedPart === null
      ? []
      : [{ name: redaction.text(name), key: redaction.text(key), value: redactedPart }]
  })
})

/**
 * Feeds the sinks from Effect's logger and from a listener of turns. A constant, because layers are shared by identity:
 * all sinks built on it receive the same records once.
 *
 * Existing loggers stay, except two: the logger that adds a span event for every line, and, when a sink prints lines, the
 * logger that prints.
 */
export const layer: Layer.Layer<LogRecords | SignalBus.SignalBus> = Layer.effectContext(
  Effect.gen(function* () {
    const redaction = yield* Redaction.Current
    const before = yield* Logger.CurrentLoggers
    let sinks: ReadonlyArray<LogSink> = []

    const write = (make: () => LogRecord, local = false) => {
      if (sinks.length === 0) return
      try {
        const record = redacted(make(), redaction)
        for (const sink of sinks) {
          if (sink.lines ? !record.content : !local) ignoreErrors(() => sink.write(record))
        }
      } catch {
        // A record that cannot be redacted is dropped.
      }
    }
    const printing = before.has(Logger.defaultLogger)
    const logger = Logger.make<unknown, void>((options) => {
      if (printing && !sinks.some((sink) => sink.lines)) Logger.defaultLogger.log(options)
      write(() => fromLog(options, redaction), Context.get(options.fiber.context, LocalLog.LocalOnly))
    })
    const loggers = new Set(
      [...before].filter((other) => other !== Logger.tracerLogger && other !== Logger.defaultLogger)
    )

    const bus = yield* SignalBus.SignalBus
    yield* bus.add((observed, context) => {
      if (sinks.length === 0) return
      const line = SignalLogs.of(observed)
      if (
        line === undefined ||
        LogLevel.isLessThan(line.level, Context.get(context, References.MinimumLogLevel))
      )
        return
      write(() => line)
    })

    const add = (sink: LogSink) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          sinks = [...sinks, sink]
        }),
        () =>
          Effect.sync(() => {
            sinks = sinks.filter((other) => other !== sink)
          })
      )
    return Context.make(LogRecords, { add }).pipe(
      Context.add(SignalBus.SignalBus, bus),
      Context.add(Logger.CurrentLoggers, loggers.add(logger)),
      Context.add(ContentCapture.Records, (record) => write(() => record))
    )
  })
).pipe(Layer.provideMerge(SignalBus.layer), Layer.provideMerge(Redaction.layerDefault))

const ignoreErrors = (run: () => void): void => {
  try {
    run()
  } catch {
    // A sink that throws loses this record; other sinks do not.
  }
}
