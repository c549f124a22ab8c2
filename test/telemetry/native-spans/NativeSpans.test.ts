import { assert, describe } from "@effect/vitest"
import { AlwaysOffSampler, type ReadableSpan } from "@opentelemetry/sdk-trace"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as CodexLaunch from "../../../src/internal/CodexLaunch.ts"
import * as Otlp from "../../../src/telemetry/Otlp.ts"
import * as Settings from "../../../src/telemetry/config/Settings.ts"
import * as Captured from "../../../src/testing/Captured.ts"
import * as M from "../../../src/testing/ModelServer.ts"
import * as Check from "../../../src/trace/Check.ts"
import * as OtlpDocument from "../../../src/trace/check/OtlpDocument.ts"
import * as Collector from "../../support/collector.ts"
import { test } from "../../support/live.ts"
import { idOf, millis, parentId, run, script, shape } from "./run.ts"

const pause = M.delay("50 millis")
const command = "sleep 0.2"
const done = M.reply(pause, M.text("done", { deltas: true }), M.usage({ input: 30, output: 3 }))

const named = (spans: ReadonlyArray<ReadableSpan>, name: string) => spans.filter((span) => span.name === name)
const isNative = ({ attributes }: ReadableSpan) => attributes["codex.native"] === true
const above = (spans: ReadonlyArray<ReadableSpan>, span: ReadableSpan | undefined) =>
  spans.find((other) => span !== undefined && idOf(other) === parentId(span))
const namesAbove = (
  spans: ReadonlyArray<ReadableSpan>,
  span: ReadableSpan | undefined
): ReadonlyArray<string> => {
  const parent = above(spans, span)
  return parent === undefined ? [] : [parent.name, ...namesAbove(spans, parent)]
}

/** One trace, one root, no orphan, nothing twice, not many, and the model server in the same trace. */
const assertWhole = (spans: ReadonlyArray<ReadableSpan>, requests: ReadonlyArray<M.RecordedRequest>) => {
  assert.deepInclude(shape(spans), { traces: 1, roots: 1, orphans: [], doubles: 0 })
  assert.isBelow(spans.length, 60)
  const traceId = spans[0]?.spanContext().traceId
  assert.isAbove(requests.length, 0)
  for (const { headers } of requests) assert.strictEqual(headers["traceparent"]?.split("-")[1], traceId)
  const findings = Check.checkTelemetry({ spans: spans.map(Captured.fromReadableSpan) })
  assert.deepStrictEqual(Check.lines(Check.filterByLevel(findings, "violation")), [])
}

/** Each request once, with Codex's times and its HTTP request inside, and no token counted anywhere else. */
const assertRequests = (spans: ReadonlyArray<ReadableSpan>, model: string, n: number) => {
  const chats = named(spans, `chat ${model}`)
  assert.strictEqual(chats.length, n)
  for (const chat of chats) {
    assert.strictEqual(chat.attributes["codex.chat.measured"], true)
    const inside = spans.filter((span) => parentId(span) === idOf(chat))
    assert.deepStrictEqual(
      inside.map(({ name }) => name),
      ["model_client.stream_responses_api"]
    )
    assert.strictEqual(millis(inside[0]?.startTime ?? [0, 0]), millis(chat.startTime))
    // The script waits before it answers, and again before it asks for anything more.
    assert.isAtLeast(millis(chat.endTime) - millis(chat.startTime), 45)
  }
  const tokens = spans.filter(({ attributes }) =>
    Object.keys(attributes).some((key) => key.includes("input_tokens"))
  )
  assert.deepStrictEqual(
    new Set(tokens.map(({ name }) => name)),
    new Set([`chat ${model}`, "invoke_agent codex"])
  )
}

describe("Codex's own spans in the trace of the library", () => {
  test("form one trace with a command, an approval and a tool", () =>
    Effect.gen(function* () {
      const { requests, spans, turn } = yield* run({
        script: [
          M.reply(pause, M.shell(command, { escalate: "I need it" }), M.usage({ input: 10, output: 1 })),
          M.reply(pause, M.call("lookup", { id: "1" }), M.usage({ input: 20, output: 2 })),
          done
        ]
      })
      assertWhole(spans, requests)
      assertRequests(spans, "gpt-5.5", 3)
      assert.deepInclude(turn.usage, { input: 60, output: 6 })
      assert.strictEqual(named(spans, "codex.approval").length, 1)
      const [tool] = named(spans, "exec_command")
      assert.deepStrictEqual(namesAbove(spans, tool), [
        "execute_tool exec_command",
        "invoke_agent codex",
        "caller"
      ])
      const [spawned] = named(spans, "codex.process.spawn")
      assert.include(namesAbove(spans, spawned), "exec_command")
      assert.strictEqual(above(spans, named(spans, "lookup")[0])?.name, "execute_tool lookup")
      assert.deepStrictEqual(namesAbove(spans, named(spans, "run_sampling_request")[0]), [
        "session_task.turn",
        "turn/start",
        "invoke_agent codex",
        "caller"
      ])
    }))

  test("form one trace with a script of the model that runs a command and calls a tool", () =>
    Effect.gen(function* () {
      const { requests, spans } = yield* run({
        model: "gpt-6-sol",
        script: [
          M.reply(
            pause,
            script(
              `const r = await tools.exec_command({cmd: "${command}"}); text(r.output); text(await tools.lookup({id: "1"}))`,
              "code"
            ),
            M.usage({ input: 10, output: 1 })
          ),
          done
        ]
      })
      assertWhole(spans, requests)
      assertRequests(spans, "gpt-6-sol", 2)
      const tools = spans.filter((span) => span.attributes["codex.native.tool_source"] === "code_mode")
      assert.deepStrictEqual(
        tools.map((span) => [span.name, above(spans, span)?.name]),
        [
          ["exec_command", "execute_tool exec_command"],
          ["lookup", "execute_tool lookup"]
        ]
      )
      const [spawned] = named(spans, "codex.process.spawn")
      assert.include(namesAbove(spans, spawned), "execute_tool exec_command")
    }))

  test("show a failed attempt and the next one as two requests with their own times", () =>
    Effect.gen(function* () {
      const { requests, spans } = yield* run({ script: [M.reply(pause, M.text("half"), M.cut), done] })
      assertWhole(spans, requests)
      assertRequests(spans, "gpt-5.5", 2)
      const [first, second] = named(spans, "chat gpt-5.5")
      assert.isTrue(first !== undefined && second !== undefined)
      // Codex waits at least 180 ms before it tries again: no part of a request.
      if (first !== undefined && second !== undefined)
        assert.isAtLeast(millis(second.startTime) - millis(first.endTime), 150)
    }))

  test("belong to their own turn when turns run concurrently on one Codex", () =>
    Effect.gen(function* () {
      const { spans } = yield* run({
        script: (request) =>
          request.toolOutputs.length > 0
            ? done
            : M.reply(pause, M.shell(command, { callId: "same" }), M.usage({ input: 10, output: 1 })),
        use: (thread, other) =>
          Effect.gen(function* () {
            const [turn] = yield* Effect.all(
              [thread.run("one").pipe(Effect.withSpan("one")), other.run("two").pipe(Effect.withSpan("two"))],
              { concurrency: "unbounded" }
            )
            return turn
          })
      })
      assert.deepInclude(shape(spans), { traces: 1, roots: 1, orphans: [], doubles: 0 })
      for (const name of ["one", "two"]) {
        const below = spans.filter((span) => namesAbove(spans, span).includes(name))
        assert.strictEqual(below.filter(({ name }) => name === "exec_command").length, 1, name)
        assert.strictEqual(below.filter(({ name }) => name === "session_task.turn").length, 1, name)
        assert.strictEqual(below.filter(({ name }) => name === "chat gpt-5.5").length, 2, name)
      }
    }))

  test("are not sent when the parent is unsampled", () =>
    Effect.gen(function* () {
      const { requests, spans } = yield* run({
        script: [done],
        sampler: new AlwaysOffSampler()
      })
      assert.deepStrictEqual(spans, [])
      assert.match(requests[0]?.headers["traceparent"] ?? "", /-00$/)
    }))
})

describe("Codex's own spans are not redirected", () => {
  test("if its configuration names an exporter, which is logged once", () =>
    Effect.gen(function* () {
      const theirs = yield* Collector.make
      const said: Array<string> = []
      const log = Logger.layer([Logger.make(({ message }) => void said.push(String(message)))])
      const { spans } = yield* run({
        script: [done, done],
        engine: {
          config: [
            `otel.trace_exporter={ otlp-http = { endpoint = "${theirs.url}/v1/traces", protocol = "json" } }`
          ]
        }
      }).pipe(Effect.provide(log))
      assert.deepStrictEqual(spans.filter(isNative), [])
      assert.include(
        (yield* theirs.spans).map(({ name }) => name),
        "session_task.turn"
      )
      assert.strictEqual(said.filter((line) => line.includes("trace exporter")).length, 1)
      assert.isTrue(
        named(spans, "chat gpt-5.5").every(
          ({ attributes }) => attributes["codex.chat.measured"] === undefined
        )
      )
    }))

  test("by default: no listener, no propagation and no span", () =>
    Effect.gen(function* () {
      const { requests, spans } = yield* run({ script: [done], telemetry: Layer.empty })
      assert.deepStrictEqual(spans.filter(isNative), [])
      assert.isUndefined(requests[0]?.headers["traceparent"])
    }))
})

describe("CODEX_OTEL_NATIVE_SPANS", () => {
  const environment = (more: Settings.Environment) => Layer.succeed(Settings.Environment, more)
  const asked = (more: Settings.Environment) =>
    Effect.map(CodexLaunch.Extra, (extra) => extra !== undefined).pipe(
      Effect.provide(Layer.fresh(Otlp.OtlpLayer).pipe(Layer.provide(environment(more)))),
      Effect.scoped
    )

  test("is a boolean, and applies only when traces are exported", () =>
    Effect.gen(function* () {
      const file = { CODEX_OTEL_ENABLED: "1", CODEX_OTEL_EXPORTER: "console" }
      assert.isTrue(yield* asked({ ...file, CODEX_OTEL_NATIVE_SPANS: "1" }))
      assert.isFalse(yield* asked(file))
      assert.isFalse(yield* asked({ ...file, CODEX_OTEL_NATIVE_SPANS: "0" }))
      assert.isFalse(yield* asked({ ...file, CODEX_OTEL_NATIVE_SPANS: "perhaps" }))
      assert.isFalse(yield* asked({ CODEX_OTEL_NATIVE_SPANS: "1" }))
      assert.isFalse(yield* asked({ ...file, CODEX_OTEL_NATIVE_SPANS: "1", OTEL_SDK_DISABLED: "true" }))
    }))

  test("all spans arrive at the collector before the program ends", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make
      yield* run({
        script: [M.reply(pause, M.shell(command)), done],
        telemetry: Layer.fresh(Otlp.OtlpLayer).pipe(
          Layer.provide(
            environment({
              OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
              CODEX_OTEL_NATIVE_SPANS: "1"
            })
          )
        )
      })
      const { emitted } = OtlpDocument.fromLines((yield* collector.bytes).split("\n"))
      const findings = Check.filterByLevel(Check.checkTelemetry(emitted), "violation")
      assert.deepStrictEqual(Check.lines(findings), [])
      const names = (yield* collector.spans).map(({ name }) => name)
      for (const name of ["invoke_agent codex", "session_task.turn", "exec_command", "codex.process.spawn"])
        assert.include(names, name)
      assert.strictEqual(names.filter((name) => name === "chat gpt-5.5").length, 2)
    }))
})
