import { assert, describe, it } from "@effect/vitest"
import type { LogRecordProcessor, SdkLogRecord } from "@opentelemetry/sdk-logs"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as TestClock from "effect/testing/TestClock"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { Approval, Codex, CodexError, ContentCapture, Logging } from "effect-codex"
import { Captured, Scripted, TestLayer } from "effect-codex/testing"
import * as Settings from "../../../src/telemetry/config/Settings.ts"
import { Stderr } from "../../../src/telemetry/delivery/Stderr.ts"
import { advanceTimers } from "../../support/fakeTimers.ts"

const run = promisify(execFile)

const lookup = Tool.make("lookup", {
  parameters: Schema.Struct({ id: Schema.String }),
  success: Schema.String
})
const Tools = Toolkit.make(lookup)
const Handlers = Tools.toLayer({
  lookup: ({ id }) =>
    Effect.gen(function* () {
      yield* Effect.logInfo("looking up", { count: 1, password: "hunter2" })
      yield* Effect.logError("it broke", Cause.fail(new Error(`not for everybody: ${id}`)))
      return "found"
    })
})

const stopped: CodexError.TurnError = new CodexError.TurnFailed({
  reason: "RateLimited",
  detail: "quoted content",
  status: 429,
  retryAfterMillis: 2000
})

const script = [
  Scripted.command("npm test", { approval: true, exitCode: 1, takes: "2 seconds" }),
  Scripted.toolCall("lookup", { id: "T-42" }),
  Scripted.event({ _tag: "Retrying", errorType: "TurnFailed.Overloaded", status: 503 }),
  Scripted.event({ _tag: "ItemStarted", item: { _tag: "ContextCompaction", id: "c" } }),
  Scripted.usage({ input: 10, output: 2 }),
  Scripted.message("done")
]

const turn = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ source: "logged", tools: yield* Tools })
  return yield* thread.run("a secret prompt").pipe(Effect.exit)
}).pipe(Effect.scoped, Effect.provide(Handlers))

/** Runs turns with a layer that logs, and gives the lines. */
const logged = Effect.fnUntraced(function* (
  layer: Layer.Layer<never>,
  steps: ReadonlyArray<Scripted.ScriptedStep> = script
) {
  yield* Scripted.play(steps)
  const lines: Array<string> = []
  // Loading what exports takes real time, which the clock of a test does not wait for.
  yield* Effect.gen(function* () {
    const context = yield* Layer.build(Layer.merge(layer, Approval.layer(Approval.allow)))
    const fiber = yield* Effect.forkChild(Effect.provide(turn, context))
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(fiber)
  }).pipe(
    Effect.scoped,
    Effect.provideService(Stderr, (text) => void lines.push(text))
  )
  assert.isTrue(lines.every((line) => line.endsWith("\n")))
  return lines.map((line) => line.trimEnd())
})

const processor = () => {
  const records: Array<SdkLogRecord> = []
  const calls: Array<string> = []
  const it: LogRecordProcessor = {
    onEmit: (record) => void records.push(record),
    forceFlush: () => Promise.resolve(void calls.push("flush")),
    shutdown: () => Promise.resolve(void calls.push("shutdown"))
  }
  return { records, calls, layer: Logging.layerRecordProcessor(Effect.succeed(it)) }
}

const layer = (options: Logging.LoggingOptions) => Logging.layerOptions(options)

const Line = Schema.fromJsonString(Schema.JsonObject)
const parse = Schema.decodeSync(Line)

const messages = (lines: ReadonlyArray<string>) => lines.map((line) => String(parse(line)["message"]))

const failing = [Scripted.message("half of it"), Scripted.failed(stopped)]

describe("Logging.layer", () => {
  it.effect("prints a line for each event of a turn at its level", () =>
    Effect.gen(function* () {
      const at = (level: LogLevel.LogLevel) => Effect.map(logged(layer({ format: "json", level })), messages)
      assert.deepStrictEqual(yield* at("Error"), [
        "[codex] command exception",
        "it broke",
        "[codex] model exception"
      ])
      assert.deepStrictEqual(yield* at("Info"), [
        "[codex] approval stop",
        "[codex] command exception",
        "[codex] tool stop",
        'looking up {"count":1,"password":"[redacted]"}',
        "it broke",
        "[codex] tool stop",
        "[codex] model exception",
        "[codex] model stop",
        "[codex] retry stop",
        "[codex] model stop",
        "[codex] model stop",
        "[codex] turn stop"
      ])
      const all = yield* at("Debug")
      const quiet = [
        "turn start",
        "model start",
        "tool start",
        "approval start",
        "retry update",
        "compaction update"
      ]
      for (const subject of [...quiet, "usage update"]) assert.include(all, `[codex] ${subject}`)
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("adds trace, thread and turn ids to every line, and no content", () =>
    Effect.gen(function* () {
      const lines = yield* logged(layer({ format: "json", level: "Trace" }))
      const spans = yield* Captured.spans
      const agent = yield* Captured.span("invoke_agent codex")
      const tool = yield* Captured.span("execute_tool lookup")
      for (const line of lines) {
        const found = parse(line)
        assert.strictEqual(found["trace_id"], agent.traceId, line)
        assert.isTrue(
          spans.some((span) => span.spanId === found["span_id"]),
          line
        )
        assert.strictEqual(found["codex.source"], "logged")
        assert.strictEqual(found["codex.originator"], "sdk")
        assert.strictEqual(found["thread_id"] ?? found["gen_ai.conversation.id"], "thread_1")
        assert.strictEqual(found["turn_id"] ?? found["codex.turn.id"], "turn_1")
      }
      const mine = lines
        .map((line) => parse(line))
        .find((line) => String(line["message"]).startsWith("looking up"))
      assert.strictEqual(mine?.["span_id"], tool.spanId)
      const all = lines.join("\n")
      for (const content of [
        "secret prompt",
        "not for everybody",
        "T-42",
        "npm test",
        "hunter2",
        "done",
        "found"
      ]) {
        assert.notInclude(all, content)
      }
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("writes the documented formats", () =>
    Effect.gen(function* () {
      const [pretty = ""] = (yield* logged(layer({}))).slice(-1)
      assert.match(
        pretty,
        /^\d\d:\d\d:\d\d\.\d{3} INFO {2}\[codex\] turn stop duration_ms=2000 result=completed input_tokens=10 output_tokens=2 .*thread_id=thread_1 turn_id=turn_1 .*trace_id=[0-9a-f]{32} span_id=[0-9a-f]{16}$/
      )
      const [logfmt = ""] = (yield* logged(layer({ format: "logfmt" }))).slice(-1)
      assert.match(
        logfmt,
        /^timestamp=1970-01-01T00:0\d:\d\d\.\d{3}Z level=INFO message="\[codex\] turn stop" duration_ms=2000 result=completed .*span_id=[0-9a-f]{16}$/
      )
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("logs a failure at error level with its type, class and retryability", () =>
    Effect.gen(function* () {
      const [line = ""] = (yield* logged(layer({}), failing)).slice(-1)
      assert.include(line, "ERROR [codex] turn exception")
      assert.include(
        line,
        "result=failed error_type=TurnFailed.RateLimited class=transient retryable=true retry_after_ms=2000"
      )
      assert.notInclude(line, "quoted content")
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("prevents forged lines and terminal codes", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      for (const format of ["pretty", "logfmt", "json"] as const) {
        yield* Effect.logInfo("a\u001b[2Jb\nlevel=ERROR forged", { deep: "\u202ex" }).pipe(
          Effect.annotateLogs({ "k =\n": 'v\nw"', level: "forged" }),
          Effect.provide(layer({ format })),
          Effect.provideService(Stderr, (text) => void lines.push(text))
        )
      }
      const [pretty = "", logfmt = "", json = ""] = lines
      for (const text of lines) assert.notMatch(text, /[\u001b\u202e]/)
      assert.include(pretty, 'k___="v\\nw\\""')
      assert.include(pretty, "ab\n    level=ERROR")
      assert.strictEqual(logfmt.split("\n").length, 2)
      assert.include(logfmt, " level_=forged")
      assert.include(logfmt, 'level=INFO message="ab\\nlevel=ERROR forged')
      assert.strictEqual(parse(json)["level"], "INFO")
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("replaces the printing logger and keeps the others", () =>
    Effect.gen(function* () {
      const kept: Array<unknown> = []
      const own = Logger.make<unknown, void>(({ message }) => void kept.push(message))
      const lines: Array<string> = []
      yield* Effect.logInfo("once").pipe(
        Effect.provide(
          Layer.provide(
            layer({ format: "json" }),
            Logger.layer([own, Logger.defaultLogger, Logger.tracerLogger])
          )
        ),
        Effect.provideService(Stderr, (text) => void lines.push(text))
      )
      assert.deepStrictEqual(kept, [["once"]])
      assert.deepStrictEqual(messages(lines), ["once"])
    })
  )

  it.live("writes to stderr only", () =>
    Effect.gen(function* () {
      const source = `
        import * as Effect from "effect/Effect"
        import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
        import * as Logging from "./src/telemetry/logs/Logging.ts"
        Effect.logInfo("hello").pipe(
          Effect.withSpan("x"),
          Effect.provide(Logging.layerOptions({ format: "logfmt" })),
          NodeRuntime.runMain
        )`
      const args = ["--no-warnings", "--input-type=module-typescript", "--eval", source]
      const { stderr, stdout } = yield* Effect.promise(() => run(process.execPath, args))
      assert.strictEqual(stdout, "")
      assert.match(
        stderr,
        /^timestamp=\S+ level=INFO message=hello trace_id=[0-9a-f]{32} span_id=[0-9a-f]{16}\n$/
      )
    })
  )

  it.effect("has no effect on the program when stderr is closed", () =>
    Effect.gen(function* () {
      yield* Scripted.play(script)
      const fiber = yield* turn.pipe(
        Effect.provide(Layer.merge(layer({ level: "All" }), Approval.layer(Approval.allow))),
        Effect.provideService(Stderr, () => {
          throw new Error("EPIPE")
        }),
        Effect.forkChild
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Success")
    }).pipe(Effect.provide(TestLayer))
  )
})

describe("Logging.layerRecordProcessor", () => {
  const summary = (record: SdkLogRecord) => [record.severityText, record.eventName ?? record.body]

  it.effect("emits each record once, with or without the line logger", () =>
    Effect.gen(function* () {
      const alone = processor()
      yield* logged(alone.layer)
      const beside = processor()
      const lines = yield* logged(Layer.mergeAll(beside.layer, layer({ format: "json" })))
      const nested = processor()
      yield* logged(nested.layer.pipe(Layer.provideMerge(layer({ format: "json" }))))
      assert.deepStrictEqual(alone.records.map(summary), [
        ["INFO", "codex.approval.stop"],
        ["ERROR", "codex.command.exception"],
        ["INFO", "codex.tool.stop"],
        ["INFO", 'looking up {"count":1,"password":"[redacted]"}'],
        ["ERROR", "it broke"],
        ["INFO", "codex.tool.stop"],
        ["ERROR", "codex.model.exception"],
        ["INFO", "codex.model.stop"],
        ["INFO", "codex.retry.stop"],
        ["INFO", "codex.model.stop"],
        ["INFO", "codex.model.stop"],
        ["INFO", "codex.turn.stop"]
      ])
      assert.deepStrictEqual(beside.records.map(summary), alone.records.map(summary))
      assert.deepStrictEqual(nested.records.map(summary), alone.records.map(summary))
      assert.strictEqual(lines.length, alone.records.length)
      assert.deepStrictEqual(alone.calls, ["flush", "shutdown"])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("sets severity, trace context, attributes and resource", () =>
    Effect.gen(function* () {
      const { layer, records } = processor()
      yield* logged(layer, failing)
      const agent = yield* Captured.span("invoke_agent codex")
      const record = records.at(-1)
      assert.strictEqual(record?.severityNumber, 17)
      assert.strictEqual(record?.spanContext?.traceId, agent.traceId)
      assert.strictEqual(record?.spanContext?.spanId, agent.spanId)
      assert.strictEqual(record?.spanContext?.traceFlags, 1)
      assert.deepInclude(record?.attributes, {
        "error.type": "TurnFailed.RateLimited",
        "codex.error.class": "transient",
        "codex.error.retryable": true,
        "gen_ai.conversation.id": "thread_1",
        "codex.turn.id": "turn_1",
        "codex.originator": "sdk",
        "codex.source": "logged",
        "session.id": "thread_1"
      })
      assert.strictEqual(record?.resource.attributes["service.name"], "effect-codex")
      assert.include(String(record?.body), "[codex] turn exception duration_ms=0 result=failed")
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("applies the limits of log records", () =>
    Effect.gen(function* () {
      const { layer, records } = processor()
      yield* logged(layer)
      assert.isAtLeast(records.length, 5)
      for (const record of records) {
        const values = Object.values(record.attributes)
        assert.isAtMost(values.length, 3)
        for (const value of values) if (typeof value === "string") assert.isAtMost(value.length, 4)
      }
      assert.isTrue(records.some((record) => record.droppedAttributesCount > 0))
    }).pipe(
      Effect.provide(TestLayer),
      Effect.provideService(Settings.Environment, {
        OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT: "3",
        OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT: "4"
      })
    )
  )

  it.effect(
    "records the type of a cause, and its message and stack only when error content is captured",
    () =>
      Effect.gen(function* () {
        const { layer, records } = processor()
        yield* logged(layer)
        yield* logged(Layer.mergeAll(layer, ContentCapture.layer({ errors: true })))
        const [without, with_] = records.filter((record) => record.body === "it broke")
        assert.strictEqual(without?.attributes["error.type"], "_OTHER")
        assert.isUndefined(without?.attributes["exception.message"])
        assert.isUndefined(without?.attributes["exception.stacktrace"])
        assert.strictEqual(with_?.attributes["exception.message"], "not for everybody: T-42")
      }).pipe(Effect.provide(TestLayer))
  )

  it.live("closes in time whatever a processor does", () =>
    Effect.gen(function* () {
      let flushes = 0
      const hanging: LogRecordProcessor = {
        onEmit: () => {
          throw new Error("no")
        },
        forceFlush: () => (flushes++, new Promise(() => {})),
        shutdown: () => Promise.reject(new Error("no"))
      }
      const { exit, millis } = yield* advanceTimers(
        Effect.logInfo("x").pipe(
          Effect.provide(
            Layer.provide(Logging.layerRecordProcessor(Effect.succeed(hanging)), Logger.layer([]))
          )
        ),
        () => flushes > 0
      )
      assert.isTrue(Exit.isSuccess(exit))
      assert.isAtMost(millis, 1_500)
    })
  )
})
