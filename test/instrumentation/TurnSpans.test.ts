import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import { Tool, Toolkit } from "effect/ai"
import { AppServer, Approval, Codex, Otlp } from "effect-codex"
import { ModelServer } from "effect-codex/testing"
import * as CodexHome from "../support/codexHome.ts"
import * as Collector from "../support/collector.ts"

const { call, patch, reasoning, reply, shell, text, usage } = ModelServer

const Secret = Tool.make("read_secret", {
  parameters: Schema.Struct({ id: Schema.String }),
  success: Schema.Struct({ value: Schema.String })
})
const Secrets = Toolkit.make(Secret)

interface Run {
  readonly script: ModelServer.Script
  readonly sandbox?: "read-only" | "workspace-write" | "danger-full-access"
  readonly policy?: Approval.Policy
  readonly prompt?: string
}

/** One turn of the real Codex whose spans go to a real collector over HTTP. */
const traced = Effect.fnUntraced(function* (options: Run) {
  const fs = yield* FileSystem.FileSystem
  const server = yield* ModelServer.make(options.script)
  const home = yield* CodexHome.make(server)
  const cwd = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-trace-" })
  const collector = yield* Collector.make
  const services = Codex.layer.pipe(
    Layer.provide(AppServer.layerOptions({ env: home })),
    Layer.provideMerge(Approval.layer(options.policy ?? Approval.deny)),
    Layer.provideMerge(Otlp.layer({ endpoint: collector.url }))
  )
  const turn = yield* Effect.gen(function* () {
    const codex = yield* Codex
    const thread = yield* codex.startThread({
      cwd,
      sandbox: options.sandbox ?? "workspace-write",
      approvalMode: "on-request",
      tools: yield* Secrets,
      source: "test"
    })
    return yield* thread.run(options.prompt ?? "go")
  }).pipe(
    Effect.scoped,
    Effect.withSpan("the program"),
    Effect.provide(
      Layer.merge(
        services,
        Secrets.toLayer({ read_secret: () => Effect.succeed({ value: "canary-result" }) })
      )
    )
  )
  return { turn, spans: yield* collector.spans, bytes: yield* collector.bytes, cwd }
})

const live = (name: string, test: () => Effect.Effect<void, unknown, NodeServices.NodeServices>) =>
  it.live(name, () => test().pipe(Effect.provide(NodeServices.layer)))

describe("the trace of a real turn, at a real collector", () => {
  live(
    "is one tree: the turn, its model requests, its tool, the approval and the command with its exit code",
    () =>
      Effect.gen(function* () {
        const { spans, turn } = yield* traced({
          script: [
            reply(
              shell("exit 3", { escalate: "to see", callId: "call_1" }),
              usage({ input: 100, output: 10 })
            ),
            reply(
              text("done", { deltas: true }),
              usage({ input: 120, cachedInput: 100, output: 5, reasoning: 2 })
            )
          ],
          policy: Approval.allow
        })
        assert.deepStrictEqual(new Set(spans.map((span) => span.traceId)).size, 1)
        const ids = new Set(spans.map((span) => span.spanId))
        assert.deepStrictEqual(
          spans.filter((span) => !ids.has(span.parentSpanId ?? "")).map((span) => span.name),
          ["the program"]
        )
        const nameOf = (id: string | undefined) => spans.find((span) => span.spanId === id)?.name
        assert.deepStrictEqual(
          spans.toSorted((a, b) => a.start - b.start).map((span) => [span.name, nameOf(span.parentSpanId)]),
          [
            ["the program", undefined],
            ["codex.engine.start", "the program"],
            ["codex.thread.start", "the program"],
            ["invoke_agent codex", "the program"],
            ["chat gpt-5.5", "invoke_agent codex"],
            ["execute_tool exec_command", "invoke_agent codex"],
            ["codex.approval", "execute_tool exec_command"],
            ["exit", "execute_tool exec_command"],
            ["chat gpt-5.5", "invoke_agent codex"]
          ]
        )
        const command = spans.find((span) => span.name === "exit")
        assert.deepInclude(command?.attributes, { "process.exit.code": 3, "error.type": "CommandFailed" })
        assert.isTrue(command?.error)
        const agent = spans.find((span) => span.name === "invoke_agent codex")
        assert.isFalse(agent?.error)
        assert.deepInclude(agent?.attributes, {
          "gen_ai.conversation.id": turn.threadId,
          "session.id": turn.threadId,
          "codex.turn.id": turn.id,
          "codex.turn.status": "completed",
          "codex.turn.model_calls": 2,
          "codex.turn.tool_calls": 1,
          "codex.source": "test",
          "gen_ai.usage.input_tokens": 220,
          "gen_ai.usage.output_tokens": 15
        })
        const [first, second] = spans
          .filter((span) => span.name === "chat gpt-5.5")
          .toSorted((a, b) => a.start - b.start)
        assert.deepInclude(first?.attributes, {
          "gen_ai.usage.input_tokens": 100,
          "gen_ai.response.id": "resp_1"
        })
        assert.deepInclude(second?.attributes, {
          "gen_ai.usage.cache_read.input_tokens": 100,
          "gen_ai.usage.reasoning.output_tokens": 2
        })
        assert.isAbove(Number(second?.attributes["gen_ai.response.time_to_first_chunk"]), 0)
        const approval = spans.find((span) => span.name === "codex.approval")
        assert.deepInclude(approval?.attributes, {
          "codex.approval.kind": "command",
          "codex.approval.decision": "accept",
          "codex.approval.policy": "allow",
          "codex.turn.id": turn.id
        })
        for (const span of spans.filter((span) => span.name !== "the program")) {
          assert.strictEqual(span.attributes["codex.originator"], "sdk", span.name)
          assert.isAtLeast(span.end, span.start, span.name)
        }
      }).pipe(Effect.scoped)
  )

  // Each waits for a real command, so they wait together.
  describe.concurrent("the trace of a command that sleeps", () => {
    for (const sandbox of ["read-only", "workspace-write", "danger-full-access"] as const) {
      live(`gives a command all of its time, and no model request any of it (${sandbox})`, () =>
        Effect.gen(function* () {
          const { spans, turn } = yield* traced({
            sandbox,
            script: [reply(shell("sleep 2")), reply(text("done"))]
          })
          const command = spans.find((span) => span.name === "sleep")
          assert.isDefined(command)
          assert.isAtLeast(turn.time.toolsMillis, 1900)
          assert.isAtLeast(command.end - command.start, 1900)
          for (const chat of spans.filter((span) => span.name.startsWith("chat"))) {
            assert.isTrue(
              chat.end <= command.start || chat.start >= command.end,
              "a model request overlaps the command"
            )
          }
          const { approvalMillis, overheadMillis, thinkingMillis, toolsMillis, totalMillis } = turn.time
          assert.approximately(
            approvalMillis + overheadMillis + thinkingMillis + toolsMillis,
            totalMillis,
            1e-6
          )
        }).pipe(Effect.scoped)
      )
    }
  })

  live("has no word of content in it", () =>
    Effect.gen(function* () {
      const path = yield* Path.Path
      const { bytes, cwd, turn } = yield* traced({
        prompt: "canary-prompt",
        script: [
          reply(
            reasoning("canary-reasoning"),
            shell("echo canary-output > canary-file; cat canary-file; exit 1"),
            call("read_secret", { id: "canary-argument" }),
            call("canary tool name!", {}),
            patch("*** Begin Patch\n*** Add File: canary-patched.txt\n+canary-patch\n*** End Patch"),
            shell("touch /canary-path", { escalate: "canary-reason" })
          ),
          reply(text("canary-message", { deltas: true }))
        ]
      })
      assert.include(JSON.stringify(turn), "canary-message")
      assert.include(bytes, "read_secret")
      assert.notInclude(bytes, "canary")
      assert.notInclude(bytes, path.basename(cwd))
    }).pipe(Effect.scoped)
  )
})
