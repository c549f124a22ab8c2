/** Receives Codex's spans and passes them to the span pipeline with their parents in our traces. */
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { parse } from "smol-toml"
import * as TimeSlices from "../../internal/TimeSlices.ts"
import * as NodeTimers from "../../internal/NodeTimers.ts"
import * as CodexLaunch from "../../internal/CodexLaunch.ts"
import { version } from "../../internal/version.ts"
import { hrTimeDifference } from "../span/RecordedSpan.ts"
import * as Settings from "../config/Settings.ts"
import * as ExportStats from "../delivery/ExportStats.ts"
import { SpanJoiner, waitMillis, type SpanRef } from "./SpanJoiner.ts"
import * as KeptSpans from "./KeptSpans.ts"
import * as OtlpReceiver from "./OtlpReceiver.ts"
import * as OtlpTraceJson from "./OtlpTraceJson.ts"
import * as SignalBus from "../../instrumentation/SignalBus.ts"
import * as Tracer from "../tracer/Tracer.ts"

/** How long closing waits for the spans of a Codex that is exiting, in milliseconds of real time. */
const shutdownWaitMillis = 500

/** Codex loses spans if it exits within 100 ms after the end of a turn, so wait that long. */
const turnEndGraceMillis = 100

const listener =
  (joiner: SpanJoiner, ended: () => void): SignalBus.SignalListener =>
  ({ signal, span, turnId }) => {
    if (signal._tag === "TurnStop") ended()
    if (turnId === undefined || span === undefined) return
    if (signal._tag === "TurnStart") joiner.turnStarted(turnId, span)
    if (signal._tag === "ToolStart") joiner.toolStarted(turnId, signal.callId, span)
    if (signal._tag === "TurnStop") joiner.turnEnded(turnId, performance.now())
  }

const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

const traceExporterOf = (toml: string): unknown => {
  try {
    const { otel } = parse(toml)
    return isTable(otel) ? otel["trace_exporter"] : undefined
  } catch {
    // Codex takes an override that is not TOML as a string: `-c otel.trace_exporter=none`.
    return /^\s*otel\.trace_exporter\s*=\s*(\S+)\s*$/.exec(toml)?.[1]
  }
}

/** Whether Codex's configuration sets a trace exporter of its own. The last setting counts; `none` is not an exporter. */
export const hasTraceExporter = (configurations: ReadonlyArray<string>): boolean => {
  const exporters = configurations.map(traceExporterOf).filter((exporter) => exporter !== undefined)
  const last = exporters.at(-1)
  return last !== undefined && last !== "none"
}

const scope = { name: "codex", version }

const toReadableSpan = (
  span: KeptSpans.NativeSpan,
  parent: SpanRef,
  resource: ReadableSpan["resource"]
): ReadableSpan => {
  const traceFlags = parent.sampled ? 1 : 0
  const context = { traceId: parent.traceId, spanId: span.spanId, traceFlags }
  return {
    name: KeptSpans.nameOf(span),
    kind: span.kind,
    spanContext: () => context,
    parentSpanContext: { traceId: parent.traceId, spanId: parent.spanId, traceFlags },
    startTime: span.startTime,
    endTime: span.endTime,
    duration: hrTimeDifference(span.startTime, span.endTime),
    status: { code: 0 },
    attributes: KeptSpans.attributesOf(span),
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0
  }
}

/**
 * Configuration and variables that make Codex send its spans to `url` soon, and not wait long for it at its exit. The URL
 * is in the environment, because all users of the machine can read the command line. Codex reads the variable if the
 * endpoint of its configuration is empty.
 */
const codexLaunchExtra = (url: string): Omit<CodexLaunch.CodexExtra, "settled"> => ({
  config: [`otel.trace_exporter={ otlp-http = { endpoint = "", protocol = "json" } }`],
  env: {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url,
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "128",
    OTEL_BSP_SCHEDULE_DELAY: "500",
    OTEL_BSP_EXPORT_TIMEOUT: "1000",
    OTEL_EXPORTER_OTLP_TIMEOUT: "1000"
  }
})

const make = Effect.gen(function* () {
  const settings = yield* Settings.CurrentSettings
  const pipeline = yield* Tracer.SpanPipeline
  const stats = yield* ExportStats.ExportStats
  const resource = yield* Tracer.makeResource(settings)
  const lost = (n: number, detail: string) => stats.dropped("traces", n, "rejected", detail)
  const joiner = new SpanJoiner({
    emit: (span, parent) => {
      if (parent.sampled) pipeline.record(toReadableSpan(span, parent, resource))
    },
    release: (span) => pipeline.record(span),
    dropped: (n) => lost(n, "spans of Codex without a parent")
  })

  // There is at most one timer, and none while no span waits.
  let timer: NodeJS.Timeout | undefined
  const watch = () => {
    if (timer !== undefined || !joiner.hasPending) return
    timer = setTimeout(() => {
      timer = undefined
      joiner.tick(performance.now())
      watch()
    }, waitMillis / 4)
    timer.unref()
  }
  yield* Effect.addFinalizer(() => Effect.sync(() => clearTimeout(timer)))

  const receiver = yield* OtlpReceiver.make({
    onBody: async (body) => {
      const spans = await TimeSlices.runPromise(OtlpTraceJson.decodeSteps(body))
      if (spans === undefined) return lost(1, "a batch of Codex that is not OTLP JSON")
      await TimeSlices.runPromise(joiner.receiveSteps(spans, performance.now()))
      watch()
    },
    onRejected: () => lost(1, "a batch of Codex that is too large")
  })

  let running = 0
  let lastEnd = -Infinity
  const settled = Effect.suspend(() => {
    const remaining = lastEnd + turnEndGraceMillis - performance.now()
    return remaining > 0 ? NodeTimers.sleep(remaining) : Effect.void
  })
  let closing = false
  const ended = Effect.suspend(() => {
    const until = performance.now() + shutdownWaitMillis
    const step: Effect.Effect<void> = Effect.suspend(() =>
      running === 0 || performance.now() >= until ? Effect.void : Effect.andThen(NodeTimers.sleep(10), step)
    )
    return step
  })
  const flush = Effect.suspend(() => {
    closing = true
    // What has arrived is finite and on this machine, so it needs no time limit. With one, a busy machine would lose it.
    return ended.pipe(Effect.andThen(receiver.processed), Effect.andThen(Effect.sync(() => joiner.flush())))
  })
  yield* pipeline.hold((span) => {
    if (closing || (span.spanContext().traceFlags & 1) === 0) return false
    const held = joiner.hold(span, performance.now())
    if (held) watch()
    return held
  }, flush)

  let warned = false
  const makeExtra: CodexLaunch.MakeExtra = Effect.fnUntraced(function* (configurations) {
    if (hasTraceExporter(configurations)) {
      if (!warned && Settings.isLogged(settings, "Warn")) {
        yield* Effect.logWarning(
          "Codex's configuration has a trace exporter: its spans go there and are not joined to ours"
        )
      }
      warned = true
      return { config: [], env: {}, settled: Effect.void }
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => void running++),
      () => Effect.sync(() => void running--)
    )
    return { ...codexLaunchExtra(receiver.url), settled }
  })
  return { makeExtra, listen: listener(joiner, () => void (lastEnd = performance.now())) }
})

/** Joins Codex's spans to our traces, whether or not the environment enables it. */
export const layer: Layer.Layer<never> = Layer.unwrap(
  Effect.map(make, ({ listen, makeExtra }) =>
    Layer.merge(Layer.succeed(CodexLaunch.Extra, makeExtra), SignalBus.layerListener(Effect.succeed(listen)))
  )
).pipe(
  Layer.provideMerge(Tracer.layer),
  Layer.provide([ExportStats.layer, Settings.layer]),
  Layer.catchCause(() =>
    Layer.effectDiscard(Effect.logWarning("No port on the loopback interface: Codex's spans are not joined"))
  )
)
