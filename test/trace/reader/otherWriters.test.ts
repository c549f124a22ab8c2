/** The reader on files of other writers: the OpenTelemetry Collector, and the real Codex with its own exporter. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Approval from "../../../src/Approval.ts"
import * as File from "../../../src/telemetry/File.ts"
import * as M from "../../../src/testing/ModelServer.ts"
import type { TurnTrace } from "../../../src/trace/reader/TraceModel.ts"
import * as TraceReader from "../../../src/trace/reader/TraceReader.ts"
import * as Collector from "../../support/collector.ts"
import { test, until } from "../../support/live.ts"
import * as Real from "../../support/realEngine.ts"

const fixture = new URL("collector.jsonl", import.meta.url).pathname

const kindsOf = ({ spans }: TurnTrace) =>
  spans.map(({ depth, kind, name }) => `${"  ".repeat(depth)}${kind} ${name}`)

describe("a file of the OpenTelemetry Collector", () => {
  test("has its turns read, with ids in hex or base64, and its logs and metrics counted", () =>
    Effect.gen(function* () {
      const { read, report, turns } = yield* TraceReader.scan([fixture])
      assert.deepInclude(report, { lines: 4, spans: 6, records: 2, metricPoints: 3, bad: 0, badSpans: 1 })
      assert.strictEqual(turns.length, 2)
      const [first] = yield* read(["turn-1"])
      assert.deepInclude(first?.turn, {
        key: "turn-1",
        traceId: "5b8efff798038103d269b633813fc60c",
        service: "checkout",
        startUnixNano: "1544712660000000321",
        durationNanos: 4_000_000_000,
        status: "completed",
        tokens: { input: 1200, output: 34 },
        costUsd: 0.25,
        agents: 1
      })
      assert.deepStrictEqual(first === undefined ? [] : kindsOf(first), [
        "turn invoke_agent codex",
        "  tool execute_tool spawn_agent",
        "    agent invoke_agent codex",
        "      model chat gpt-5.5",
        "  other GET /tickets"
      ])
      assert.deepStrictEqual(
        first?.agents.map(({ key, parentKey }) => [key, parentKey]),
        [["turn-2", "turn-1"]]
      )
      assert.deepStrictEqual(first?.spans[1]?.attributes["app.context"], {
        tags: ["a", "b"],
        big: "9223372036854775807",
        small: -7,
        nested: { ok: true, raw: "AAEC", none: null },
        ratio: 0.5,
        infinite: "Infinity"
      })
      assert.deepStrictEqual(first?.spans[1]?.events, [
        { name: "progress", atNanos: 500_000_000, attributes: { step: 2 } }
      ])
    }))
})

describe("the real Codex", () => {
  test("has its own exporter's turns read, alone and beside the file of the library", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped({
        directory: "/var/tmp",
        prefix: "effect-codex-traces-"
      })
      const collector = yield* Collector.make
      const real = yield* Real.make(
        [
          M.reply(M.shell("sleep 0.2", { escalate: "I need it" }), M.usage({ input: 10, output: 1 })),
          M.reply(M.shell("echo 'Process exited with code 0' && exit 3"), M.usage({ input: 20, output: 2 })),
          M.reply(M.shell("touch file", { escalate: "I need it" }), M.usage({ input: 0, output: 0 })),
          M.reply(M.call("no_such_tool", {}), M.usage({ input: 0, output: 0 })),
          M.reply(M.text("done", { deltas: true }), M.usage({ input: 30, output: 3 }))
        ],
        {
          config: ["trace_exporter", "exporter"]
            .map(
              (key) =>
                `otel.${key} = { otlp-http = { endpoint = "${collector.url}/v1/${key}", protocol = "json" } }`
            )
            .join("\n")
        }
      )
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        yield* thread.run("go")
      }).pipe(
        Effect.provide(
          Approval.layer((request) =>
            Effect.succeed(
              request._tag === "Command" && request.script.includes("touch")
                ? Approval.decline("not now")
                : Approval.accept
            )
          )
        ),
        Effect.provide(
          Layer.provideMerge(real.layer, File.layer({ path: `${directory}/own.json`, signals: ["traces"] }))
        ),
        Effect.scoped
      )
      // Codex sends the span of the turn last, when it ends, and the records of its calls in requests of their own.
      yield* until(
        "the span of the turn and the records of its calls",
        Effect.map(
          collector.bytes,
          (text) => text.includes('"session_task.turn"') && text.split('"codex.tool_result"').length > 4
        )
      )
      const codex = `${directory}/codex.json`
      yield* fs.writeFileString(codex, `${yield* collector.bytes}\n`)

      const native = yield* TraceReader.scan([codex])
      assert.deepInclude(native.report, { bad: 0, badSpans: 0 })
      const [alone] = yield* native.read(native.turns.map(({ key }) => key))
      assert.deepInclude(alone?.turn, {
        recordedBy: "codex",
        service: "codex-app-server",
        model: "gpt-5.5",
        status: "completed",
        tokens: { input: 60, output: 6, cachedInput: 0, cacheWrite: 0, reasoning: 0 },
        modelCalls: { count: 5, failed: 0 },
        // A declined call has not failed.
        toolCalls: { count: 4, failed: 1 },
        commands: { count: 2, failed: 1 },
        errors: { CommandFailed: 1, ToolFailed: 1 }
      })
      assert.deepInclude(alone?.turn.approvals, { count: 2, declined: 1 })
      assert.deepStrictEqual(
        alone?.spans.flatMap(({ approvalKind, decidedBy, decision, executable, exitCode, kind, tool }) =>
          kind === "approval"
            ? [`${approvalKind} ${decision} by ${decidedBy}`]
            : kind === "command"
              ? [`${executable} exit ${exitCode}`]
              : kind === "model" || kind === "tool"
                ? [tool ?? kind]
                : []
        ),
        [
          "model",
          "exec_command",
          "command accept by user",
          "sleep exit 0",
          "model",
          "exec_command",
          "echo exit 3",
          "model",
          "exec_command",
          "command decline by user",
          "model",
          "no_such_tool",
          "model"
        ]
      )
      const approval = alone?.spans.find(({ kind }) => kind === "approval")
      assert.strictEqual(alone?.spans[approval?.parent ?? -1]?.tool, "exec_command")
      assert.strictEqual(alone?.turn.approvals.waitNanos, alone?.turn.time?.approvalNanos)
      const {
        approvalNanos = 0,
        overheadNanos = 0,
        thinkingNanos = 0,
        toolsNanos = 0
      } = alone?.turn.time ?? {}
      assert.strictEqual(
        approvalNanos + overheadNanos + thinkingNanos + toolsNanos,
        alone?.turn.durationNanos
      )
      // The command sleeps for 200 ms.
      assert.isAtLeast(toolsNanos, 200_000_000)

      // The records may be in another file than the spans, before or after it.
      const requests = (yield* collector.bytes).split(/^(?=\{$)/m)
      const isLogs = (request: string) => request.includes('"resourceLogs"')
      const logs = `${directory}/logs.json`
      const spans = `${directory}/spans.json`
      yield* fs.writeFileString(logs, requests.filter(isLogs).join(""))
      yield* fs.writeFileString(spans, requests.filter((request) => !isLogs(request)).join(""))
      for (const files of [
        [logs, spans],
        [spans, logs]
      ]) {
        const apart = yield* TraceReader.scan(files)
        assert.deepStrictEqual(yield* apart.read([alone?.turn.key ?? ""]), alone === undefined ? [] : [alone])
      }

      const both = yield* TraceReader.scan([codex, `${directory}/own.json`])
      assert.strictEqual(both.turns.length, 1)
      const [together] = yield* both.read(both.turns.map(({ key }) => key))
      assert.strictEqual(together?.turn.key, alone?.turn.key)
      assert.deepInclude(together?.turn, {
        recordedBy: "effect-codex",
        service: "effect-codex",
        modelCalls: { count: 5, failed: 0 },
        commands: { count: 2, failed: 1 },
        errors: { CommandFailed: 1 }
      })
      assert.strictEqual(together?.turn.approvals.count, 2)
      assert.deepStrictEqual(
        together?.spans.filter(({ depth, kind }) => kind !== "codex" && depth < 2).map(({ kind }) => kind),
        ["turn", "model", "tool", "model", "tool", "model", "tool", "model", "tool", "model"]
      )
      const kinds = (together?.spans ?? []).map(({ kind }) => kind)
      assert.isTrue(kinds.includes("codex"))
      assert.isFalse((together?.criticalPath ?? []).some(({ span }) => kinds[span] === "codex"))
    }))
})
