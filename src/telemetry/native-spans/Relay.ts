/** What receives Codex's spans and hands them to the pipeline, each in its place. */
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NodeTimers from "../../internal/NodeTimers.ts"
import * as CodexLaunch from "../../internal/CodexLaunch.ts"
import { version } from "../../internal/version.ts"
import { hrTimeDifference } from "../span/RecordedSpan.ts"
import * as Settings from "../config/Settings.ts"
import * as ExportStats from "../delivery/ExportStats.ts"
import * as Configured from "./Configured.ts"
import { SpanJoiner, waitMillis, type SpanRef } from "./SpanJoiner.ts"
import * as KeptSpans from "./KeptSpans.ts"
import * as OtlpReceiver from "./OtlpReceiver.ts"
import * as OtlpTraceJson from "./OtlpTraceJson.ts"
import * as SignalBus from "../../instrumentation/SignalBus.ts"
import * as Tracer from "../tracer/Tracer.ts"

/** How long closing waits for what a Codex that is ending still sends, in milliseconds of real time. */
const shutdownWaitMillis = 500

/** For so long after it has told of the end of a turn, Codex loses the spans around it when it ends. */
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

const scope = { name: "codex", version }

const toReadableSpan = (
  span: OtlpTraceJson.NativeSpan,
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

/** Overrides and variables that make a Codex send its spans there, soon, and never wait long for that. */
const codexLaunchExtra = (url: string): Omit<CodexLaunch.CodexExtra, "settled"> => ({
  config: [`otel.trace_exporter={ otlp-http = { endpoint = "${url}", protocol = "json" } }`],
  env: {
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
    dropped: (n) => lost(n, "spans of Codex without a place")
  })

  // One timer, and none while nothing waits.
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
    onBody: (body) => {
      const spans = OtlpTraceJson.decode(body)
      if (spans === undefined) return lost(1, "a batch of Codex that is none")
      joiner.receive(spans, performance.now())
      watch()
    },
    onRejected: () => lost(1, "a batch of Codex that is too large")
  })

  let running = 0
  let lastEnd = -Infinity
  const settled = Effect.suspend(() => {
    const rest = lastEnd + turnEndGraceMillis - performance.now()
    return rest > 0 ? NodeTimers.sleep(rest) : Effect.void
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
    if (closing) return Effect.void
    closing = true
    // What has arrived is taken up by the event loop's next round.
    return ended.pipe(Effect.andThen(NodeTimers.sleep(1)), Effect.andThen(Effect.sync(() => joiner.flush())))
  })
  yield* pipeline.hold((span) => {
    if (closing || (span.spanContext().traceFlags & 1) === 0) return false
    const held = joiner.hold(span, performance.now())
    if (held) watch()
    return held
  }, flush)

  let warned = false
  const ask: CodexLaunch.Ask = Effect.fnUntraced(function* (configurations) {
    if (Configured.hasTraceExporter(configurations)) {
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
  return { ask, listen: listener(joiner, () => void (lastEnd = performance.now())) }
})

/** The layer that joins them, whatever the environment says. */
export const layer: Layer.Layer<never> = Layer.unwrap(
  Effect.map(make, ({ ask, listen }) =>
    Layer.merge(Layer.succeed(CodexLaunch.Extra, ask), SignalBus.layerListener(Effect.succeed(listen)))
  )
).pipe(
  Layer.provideMerge(Tracer.layer),
  Layer.provide([ExportStats.layer, Settings.layer]),
  Layer.catchCause(() =>
    Layer.effectDiscard(Effect.logWarning("No port on the loopback interface: Codex's spans are not joined"))
  )
)
