import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { Approval, Codex } from "effect-codex"
import { Captured, Scripted, TestLayer } from "effect-codex/testing"

/** A program of a user, as it runs in production. */
const fixTicket = Effect.fn("fixTicket")(function* (id: string) {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ source: "tickets" })
  const turn = yield* thread.run(`Fix ticket ${id}`)
  return turn
}, Effect.scoped)

describe("TestLayer", () => {
  it.effect("runs a program under the test clock and captures its telemetry", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.prompt("Fix ticket T-42"),
        Scripted.delay("1 second"),
        Scripted.command("npm test", { exitCode: 1, takes: "2 seconds" }),
        Scripted.usage({ input: 100, output: 20 }),
        Scripted.message("Fixed.", { takes: "3 seconds" })
      ])
      const fiber = yield* Effect.forkChild(fixTicket("T-42"))
      yield* TestClock.adjust("10 seconds")
      const turn = yield* Fiber.join(fiber)
      assert.strictEqual(turn.message, "Fixed.")
      assert.deepStrictEqual(turn.time, {
        totalMillis: 6000,
        thinkingMillis: 4000,
        toolsMillis: 2000,
        approvalMillis: 0,
        overheadMillis: 0
      })
      assert.strictEqual(
        yield* Captured.tree,
        [
          "fixTicket",
          "  codex.thread.start",
          "  invoke_agent codex",
          "    chat scripted",
          "    execute_tool exec_command",
          "      npm",
          "    chat scripted"
        ].join("\n")
      )
      const command = yield* Captured.span("npm")
      assert.strictEqual(command.status, "error")
      assert.strictEqual(command.durationMillis, 2000)
      assert.strictEqual(command.attributes["process.exit.code"], 1)
      const root = yield* Captured.span("invoke_agent codex")
      assert.strictEqual(root.attributes["codex.originator"], "sdk")
      assert.strictEqual(root.attributes["codex.source"], "tickets")
      assert.strictEqual(root.attributes["gen_ai.usage.input_tokens"], 100)
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("grants nothing unless the policy of the program does", () =>
    Effect.gen(function* () {
      const ask = [Scripted.command("npm publish", { approval: true }), Scripted.completed]
      yield* Scripted.play([...ask, ...ask])
      const denied = yield* fixTicket("T-1")
      const allowed = yield* Effect.provide(fixTicket("T-1"), Approval.layer(Approval.allow))
      assert.deepStrictEqual(
        [denied, allowed].map((turn) => turn.items.map((item) => "status" in item && item.status)),
        [["declined"], ["completed"]]
      )
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("captures logs with their annotations, and the metrics of this test only", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.command("ls", { approval: true })])
      yield* Effect.provide(
        fixTicket("T-1"),
        Approval.layer((request) => Effect.as(Effect.logInfo(`asked for ${request._tag}`), Approval.accept))
      )
      const [log] = yield* Captured.logs
      assert.deepStrictEqual(log?.message, ["asked for Command"])
      assert.strictEqual(log?.annotations["gen_ai.conversation.id"], "thread_1")
      assert.strictEqual(log?.annotations["codex.turn.id"], "turn_1")
      assert.deepStrictEqual(yield* Captured.metric("gen_ai.invoke_agent.duration"), { count: 1, sum: 0 })
      assert.strictEqual(
        yield* Captured.metric("codex.approval.count", { "codex.approval.kind": "command" }),
        1
      )
      assert.isUndefined(yield* Captured.metric("codex.approval.count", { "codex.approval.kind": "tool" }))
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("fails a test that leaves steps of its script", () =>
    Effect.gen(function* () {
      const exit = yield* Scripted.play([Scripted.message("left over")]).pipe(
        Effect.provide(TestLayer),
        Effect.exit
      )
      assert.isTrue(Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("the script has 1 unused step"))
    })
  )
})
