import { assert, describe, it } from "@effect/vitest"
import {
  InMemoryMetricExporter,
  AggregationTemporality,
  MetricReader,
  PeriodicExportingMetricReader
} from "@opentelemetry/sdk-metrics"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as TestClock from "effect/testing/TestClock"
import {
  Approval,
  Codex,
  CodexError,
  Metrics,
  type Telemetry,
  Tracer,
  Turn,
  type ThreadOptions
} from "effect-codex"
import { Captured, Scripted, TestLayer } from "effect-codex/testing"
import * as Convention from "../../../src/semconv/Convention.ts"
import * as EmitSignal from "../../../src/instrumentation/EmitSignal.ts"
import * as TurnSignals from "../../../src/instrumentation/TurnSignals.ts"
import * as DiffStats from "../../../src/instrumentation/DiffStats.ts"
import * as Instruments from "../../../src/semconv/Instruments.ts"
import * as SelfMetrics from "../../../src/telemetry/delivery/SelfMetrics.ts"
import * as Revision from "../../../src/semconv/Revision.ts"
import * as Settings from "../../../src/telemetry/config/Settings.ts"
import * as TurnMetrics from "../../../src/instrumentation/TurnMetrics.ts"
import * as TurnTelemetry from "../../../src/instrumentation/TurnTelemetry.ts"
import * as Redaction from "../../../src/redaction/Redaction.ts"
import * as M from "../../../src/testing/ModelServer.ts"
import { test } from "../../support/live.ts"
import * as Real from "../../support/realEngine.ts"
import { advanceTimers } from "../../support/fakeTimers.ts"

const Lookup = Tool.make("lookup_ticket", {
  parameters: Schema.Struct({ id: Schema.String }),
  success: Schema.Struct({ title: Schema.String }),
  failure: Schema.Struct({ reason: Schema.String })
})
const Tickets = Toolkit.make(Lookup)
const tickets = Tickets.toLayer({
  lookup_ticket: ({ id }) =>
    id === "T-1"
      ? Effect.as(Effect.sleep("250 millis"), { title: "one" })
      : Effect.fail({ reason: `no ticket ${id}` })
})

/** A turn that plays the script, as long as it takes. */
const play = Effect.fnUntraced(function* (
  script: ReadonlyArray<Scripted.ScriptedStep>,
  options: ThreadOptions = {},
  turn: Turn.TurnOptions = {}
) {
  yield* Scripted.play(script)
  const codex = yield* Codex
  const run = Effect.gen(function* () {
    const thread = yield* codex.startThread({ ...options, tools: yield* Tickets })
    return yield* thread.run("go", turn)
  }).pipe(Effect.scoped, Effect.provide(tickets))
  const fiber = yield* Effect.forkChild(Effect.exit(run))
  // Second by second: a clock that runs ahead of the turn would let it run into its timeout.
  while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
  return yield* Fiber.join(fiber)
})

/** Decides after a while. */
const after =
  (duration: Duration.Input, decision: Approval.ApprovalDecision): Approval.Policy =>
  () =>
    Effect.as(Effect.sleep(duration), decision)

const provided = <A, E>(effect: Effect.Effect<A, E, Codex | Scripted.Scripted | Captured.Captured>) =>
  Effect.provide(effect, TestLayer)

const { metric } = Captured

const delta = (text: string) => Scripted.event({ _tag: "MessageDelta", itemId: "msg", delta: text })

const chat = {
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "scripted",
  "gen_ai.request.model": "gpt-5.5",
  "codex.originator": "sdk"
}

const sum = (found: Captured.CapturedMetric | undefined) => (typeof found === "object" ? found.sum : NaN)

/** A turn with two model requests, a command, changed files, two tool calls of which one fails, and an approval. */
const busyTurn = Effect.gen(function* () {
  const diff = "--- a\n+++ a\n+one\n+two\n-three\n"
  const exit = yield* play(
    [
      Scripted.delay("1500 millis"),
      Scripted.command("npm test", { approval: true, exitCode: 1, takes: "2 seconds" }),
      Scripted.usage({ input: 100, cachedInput: 60, output: 20, reasoning: 5 }),
      Scripted.fileChange(
        [
          { path: "a", kind: "update", diff },
          { path: "b", kind: "add", diff: "+four\n" },
          { path: "c", kind: "update", diff: "" }
        ],
        { takes: "500 millis" }
      ),
      Scripted.toolCall("lookup_ticket", { id: "T-1" }),
      Scripted.toolCall("lookup_ticket", { id: "T-2" }),
      Scripted.delay("400 millis"),
      delta("All"),
      Scripted.delay("0.25 millis"),
      delta(" is"),
      Scripted.delay("100 millis"),
      delta(" well"),
      Scripted.message("All is well"),
      Scripted.usage({ input: 1000, cacheWrite: 7, output: 2 })
    ],
    { model: "gpt-5.5", sandbox: "workspace-write" }
  ).pipe(Effect.provide(Approval.layer(after("3 seconds", Approval.acceptForSession))))
  assert.isTrue(Exit.isSuccess(exit))
})

describe("the metrics of a turn", () => {
  it.effect("contain every duration in seconds and every count", () =>
    Effect.gen(function* () {
      yield* busyTurn
      const total = 1.5 + 3 + 2 + 0.5 + 0.25 + 0.4 + 0.00025 + 0.1
      const agent = { "gen_ai.agent.name": "codex", "codex.originator": "sdk" }
      const turns = yield* metric("gen_ai.invoke_agent.duration", agent)
      assert.approximately(sum(turns), total, 1e-9)
      assert.deepStrictEqual(yield* metric("gen_ai.invoke_agent.tool_calls", agent), { count: 1, sum: 4 })
      // One before the command, one after each of the four tools: without exact bounds they are inferred.
      assert.deepStrictEqual(yield* metric("gen_ai.invoke_agent.inference_calls", agent), {
        count: 1,
        sum: 5
      })

      const spent = (component: string) =>
        Effect.map(metric("codex.turn.component.duration", { "codex.turn.component": component }), sum)
      assert.approximately(yield* spent("thinking"), 1.5 + 0.4 + 0.00025 + 0.1, 1e-9)
      assert.approximately(yield* spent("tools"), 2 + 0.5 + 0.25, 1e-9)
      assert.approximately(yield* spent("approval"), 3, 1e-9)
      assert.approximately(yield* spent("overhead"), 0, 1e-9)
    }).pipe(provided)
  )

  it.effect("measure each model request: duration, first chunk and gaps between chunks", () =>
    Effect.gen(function* () {
      yield* busyTurn
      const requests = yield* metric("gen_ai.client.inference.duration", chat)
      assert.approximately(sum(requests), 1.5 + 0.4 + 0.00025 + 0.1, 1e-9)
      assert.approximately(sum(yield* metric("gen_ai.client.inference.time_to_first_chunk", chat)), 0.4, 1e-9)
      const gaps = yield* metric("gen_ai.client.inference.time_per_output_chunk", chat)
      assert.deepInclude(gaps, { count: 2 })
      assert.approximately(sum(gaps), 0.10025, 1e-9)
    }).pipe(provided)
  )

  it.effect("count tokens in total and for each request", () =>
    Effect.gen(function* () {
      yield* busyTurn
      const tokens = { ...chat, "gen_ai.token.modality": "unknown" }
      const used = (kind: string) => metric(`gen_ai.client.inference.usage.${kind}`, tokens)
      assert.strictEqual(yield* used("input_tokens"), 1100)
      assert.strictEqual(yield* used("output_tokens"), 22)
      assert.strictEqual(yield* used("cache_read.input_tokens"), 60)
      assert.strictEqual(yield* used("cache_write.input_tokens"), 7)
      assert.strictEqual(yield* used("reasoning.output_tokens"), 5)
      const perRequest = (kind: string) => metric(`gen_ai.client.inference.operation.${kind}`, chat)
      assert.deepStrictEqual(yield* perRequest("input_tokens"), { count: 2, sum: 1100 })
      assert.deepStrictEqual(yield* perRequest("output_tokens"), { count: 2, sum: 22 })
    }).pipe(provided)
  )

  it.effect("measure tools by name and error", () =>
    Effect.gen(function* () {
      yield* busyTurn
      const tool = (name: string, more = {}) =>
        metric("gen_ai.execute_tool.duration", {
          "gen_ai.operation.name": "execute_tool",
          "gen_ai.tool.name": name,
          "gen_ai.tool.type": "function",
          ...more
        })
      assert.deepStrictEqual(yield* tool("exec_command"), { count: 1, sum: 5 })
      assert.deepStrictEqual(yield* tool("apply_patch"), { count: 1, sum: 0.5 })
      assert.deepStrictEqual(yield* tool("lookup_ticket"), { count: 2, sum: 0.25 })
      assert.deepStrictEqual(yield* tool("lookup_ticket", { "error.type": "ToolFailed" }), {
        count: 1,
        sum: 0
      })
    }).pipe(provided)
  )

  it.effect("measure and count approvals", () =>
    Effect.gen(function* () {
      yield* busyTurn
      const asked = {
        "codex.approval.kind": "command",
        "codex.approval.decision": "acceptForSession",
        "codex.approval.source": "policy"
      }
      assert.deepStrictEqual(yield* metric("codex.approval.duration", asked), { count: 1, sum: 3 })
      assert.strictEqual(yield* metric("codex.approval.count", asked), 1)
    }).pipe(provided)
  )

  it.effect("count commands, changed lines and file operations", () =>
    Effect.gen(function* () {
      yield* busyTurn
      assert.strictEqual(
        yield* metric("codex.command.count", {
          "codex.command.success": "false",
          "codex.sandbox": "workspace-write"
        }),
        1
      )
      assert.strictEqual(yield* metric("codex.file_change.lines", { "codex.file_change.type": "added" }), 3)
      assert.strictEqual(yield* metric("codex.file_change.lines", { "codex.file_change.type": "removed" }), 1)
      assert.strictEqual(yield* metric("codex.file.operations", { "codex.file.operation": "update" }), 2)
      assert.strictEqual(yield* metric("codex.file.operations", { "codex.file.operation": "add" }), 1)
      assert.isUndefined(yield* metric("codex.errors"))
    }).pipe(provided)
  )

  it.effect("keep durations far below a millisecond", () =>
    Effect.gen(function* () {
      yield* play([Scripted.delay("0.02 millis"), Scripted.message("done")])
      const found = yield* metric("gen_ai.invoke_agent.duration")
      assert.approximately(typeof found === "object" ? found.sum : 0, 0.00002, 1e-12)
    }).pipe(provided)
  )

  it.effect("count each failed attempt by error and status, and no turn error when the turn recovers", () =>
    Effect.gen(function* () {
      yield* play([
        Scripted.delay("1 second"),
        Scripted.event({ _tag: "Retrying", errorType: "TurnFailed.ServerError", status: 503 }),
        Scripted.delay("2 seconds"),
        Scripted.event({ _tag: "Retrying", errorType: "TurnFailed.Disconnected" }),
        Scripted.delay("4 seconds"),
        Scripted.message("done")
      ])
      const duration = "gen_ai.client.inference.duration"
      assert.deepStrictEqual(
        yield* metric(duration, {
          "error.type": "TurnFailed.ServerError",
          "http.response.status_code": "503"
        }),
        { count: 1, sum: 1 }
      )
      assert.deepStrictEqual(yield* metric(duration, { "error.type": "TurnFailed.Disconnected" }), {
        count: 1,
        sum: 2
      })
      assert.deepStrictEqual(yield* metric(duration), { count: 3, sum: 7 })
      assert.isUndefined(yield* metric("codex.errors"))
      assert.isUndefined(
        yield* metric("gen_ai.invoke_agent.duration", { "error.type": "TurnFailed.ServerError" })
      )
    }).pipe(provided)
  )

  it.effect("count a command as failed by its exit code only", () =>
    Effect.gen(function* () {
      const item = {
        _tag: "CommandExecution",
        id: "c",
        command: "false",
        cwd: "/",
        operations: []
      } as const
      const ended = (status: "completed" | "failed", exitCode: number) => [
        Scripted.event({ _tag: "ItemStarted", item: { ...item, status: "inProgress" } }),
        Scripted.event({ _tag: "ItemCompleted", item: { ...item, status, exitCode } })
      ]
      yield* play([...ended("completed", 3), Scripted.message("done")])
      assert.strictEqual(yield* metric("codex.command.count", { "codex.command.success": "false" }), 1)
      const span = yield* Captured.span("false")
      assert.deepStrictEqual([span.status, span.attributes["error.type"]], ["error", "CommandFailed"])
      yield* play([...ended("failed", 0), Scripted.message("done")])
      assert.strictEqual(yield* metric("codex.command.count", { "codex.command.success": "true" }), 1)
    }).pipe(provided)
  )

  it.effect("count a failed turn once by type and class, and what it did before", () =>
    Effect.gen(function* () {
      const exit = yield* play([
        Scripted.command("ls", { takes: "1 second" }),
        Scripted.delay("2 seconds"),
        Scripted.failed(new CodexError.TurnFailed({ reason: "RateLimited", detail: "canary", status: 429 }))
      ])
      assert.isTrue(Exit.isFailure(exit))
      const failed = { "error.type": "TurnFailed.RateLimited" }
      assert.strictEqual(yield* metric("codex.errors", { ...failed, "codex.error.class": "transient" }), 1)
      assert.deepStrictEqual(yield* metric("gen_ai.invoke_agent.duration", failed), { count: 1, sum: 3 })
      assert.deepStrictEqual(
        yield* metric("gen_ai.client.inference.duration", { ...failed, "http.response.status_code": "429" }),
        { count: 1, sum: 2 }
      )
      assert.strictEqual(yield* metric("codex.command.count", { "codex.command.success": "true" }), 1)
      assert.deepStrictEqual(yield* metric("codex.turn.component.duration"), { count: 4, sum: 3 })
    }).pipe(provided)
  )

  it.effect("name the model of a response only when the request succeeds", () =>
    Effect.gen(function* () {
      const failure = new CodexError.TurnFailed({ reason: "RateLimited", detail: "canary" })
      yield* play([Scripted.delay("1 second"), Scripted.failed(failure)], { model: "gpt-5.5" })
      yield* play([Scripted.delay("2 seconds"), Scripted.message("done")], { model: "gpt-5.5" })
      const requests = (yield* Captured.metrics).filter(({ id }) => id === "gen_ai.client.inference.duration")
      assert.sameDeepMembers(
        requests.map(({ attributes }) => [attributes?.["error.type"], attributes?.["gen_ai.response.model"]]),
        [
          ["TurnFailed.RateLimited", undefined],
          [undefined, "gpt-5.5"]
        ]
      )
    }).pipe(provided)
  )

  it.effect("count a turn that timed out, and do not count its last request as a success", () =>
    Effect.gen(function* () {
      yield* play([Scripted.silence], {}, { timeout: "5 seconds" })
      assert.strictEqual(
        yield* metric("codex.errors", { "error.type": "TurnTimedOut", "codex.error.class": "timeout" }),
        1
      )
      assert.deepStrictEqual(
        yield* metric("gen_ai.client.inference.duration", { "error.type": "TurnTimedOut" }),
        { count: 1, sum: 5 }
      )
    }).pipe(provided)
  )

  it.effect("count a declined approval as a decision, and nothing that it prevented", () =>
    Effect.gen(function* () {
      yield* play([
        Scripted.command("rm -rf /", { approval: true }),
        Scripted.fileChange([{ path: "a", kind: "delete", diff: "-one\n" }], { approval: true }),
        Scripted.message("all right")
      ])
      const no = { "codex.approval.decision": "decline", "codex.approval.source": "default" }
      assert.strictEqual(
        yield* metric("codex.approval.count", { ...no, "codex.approval.kind": "command" }),
        1
      )
      assert.strictEqual(
        yield* metric("codex.approval.count", { ...no, "codex.approval.kind": "file_change" }),
        1
      )
      assert.deepStrictEqual(yield* metric("gen_ai.invoke_agent.tool_calls"), { count: 1, sum: 2 })
      for (const name of ["command.count", "file_change.lines", "file.operations", "errors"]) {
        assert.isUndefined(yield* metric(`codex.${name}`), name)
      }
    }).pipe(provided)
  )

  it.effect("do not count a cancellation as an error", () =>
    Effect.gen(function* () {
      const exit = yield* play([Scripted.command("rm -rf /", { approval: true })]).pipe(
        Effect.provide(Approval.layer(after("1 second", Approval.cancel)))
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(yield* metric("codex.approval.count", { "codex.approval.decision": "cancel" }), 1)
      assert.deepStrictEqual(yield* metric("codex.approval.duration"), { count: 1, sum: 1 })
      assert.deepStrictEqual(yield* metric("gen_ai.invoke_agent.duration"), { count: 1, sum: 1 })
      assert.isUndefined(yield* metric("gen_ai.invoke_agent.duration", { "error.type": "TurnInterrupted" }))
      assert.isUndefined(yield* metric("codex.errors"))
    }).pipe(provided)
  )

  it.effect("count a question that is unanswered when its turn ends", () =>
    Effect.gen(function* () {
      yield* play([Scripted.command("ls", { approval: true })], {}, { timeout: "90 seconds" }).pipe(
        Effect.provide(Approval.layer(() => Effect.never))
      )
      const unanswered = { "codex.approval.decision": "decline", "codex.approval.source": "default" }
      assert.strictEqual(yield* metric("codex.approval.count", unanswered), 1)
      assert.deepStrictEqual(yield* metric("codex.approval.duration", unanswered), { count: 1, sum: 90 })
      assert.isUndefined(yield* metric("codex.command.count"))
      assert.deepStrictEqual(
        yield* metric("codex.turn.component.duration", { "codex.turn.component": "approval" }),
        { count: 1, sum: 90 }
      )
    }).pipe(provided)
  )

  it.effect("count an interrupted or abandoned turn with what it did", () =>
    Effect.gen(function* () {
      const codex = yield* Codex
      yield* Scripted.play([Scripted.command("sleep 100", { takes: "100 seconds" }), Scripted.completed])
      yield* Scripted.play([delta("a"), Scripted.delay("1 second"), delta("b"), Scripted.silence])
      const run = Effect.gen(function* () {
        const thread = yield* codex.startThread()
        const fiber = yield* Effect.forkChild(thread.run("go"))
        yield* TestClock.adjust("7 seconds")
        yield* Fiber.interrupt(fiber)
        const left = yield* Effect.forkChild(
          thread.stream("go").pipe(
            Stream.filter((event) => event._tag === "MessageDelta"),
            Stream.take(2),
            Stream.runDrain
          )
        )
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(left)
      }).pipe(Effect.scoped)
      yield* run
      assert.deepStrictEqual(yield* metric("gen_ai.invoke_agent.duration"), { count: 2, sum: 8 })
      assert.strictEqual(yield* metric("codex.command.count", { "codex.command.success": "false" }), 1)
      assert.deepStrictEqual(yield* metric("gen_ai.execute_tool.duration"), { count: 1, sum: 7 })
      assert.deepStrictEqual(yield* metric("gen_ai.client.inference.time_per_output_chunk"), {
        count: 1,
        sum: 1
      })
      assert.isUndefined(yield* metric("codex.errors"))
    }).pipe(provided)
  )

  it.effect(
    "have files by kind on the call that dealt with them, with their size where it is known, and no path",
    () =>
      Effect.gen(function* () {
        yield* play([
          Scripted.fileChange([
            { path: "/srv/new.ts", kind: "add", diff: "one\ntwo\nthree é\n" },
            { path: "/srv/old.ts", kind: "delete", diff: "gone" },
            { path: "/srv/a.ts", kind: "update", diff: "@@ -1,2 +1,1 @@\n-x\n-y\n+z\n" }
          ]),
          Scripted.message("done")
        ])
        const span = yield* Captured.span("execute_tool apply_patch")
        const of = (operation: string, sizes: Readonly<Record<string, number>>) => ({
          name: "codex.file.operation",
          attributes: { "codex.file.operation": operation, ...sizes }
        })
        const lines = (added: number, removed: number) => ({
          "codex.file.lines_added": added,
          "codex.file.lines_removed": removed
        })
        assert.deepStrictEqual(span.events, [
          of("add", { "codex.file.bytes": 17, ...lines(3, 0) }),
          of("delete", { "codex.file.bytes": 4, ...lines(0, 1) }),
          of("update", lines(1, 2))
        ])
        assert.deepInclude(span.attributes, {
          "codex.file.operations": ["add", "delete", "update"],
          "codex.file.bytes": 21,
          ...lines(4, 3)
        })
        assert.strictEqual(yield* metric("codex.file.operations", { "codex.file.operation": "add" }), 1)
        assert.strictEqual(yield* metric("codex.file_change.lines", { "codex.file_change.type": "added" }), 4)
        assert.notInclude(JSON.stringify(yield* Captured.spans), "/srv/")
      }).pipe(provided)
  )

  it.effect("count what a command reads, lists and searches even when it finds nothing", () =>
    Effect.gen(function* () {
      const item = { _tag: "CommandExecution", id: "call_1", command: "grep x a b", cwd: "/" } as const
      yield* play([
        Scripted.event({ _tag: "ItemStarted", item: { ...item, status: "inProgress", operations: [] } }),
        Scripted.event({
          _tag: "ItemCompleted",
          item: { ...item, status: "failed", exitCode: 1, operations: ["search", "read", "read"] }
        })
      ])
      const operations = (kind: string) => metric("codex.file.operations", { "codex.file.operation": kind })
      assert.deepStrictEqual([yield* operations("search"), yield* operations("read")], [1, 2])
      assert.isUndefined(yield* operations("list"))
      const span = yield* Captured.span("execute_tool exec_command")
      assert.deepStrictEqual(span.attributes["codex.file.operations"], ["search", "read"])
    }).pipe(provided)
  )
})

describe("metrics", () => {
  it.effect("are recorded whether or not spans are sampled or disabled", () =>
    Effect.gen(function* () {
      const script = [Scripted.message("done", { takes: "1 second" }), Scripted.completed]
      yield* play(script)
      yield* Effect.withTracerEnabled(play(script), false)
      yield* Effect.provide(play(script), Layer.fresh(Tracer.layer)).pipe(
        Effect.provideService(Tracer.Sampler, {
          shouldSample: () => ({ decision: 0 }),
          toString: () => "never"
        })
      )
      assert.deepStrictEqual(yield* metric("gen_ai.invoke_agent.duration"), { count: 3, sum: 3 })
      assert.strictEqual(
        (yield* Captured.spans).filter(({ name }) => name.startsWith("invoke_agent")).length,
        1
      )
    }).pipe(provided)
  )

  it.effect("are not recorded without a metrics exporter", () =>
    Effect.gen(function* () {
      const registry: Context.Service.Shape<typeof Metric.MetricRegistry> = new Map()
      yield* play([Scripted.command("ls"), Scripted.message("done")]).pipe(
        Effect.provide(Codex.layer.pipe(Layer.provideMerge(Scripted.layer))),
        Effect.provideService(Metric.MetricRegistry, registry)
      )
      assert.strictEqual(registry.size, 0)
    })
  )

  it.effect("are recorded once when several layers use them", () =>
    Effect.gen(function* () {
      // `TestLayer`, around it, has it too.
      yield* Effect.provide(play([Scripted.message("done")]), Layer.merge(Metrics.layer, Metrics.layer))
      assert.deepStrictEqual(yield* metric("gen_ai.invoke_agent.duration"), { count: 1, sum: 0 })
    }).pipe(provided)
  )

  it.effect("use only the v1.41 names when these are requested, on spans too", () =>
    Effect.gen(function* () {
      const script = [
        Scripted.delay("1 second"),
        delta("a"),
        delta("b"),
        Scripted.usage({ input: 100, cachedInput: 60, cacheWrite: 9, output: 20 }),
        Scripted.completed
      ]
      yield* Effect.provideService(play(script), Settings.Environment, { CODEX_OTEL_SEMCONV: "1.41" })
      const tokens = (type: string) => metric("gen_ai.client.token.usage", { "gen_ai.token.type": type })
      assert.deepStrictEqual(yield* tokens("input"), { count: 1, sum: 100 })
      assert.deepStrictEqual(yield* tokens("output"), { count: 1, sum: 20 })
      for (const name of ["duration", "time_to_first_chunk", "time_per_output_chunk"]) {
        assert.deepInclude(yield* metric(`gen_ai.client.operation.${name}`), { count: 1 }, name)
      }
      const names = (yield* Captured.metrics).map(({ id }) => id)
      assert.isEmpty(names.filter((name) => name.startsWith("gen_ai.client.inference")))
      assert.include(names, "gen_ai.invoke_agent.duration")
      const span = yield* Captured.span("chat scripted")
      assert.strictEqual(span.attributes["gen_ai.usage.cache_creation.input_tokens"], 9)
      assert.notProperty(span.attributes, "gen_ai.usage.cache_write.input_tokens")
      // Code wins over the environment.
      yield* play(script).pipe(
        Effect.provideService(Settings.Environment, { CODEX_OTEL_SEMCONV: "1.41" }),
        Effect.provideService(Revision.Revision, "latest")
      )
      assert.strictEqual(yield* metric("gen_ai.client.inference.usage.cache_write.input_tokens"), 9)
    }).pipe(provided)
  )

  it("take the revision from the environment, and warn about unknown values", () => {
    const read = (value: string) => Revision.fromEnvironment({ CODEX_OTEL_SEMCONV: value })
    for (const value of ["1.41", "v1.41", "1.41.0"])
      assert.deepStrictEqual(read(value), { revision: "1.41", warnings: [] })
    for (const value of ["", "latest", "LATEST"])
      assert.deepStrictEqual(read(value), { revision: "latest", warnings: [] })
    const odd = read("1.410-canary")
    assert.strictEqual(odd.revision, "latest")
    assert.match(odd.warnings.join(), /CODEX_OTEL_SEMCONV.*latest nor 1.41/)
    assert.notInclude(odd.warnings.join(), "canary")
    const optIn = { OTEL_SEMCONV_STABILITY_OPT_IN: "http,gen_ai_latest_experimental" }
    assert.deepStrictEqual(Revision.fromEnvironment(optIn), { revision: "latest", warnings: [] })
    assert.strictEqual(Revision.fromEnvironment({ ...optIn, CODEX_OTEL_SEMCONV: "1.41" }).revision, "1.41")
  })

  it.effect("carry the originator always and the team only when it is set", () =>
    Effect.gen(function* () {
      const script = [Scripted.command("ls"), Scripted.completed]
      yield* play(script)
      yield* play(script).pipe(Effect.provideService(Metrics.Team, "payments"))
      yield* play(script).pipe(Effect.provideService(TurnTelemetry.Originator, "cli"))
      assert.strictEqual(yield* metric("codex.command.count", { "codex.team": "payments" }), 1)
      assert.strictEqual(yield* metric("codex.command.count", { "codex.originator": "cli" }), 1)
      const plain = (yield* Captured.metrics).filter(
        ({ attributes }) => attributes?.["codex.team"] === undefined
      )
      assert.isNotEmpty(plain)
      for (const { attributes, id } of yield* Captured.metrics) {
        assert.oneOf(attributes?.["codex.originator"], ["sdk", "cli"], id)
      }
    }).pipe(provided)
  )

  it.effect("stay few whatever tool names a model invents", () =>
    Effect.gen(function* () {
      const calls = Array.from({ length: 400 }, (_, n) => {
        const item = {
          _tag: "McpToolCall",
          id: `c${n}`,
          server: "s",
          tool: `tool_${n}`,
          arguments: {}
        } as const
        return [
          Scripted.event({ _tag: "ItemStarted", item: { ...item, status: "inProgress" } }),
          Scripted.event({ _tag: "ItemCompleted", item: { ...item, status: "completed" } })
        ]
      })
      yield* play(calls.flat())
      const tools = (yield* Captured.metrics).filter(({ id }) => id === "gen_ai.execute_tool.duration")
      assert.strictEqual(tools.length, 101)
      assert.deepStrictEqual(
        yield* metric("gen_ai.execute_tool.duration", { "gen_ai.tool.name": "_OTHER" }),
        { count: 300, sum: 0 }
      )
    }).pipe(provided)
  )

  it.effect("add up the queue of the teams beyond the limit", () =>
    Effect.gen(function* () {
      yield* EmitSignal.emit({
        _tag: "QueueUpdate",
        at: 0,
        counts: Array.from({ length: 150 }, (_, n) => ({
          status: "submitted",
          team: `team_${n}`,
          count: 2,
          oldestMillis: n * 1000
        }))
      })
      const others = { "codex.team": "_OTHER" }
      assert.strictEqual(yield* metric("codex.durable.turns", others), 100)
      assert.strictEqual(yield* metric("codex.durable.queue.age", others), 149)
      assert.strictEqual(yield* metric("codex.durable.turns", { "codex.team": "team_7" }), 2)
    }).pipe(provided)
  )

  it.effect("stay few and short whatever names of models and providers there are", () =>
    Effect.gen(function* () {
      const listener = TurnMetrics.make()
      const context = yield* Effect.context()
      const stop = (model: string, provider: string) =>
        listener(
          {
            signal: {
              _tag: "ModelStop",
              startedAt: 0,
              at: 1,
              durationMillis: 1,
              timeToFirstTokenMillis: undefined,
              chunkGapsMillis: [],
              responseId: undefined,
              finishReason: undefined,
              usage: undefined,
              end: { _tag: "Ok" }
            },
            threadId: undefined,
            turnId: undefined,
            model,
            provider,
            sandbox: undefined,
            attributes: {},
            span: undefined
          },
          context
        )
      stop("x".repeat(128), "y".repeat(129))
      for (let n = 0; n < 200; n++) stop("m", `provider ${n}`)
      const found = (yield* Captured.metrics).filter(({ id }) => id === "gen_ai.client.inference.duration")
      const values = (label: string) => new Set(found.map(({ attributes }) => attributes?.[label]))
      assert.deepStrictEqual(values("gen_ai.request.model"), new Set(["x".repeat(128), "m"]))
      assert.strictEqual(values("gen_ai.provider.name").size, 101)
      assert.isFalse(values("gen_ai.provider.name").has("y".repeat(129)))
      assert.isTrue(values("gen_ai.provider.name").has("_OTHER"))
    }).pipe(provided)
  )

  it.effect("count the telemetry's own exports and losses", () =>
    Effect.gen(function* () {
      const self = yield* SelfMetrics.make
      self.exported("traces", 5)
      self.exported("traces", 2)
      self.dropped("logs", "queue_full", 3)
      self.spooled("traces", 4)
      self.queue("traces", 9)
      self.queue("traces", 1)
      const of = (signal: string) => ({ "codex.telemetry.signal": signal, "codex.originator": "sdk" })
      assert.strictEqual(yield* metric("codex.telemetry.exported", of("traces")), 7)
      assert.strictEqual(
        yield* metric("codex.telemetry.dropped", { ...of("logs"), "codex.telemetry.reason": "queue_full" }),
        3
      )
      assert.strictEqual(yield* metric("codex.telemetry.spooled", of("traces")), 4)
      assert.strictEqual(yield* metric("codex.telemetry.queue", of("traces")), 1)
    }).pipe(provided)
  )

  it("have the buckets and units of the convention, and unique names", () => {
    const by = (name: string) => Instruments.all.find((one) => one.name === name)
    assert.deepStrictEqual(
      by("gen_ai.client.inference.duration")?.boundaries,
      [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
    )
    assert.deepStrictEqual(by("gen_ai.invoke_agent.duration")?.boundaries.at(0), 0.1)
    assert.deepStrictEqual(by("gen_ai.invoke_agent.duration")?.boundaries.at(-1), 409.6)
    assert.deepStrictEqual(by("gen_ai.client.inference.operation.input_tokens")?.boundaries.at(-1), 67108864)
    assert.deepStrictEqual(by("gen_ai.invoke_agent.tool_calls")?.boundaries, [1, 2, 4, 8, 16, 32, 64, 128])
    for (const { kind, name, unit } of Instruments.all) {
      if (name.endsWith("duration") || name.includes(".time_"))
        assert.deepStrictEqual([kind, unit], ["histogram", "s"])
    }
    const names = Instruments.all.map(({ name }) => name)
    assert.strictEqual(new Set(names).size, names.length)
    assert.includeMembers(names, Object.values(Convention.metric))
  })
})

describe("measurements", () => {
  it("count the lines of a diff, or of the content of an added or deleted file", () => {
    const lines = (kind: "add" | "update" | "delete", diff: string) => {
      const { added, removed } = DiffStats.ofChange({ path: "a", kind, diff })
      return [added, removed]
    }
    assert.deepStrictEqual(lines("add", "one\n+two\n\n"), [3, 0])
    assert.deepStrictEqual(lines("add", "no line break at the end"), [1, 0])
    assert.deepStrictEqual(lines("delete", "one\ntwo\n"), [0, 2])
    assert.deepStrictEqual(lines("add", ""), [0, 0])
    assert.deepStrictEqual(lines("add", "--- /dev/null\n+++ b/a\n@@ -0,0 +1,2 @@\n+one\n+two\n"), [2, 0])
    assert.deepStrictEqual(
      lines("update", "--- a\n+++ b\n@@ -1,2 +1 @@\n--- SQL comment\n-x\n++++ y\n"),
      [1, 2]
    )
  })

  it("keep the gaps between output chunks in order, up to a limit", () => {
    let gaps: TurnSignals.ChunkGaps | undefined
    for (let n = 0; n < TurnSignals.maxChunkGaps + 5; n++) gaps = TurnSignals.addChunkGap(gaps, n)
    const all = TurnSignals.chunkGapsToArray(gaps)
    assert.deepStrictEqual(
      [all.length, all[0], all.at(-1)],
      [TurnSignals.maxChunkGaps, 0, TurnSignals.maxChunkGaps - 1]
    )
    assert.deepStrictEqual(TurnSignals.chunkGapsToArray(undefined), [])
  })
})

const Happening = Schema.Literals([
  "command",
  "failed command",
  "approved",
  "declined",
  "patch",
  "tool",
  "usage",
  "retry",
  "deltas",
  "wait",
  "message"
])

const stepsOf = (happening: typeof Happening.Type): ReadonlyArray<Scripted.ScriptedStep> => {
  switch (happening) {
    case "command":
      return [Scripted.command("canary-command", { takes: "1 second", output: "canary-output" })]
    case "failed command":
      return [Scripted.command("canary-command", { exitCode: 2 })]
    case "approved":
      return [Scripted.command("yes canary-command", { approval: true, reason: "canary-reason" })]
    case "declined":
      return [Scripted.command("no canary-command", { approval: true })]
    case "patch":
      return [Scripted.fileChange([{ path: "canary-path", kind: "add", diff: "+canary-diff" }])]
    case "tool":
      return [Scripted.toolCall("lookup_ticket", { id: "canary-argument" })]
    case "usage":
      return [Scripted.usage({ input: 10, output: 1 })]
    case "retry":
      return [Scripted.event({ _tag: "Retrying", errorType: "TurnFailed.Overloaded", status: 529 })]
    case "deltas":
      return [delta("canary-a"), Scripted.delay("10 millis"), delta("canary-b")]
    case "wait":
      return [Scripted.delay("2 seconds")]
    case "message":
      return [Scripted.message("canary-message", { takes: "1 second" })]
  }
}

const ending = {
  completed: Scripted.completed,
  failed: Scripted.failed(new CodexError.TurnFailed({ reason: "Other", detail: "canary-detail" })),
  interrupted: Scripted.interrupted,
  silence: Scripted.silence
}

const labels: ReadonlySet<string> = new Set([
  "codex.originator",
  "gen_ai.operation.name",
  "gen_ai.provider.name",
  "gen_ai.request.model",
  "gen_ai.response.model",
  "gen_ai.agent.name",
  "gen_ai.tool.name",
  "gen_ai.tool.type",
  "gen_ai.token.modality",
  "error.type",
  "http.response.status_code",
  "codex.error.class",
  "codex.turn.component",
  "codex.approval.kind",
  "codex.approval.decision",
  "codex.approval.source",
  "codex.command.success",
  "codex.sandbox",
  "codex.file_change.type",
  "codex.file.operation"
])

describe("metrics of arbitrary turns", () => {
  it.effect.prop(
    "add up, carry no id and no content, and only labels that are few",
    [
      Schema.Array(
        Schema.Struct({
          does: Schema.Array(Happening).check(Schema.isMaxLength(8)),
          ends: Schema.Literals(["completed", "failed", "interrupted", "silence"])
        })
      ).check(Schema.isMinLength(1), Schema.isMaxLength(4))
    ],
    ([turns]) =>
      Effect.gen(function* () {
        const policy: Approval.Policy = (request) =>
          Effect.as(
            Effect.sleep("1 second"),
            request._tag === "Command" && request.command.startsWith("yes")
              ? Approval.accept
              : Approval.decline("no")
          )
        for (const { does, ends } of turns) {
          const script = [...does.flatMap(stepsOf), ending[ends]]
          yield* play(script, {}, { timeout: "5 minutes" }).pipe(Effect.provide(Approval.layer(policy)))
        }
        const happened = turns.flatMap(({ does }) => does)
        const count = (...which: ReadonlyArray<string>) =>
          happened.filter((one) => which.includes(one)).length
        const expected = (n: number) => (n === 0 ? undefined : n)
        const agent = yield* metric("gen_ai.invoke_agent.duration")
        const parts = yield* metric("codex.turn.component.duration")
        assert.isTrue(typeof agent === "object" && typeof parts === "object")
        if (typeof agent === "object" && typeof parts === "object") {
          assert.strictEqual(agent.count, turns.length)
          assert.strictEqual(parts.count, 4 * turns.length)
          assert.approximately(parts.sum, agent.sum, 1e-6)
        }
        const failed = turns.filter(({ ends }) => ends === "failed" || ends === "silence").length
        assert.strictEqual(yield* metric("codex.errors"), expected(failed))
        const commands = (success: boolean) =>
          metric("codex.command.count", { "codex.command.success": String(success) })
        assert.strictEqual(yield* commands(true), expected(count("command", "approved")))
        assert.strictEqual(yield* commands(false), expected(count("failed command")))
        assert.strictEqual(yield* metric("codex.approval.count"), expected(count("approved", "declined")))
        assert.strictEqual(
          yield* metric("gen_ai.client.inference.usage.input_tokens"),
          expected(10 * count("usage"))
        )
        const retried = yield* metric("gen_ai.client.inference.duration", {
          "error.type": "TurnFailed.Overloaded"
        })
        assert.strictEqual(typeof retried === "object" ? retried.count : undefined, expected(count("retry")))

        for (const { attributes = {}, id } of yield* Captured.metrics) {
          assert.strictEqual(attributes["codex.originator"], "sdk")
          for (const [key, value] of Object.entries(attributes)) {
            assert.isTrue(labels.has(key), `${id} has ${key}`)
            assert.notMatch(value, /canary|(thread|turn|call|msg)_\d/, `${id} has ${key}=${value}`)
          }
        }
      }).pipe(provided),
    { arbitrary: { runs: 60 } }
  )
})

/** A reader that collects once at shutdown, and then ends as given. */
class Reader extends MetricReader {
  readonly then: () => Promise<void>
  shutdowns = 0
  constructor(then: () => Promise<void>) {
    super()
    this.then = then
  }
  protected override onForceFlush() {
    return Promise.resolve()
  }
  protected override onShutdown() {
    this.shutdowns++
    return this.then()
  }
}

const oneTurn = Effect.gen(function* () {
  yield* Scripted.play([
    Scripted.event({ _tag: "Retrying", errorType: "TurnFailed.ServerError", status: 503 }),
    Scripted.command("ls", { exitCode: 1 }),
    Scripted.usage({ input: 5, output: 1 }),
    Scripted.completed
  ])
  const codex = yield* Codex
  const thread = yield* codex.startThread()
  return yield* thread.run("go")
}).pipe(Effect.scoped)

/** As a program runs in production: what it needs, the exporter, and a registry of its own. */
const inProduction = <A, E>(
  program: Effect.Effect<A, E, Codex | Scripted.Scripted>,
  exporter: Layer.Layer<Telemetry.SignalBus>
) =>
  Effect.suspend(() =>
    program.pipe(
      Effect.provide(Codex.layer.pipe(Layer.provideMerge(Scripted.layer), Layer.provideMerge(exporter))),
      Effect.provideService(Settings.Environment, {}),
      Effect.provideService(Tracer.Resource, { "service.name": "shop" }),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  )

describe("a metric reader", () => {
  test("receives the last values at the end, with units, our scope and the program's own metrics", () =>
    Effect.gen(function* () {
      const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
      const exported = exporter.getMetrics.bind(exporter)
      let last = exported()
      // Its own shutdown forgets what it got.
      exporter.shutdown = () => Promise.resolve(void (last = [...exported()]))
      yield* inProduction(
        Effect.andThen(oneTurn, Metric.update(Metric.counter("shop.orders"), 2)),
        Metrics.layerReader(
          Effect.sync(() => new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 }))
        )
      )
      const [{ resource, scopeMetrics } = assert.fail("nothing was exported"), ...more] = last
      assert.isEmpty(more)
      assert.strictEqual(resource.attributes["service.name"], "shop")
      assert.deepStrictEqual(
        scopeMetrics.map(({ scope }) => scope.name),
        ["effect-codex", "effect"]
      )
      const [ours = [], theirs = []] = scopeMetrics.map(({ metrics }) => metrics)
      assert.deepStrictEqual(
        theirs.map(({ descriptor }) => descriptor.name),
        ["shop.orders"]
      )
      for (const { dataPoints, descriptor } of ours) {
        const declared = Instruments.all.find(({ name }) => name === descriptor.name)
        assert.deepStrictEqual(
          [descriptor.unit, descriptor.description],
          [declared?.unit, declared?.description],
          descriptor.name
        )
        for (const { attributes } of dataPoints) assert.notProperty(attributes, "unit")
      }
      const duration = ours.find(({ descriptor }) => descriptor.name === "gen_ai.client.inference.duration")
      assert.strictEqual(duration?.descriptor.unit, "s")
      assert.deepStrictEqual(
        duration?.dataPoints
          .map(({ attributes }) => attributes["http.response.status_code"])
          .filter((code) => code),
        [503]
      )
    }))

  for (const [what, then] of [
    ["rejects", () => Promise.reject(new Error("no"))],
    [
      "throws",
      () => {
        throw new Error("no")
      }
    ],
    ["never ends", () => new Promise<void>(() => {})]
  ] as const) {
    test(`that ${what} at the end changes no result, and holds it for 1.5 s at most`, () =>
      Effect.gen(function* () {
        const reader = new Reader(then)
        const { exit, millis } = yield* advanceTimers(
          inProduction(oneTurn, Metrics.layerReader(Effect.succeed(reader))),
          () => reader.shutdowns > 0
        )
        assert.strictEqual(Exit.isSuccess(exit) ? exit.value.toolCalls : undefined, 1)
        assert.strictEqual(reader.shutdowns, 1)
        assert.strictEqual(millis, what === "never ends" ? 1_500 : 0)
      }))
  }

  /** Collects the number of commands, with its temporality. */
  const commandCounts = (reader: Reader) =>
    Effect.map(
      Effect.promise(() => reader.collect()),
      ({ resourceMetrics }) =>
        resourceMetrics.scopeMetrics
          .flatMap(({ metrics }) => metrics)
          .filter(({ descriptor }) => descriptor.name === "codex.command.count")
          .flatMap(({ aggregationTemporality, dataPoints }) =>
            dataPoints.map(({ value }) => [aggregationTemporality, value])
          )
    )

  test("collects cumulative values by default", () =>
    Effect.gen(function* () {
      const reader = new Reader(() => Promise.resolve())
      yield* inProduction(
        Effect.gen(function* () {
          for (let turn = 1; turn <= 2; turn++) {
            yield* oneTurn
            assert.deepStrictEqual(yield* commandCounts(reader), [[AggregationTemporality.CUMULATIVE, turn]])
          }
        }),
        Metrics.layerReader(Effect.succeed(reader))
      )
    }))

  test("receives one of the series that redaction makes equal, whatever the order of their labels", () =>
    Effect.gen(function* () {
      const reader = new Reader(() => Promise.resolve())
      const orders = Metric.counter("shop.orders")
      const series = yield* inProduction(
        Effect.gen(function* () {
          yield* Metric.update(Metric.withAttributes(orders, { customer: "CUST-11111111", shop: "a" }), 1)
          yield* Metric.update(Metric.withAttributes(orders, { shop: "a", customer: "CUST-22222222" }), 1)
          const { resourceMetrics } = yield* Effect.promise(() => reader.collect())
          return resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
            metrics.flatMap(({ dataPoints }) => dataPoints.map(({ attributes }) => attributes))
          )
        }),
        Metrics.layerReader(Effect.succeed(reader)).pipe(
          Layer.provideMerge(Redaction.layer({ rules: [/CUST-\d{8}/] }))
        )
      )
      assert.deepStrictEqual(series, [{ customer: Redaction.mask, shop: "a" }])
    }))

  test("can collect delta values", () =>
    Effect.gen(function* () {
      const reader = new Reader(() => Promise.resolve())
      yield* inProduction(
        Effect.gen(function* () {
          for (let turn = 0; turn < 2; turn++) {
            yield* oneTurn
            assert.deepStrictEqual(yield* commandCounts(reader), [[AggregationTemporality.DELTA, 1]])
          }
        }),
        Metrics.layerReader(Effect.succeed(reader), { temporality: "delta" })
      )
    }))
})

describe("the metrics of a turn with the real Codex", () => {
  test("agree with the turn and its spans", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(
          M.shell("echo hi; exit 3", { callId: "c1", escalate: "to see" }),
          M.call("lookup_ticket", { id: "T-2" }, { callId: "t1" }),
          M.usage({ input: 100, cachedInput: 40, output: 10, reasoning: 4 })
        ),
        M.reply(
          M.patch("*** Begin Patch\n*** Add File: a.txt\n+one\n+two\n*** End Patch", { callId: "p1" }),
          M.usage({ input: 150, output: 20 })
        ),
        M.reply(M.text("All is well today.", { deltas: true }), M.usage({ input: 200, output: 5 }))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ tools: yield* Tickets })
        const turn = yield* thread.run("go")
        const used = (kind: string) => metric(`gen_ai.client.inference.usage.${kind}`)
        assert.strictEqual(yield* used("input_tokens"), turn.usage.input)
        assert.strictEqual(yield* used("output_tokens"), turn.usage.output)
        assert.strictEqual(yield* used("cache_read.input_tokens"), 40)
        assert.strictEqual(yield* used("reasoning.output_tokens"), 4)
        const requests = yield* metric("gen_ai.client.inference.duration")
        const spans = (yield* Captured.spans).filter(({ name }) => name.startsWith("chat"))
        assert.isTrue(typeof requests === "object" && requests.count === 3)
        if (typeof requests === "object") {
          assert.approximately(
            requests.sum,
            spans.reduce((sum, span) => sum + span.durationMillis, 0) / 1000,
            1e-5
          )
        }
        assert.deepInclude(yield* metric("gen_ai.client.inference.time_to_first_chunk"), { count: 1 })
        const gaps = yield* metric("gen_ai.client.inference.time_per_output_chunk")
        assert.isTrue(typeof gaps === "object" && gaps.count >= 1)
        const agent = yield* metric("gen_ai.invoke_agent.duration")
        assert.isTrue(typeof agent === "object" && Math.abs(agent.sum * 1000 - turn.time.totalMillis) < 50)
        const failed = { "codex.command.success": "false", "codex.sandbox": "workspace-write" }
        assert.strictEqual(yield* metric("codex.command.count", failed), 1)
        assert.strictEqual(yield* metric("codex.file.operations", { "codex.file.operation": "add" }), 1)
        assert.strictEqual(yield* metric("codex.file_change.lines", { "codex.file_change.type": "added" }), 2)
        assert.strictEqual(yield* metric("codex.approval.count", { "codex.approval.decision": "accept" }), 1)
        assert.deepInclude(
          yield* metric("gen_ai.execute_tool.duration", {
            "gen_ai.tool.name": "lookup_ticket",
            "error.type": "ToolFailed"
          }),
          { count: 1 }
        )
      }).pipe(
        Effect.provide(
          Layer.mergeAll(
            tickets,
            Approval.layer(Approval.allow),
            Layer.provideMerge(real.layer, Captured.layer)
          )
        )
      )
    }))
})
