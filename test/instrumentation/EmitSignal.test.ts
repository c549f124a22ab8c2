/** Signals outside turns: attachments and failed starts. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { CodexError, ContentCapture, Logging, Telemetry } from "effect-codex"
import { Captured, TestLayer } from "effect-codex/testing"
import * as AttachmentTelemetry from "../../src/instrumentation/AttachmentTelemetry.ts"
import { Stderr } from "../../src/telemetry/delivery/Stderr.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import type * as Signal from "../../src/instrumentation/Signal.ts"
import * as StartTelemetry from "../../src/instrumentation/StartTelemetry.ts"
import * as TurnTelemetry from "../../src/instrumentation/TurnTelemetry.ts"

/** Runs it in virtual time; gives how it ended, which signals there were and which lines. */
const watched = Effect.fnUntraced(function* <A, E>(effect: Effect.Effect<A, E>) {
  const signals: Array<Signal.Signal> = []
  const lines: Array<string> = []
  const fiber = yield* effect.pipe(
    Effect.exit,
    Effect.provide([
      Telemetry.layerObserver(({ signal }) => Effect.sync(() => void signals.push(signal))),
      Logging.layerOptions({ level: "Debug", format: "logfmt" })
    ]),
    Effect.provideService(Stderr, (line) => void lines.push(line)),
    Effect.forkChild
  )
  yield* TestClock.adjust("1 minute")
  return { exit: yield* Fiber.join(fiber), signals, lines }
})

const where = Effect.annotateSpans({ "gen_ai.conversation.id": "thread_7", "codex.source": "nightly" })

const failures: ReadonlyArray<{
  readonly what: Signal.StartFailed["what"]
  readonly error: CodexError.StartError
  readonly type: string
  readonly class: CodexError.Class
}> = [
  {
    what: "engine",
    error: new CodexError.EngineStartFailed({ reason: "Timeout", detail: "a private detail" }),
    type: "EngineStartFailed.Timeout",
    class: "engine"
  },
  {
    what: "engine",
    error: new CodexError.CodexNotFound({ tried: ["/home/ada/codex"] }),
    type: "CodexNotFound",
    class: "config"
  },
  {
    what: "thread",
    error: new CodexError.InvalidRequest({
      reason: "ThreadNotFound",
      method: "thread/resume",
      detail: "a private detail"
    }),
    type: "InvalidRequest.ThreadNotFound",
    class: "request"
  }
]

describe("a failed start", () => {
  for (const { class: errorClass, error, type, what } of failures) {
    it.effect(`of the ${what} with ${type} is counted and logged without content`, () =>
      Effect.gen(function* () {
        const { exit, lines, signals } = yield* watched(
          Effect.delay(Effect.fail(error), "250 millis").pipe(
            StartTelemetry.starting(what),
            Effect.withSpan("start"),
            where
          )
        )
        assert.strictEqual(exit._tag, "Failure")
        assert.strictEqual(signals.length, 1)
        assert.deepInclude(signals[0], { _tag: "StartFailed", what, errorType: type, durationMillis: 250 })
        assert.strictEqual(lines.length, 1)
        assert.include(
          lines[0],
          `level=ERROR message="[codex] ${what} exception" duration_ms=250 error_type=${type}`
        )
        assert.include(lines[0], `class=${errorClass}`)
        assert.include(lines[0], "thread_id=thread_7")
        assert.include(lines[0], "trace_id=")
        const labels = { "error.type": type, "codex.error.class": errorClass, "codex.originator": "sdk" }
        assert.strictEqual(yield* Captured.metric("codex.errors", labels), 1)
        const spans = yield* Captured.spans
        assert.deepStrictEqual(
          spans.flatMap(({ events }) => events),
          []
        )
        assert.notMatch(JSON.stringify([lines, spans]), /private detail|\/home\/ada/)
      }).pipe(Effect.provide(TestLayer), Effect.provideService(Settings.Environment, {}))
    )
  }

  it.effect("includes a defect, but not an interrupted or a successful start", () =>
    Effect.gen(function* () {
      const starts = [
        Effect.die(new TypeError("of the library")),
        Effect.interrupt,
        Effect.void,
        Effect.interruptible(Effect.timeoutOption(Effect.never, "1 second"))
      ]
      const all = yield* Effect.forEach(starts, (start) => watched(StartTelemetry.starting("engine")(start)))
      assert.deepStrictEqual(
        all.map(({ signals }) => signals.length),
        [1, 0, 0, 0]
      )
      assert.strictEqual(
        yield* Captured.metric("codex.errors", { "error.type": "_OTHER", "codex.error.class": "unknown" }),
        1
      )
      assert.strictEqual(yield* Captured.metric("codex.errors"), 1)
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("puts message and stack only on its span, and only when error content is captured", () =>
    Effect.gen(function* () {
      const fail = Effect.fail(failures[0]?.error).pipe(
        StartTelemetry.starting("engine"),
        Effect.withSpan("start")
      )
      const { lines } = yield* watched(Effect.provide(fail, ContentCapture.layer({ errors: true })))
      const { events } = yield* Captured.span("start")
      assert.deepStrictEqual(
        events.map(({ name }) => name),
        ["exception"]
      )
      const attributes = events[0]?.attributes
      assert.strictEqual(attributes?.["exception.type"], "EngineStartFailed.Timeout")
      assert.include(String(attributes?.["exception.message"]), "a private detail")
      assert.include(String(attributes?.["exception.stacktrace"]), "EngineStartFailed")
      assert.notInclude(lines.join(), "private detail")
    }).pipe(Effect.provide(TestLayer))
  )
})

describe("attachments", () => {
  const measure = (files: ReadonlyArray<number>) => ({
    files: files.length,
    bytes: files.reduce((sum, size) => sum + size, 0)
  })

  it.effect("are measured when they are staged and removed: number, size and duration", () =>
    Effect.gen(function* () {
      const { lines, signals } = yield* watched(
        Effect.gen(function* () {
          const staged = yield* Effect.delay(Effect.succeed([10, 200]), "1500 millis").pipe(
            AttachmentTelemetry.staging(measure)
          )
          yield* AttachmentTelemetry.cleaning(measure)(Effect.succeed(staged))
        }).pipe(where)
      )
      assert.deepStrictEqual(
        signals.map((signal) => (signal._tag === "AttachmentStop" ? { ...signal, at: 0 } : signal._tag)),
        [
          "AttachmentStart",
          {
            _tag: "AttachmentStop",
            at: 0,
            durationMillis: 1500,
            stage: "stage",
            files: 2,
            bytes: 210,
            end: { _tag: "Ok" }
          },
          "AttachmentStart",
          {
            _tag: "AttachmentStop",
            at: 0,
            durationMillis: 0,
            stage: "cleanup",
            files: 2,
            bytes: 210,
            end: { _tag: "Ok" }
          }
        ]
      )
      for (const line of [
        "[codex] attachment.stage start",
        "[codex] attachment.stage stop",
        "[codex] attachment.cleanup start",
        "[codex] attachment.cleanup stop"
      ])
        assert.isTrue(
          lines.some((other) => other.includes(line)),
          line
        )
      assert.isTrue(
        lines.some((line) => line.includes("duration_ms=1500 files=2 bytes=210 result=completed"))
      )
      assert.strictEqual(yield* Captured.metric("codex.attachment.staged"), 2)
      assert.strictEqual(yield* Captured.metric("codex.attachment.cleaned"), 2)
      assert.strictEqual(yield* Captured.metric("codex.attachment.bytes"), 210)
      const span = yield* Captured.span("codex.attachment.stage")
      assert.deepInclude(span.attributes, {
        "codex.attachment.files": 2,
        "codex.attachment.bytes": 210,
        "codex.originator": "sdk",
        "codex.source": "nightly",
        "gen_ai.conversation.id": "thread_7"
      })
      assert.deepStrictEqual([span.status, span.durationMillis], ["unset", 1500])
      yield* Captured.span("codex.attachment.cleanup")
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("that cannot be staged are not counted, and their span ends with the error", () =>
    Effect.gen(function* () {
      const failing = Effect.fail(
        new CodexError.AttachmentRejected({ reason: "TooLarge", path: "/home/ada/secret.png", detail: "" })
      )
      const { exit, lines } = yield* watched(
        AttachmentTelemetry.staging(measure)(failing).pipe(
          Effect.provideService(TurnTelemetry.Originator, "cli")
        )
      )
      assert.strictEqual(exit._tag, "Failure")
      const span = yield* Captured.span("codex.attachment.stage")
      assert.strictEqual(span.status, "error")
      assert.deepInclude(span.attributes, {
        "error.type": "AttachmentRejected.TooLarge",
        "codex.attachment.files": 0,
        "codex.originator": "cli"
      })
      assert.isUndefined(yield* Captured.metric("codex.attachment.staged"))
      assert.isTrue(
        lines.some((line) =>
          /level=ERROR message="\[codex\] attachment.stage exception".*AttachmentRejected/.test(line)
        )
      )
      assert.notInclude(JSON.stringify([lines, yield* Captured.spans]), "secret.png")
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("are not affected by interruption or by a measurement that throws", () =>
    Effect.gen(function* () {
      const broken = (): { readonly files: number; readonly bytes: number } => {
        throw new Error("a measure that throws")
      }
      const { exit } = yield* watched(AttachmentTelemetry.staging(broken)(Effect.succeed(42)))
      assert.isTrue(exit._tag === "Success" && exit.value === 42)
      const { lines } = yield* watched(
        Effect.timeoutOption(AttachmentTelemetry.staging(measure)(Effect.never), "1 second")
      )
      assert.isTrue(lines.some((line) => line.includes("result=interrupted")))
      const spans = yield* Captured.spans
      assert.deepStrictEqual(
        spans.map(({ status }) => status),
        ["unset", "unset"]
      )
    }).pipe(Effect.provide(TestLayer))
  )
})
