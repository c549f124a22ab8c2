import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Approval from "../../src/Approval.ts"
import * as InMemorySpans from "../../src/telemetry/tracer/InMemorySpans.ts"
import * as Tracer from "../../src/telemetry/tracer/Tracer.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { test, until } from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

const spawn = M.item({
  type: "function_call",
  call_id: "spawn_1",
  namespace: "multi_agent_v1",
  name: "spawn_agent",
  arguments: JSON.stringify({ message: "look into it", agent_type: "worker" })
})
const wait = (id: string) =>
  M.item({
    type: "function_call",
    call_id: "wait_1",
    namespace: "multi_agent_v1",
    name: "wait_agent",
    arguments: JSON.stringify({ targets: [id], timeout_ms: 20_000 })
  })

describe.concurrent("sub-agents of the real Codex", () => {
  test("work on their own threads; their turns emit events, need approval and are traced below the parent turn", () =>
    Effect.gen(function* () {
      const memory = yield* InMemorySpans.make
      const asked: Array<Approval.ApprovalRequest> = []
      let agent = ""
      const real = yield* Real.make((request) => {
        const input = JSON.stringify(request.body["input"])
        if (input.includes("look into it") && !input.includes("spawn_agent")) {
          return input.includes("function_call_output")
            ? M.reply(M.text("it is fine"), M.usage({ input: 7, output: 3 }))
            : M.reply(M.shell("echo of the agent"), M.usage({ input: 5, output: 2 }))
        }
        agent = /agent_id\\":\\"([0-9a-f-]+)/.exec(input)?.[1]?.replaceAll("\\", "") ?? agent
        if (input.includes("wait_1"))
          return M.reply(M.text("the agent says it is fine"), M.usage({ input: 11, output: 1 }))
        return input.includes("spawn_1") ? M.reply(wait(agent)) : M.reply(spawn)
      })
      const telemetry = Tracer.layerProcessor(Effect.succeed(memory.processor))
      const policy = Approval.layer((request) =>
        Effect.sync(() => {
          asked.push(request)
          return Approval.accept
        })
      )
      const events = yield* Effect.gen(function* () {
        const thread = yield* real.start({ model: "gpt-5.1-codex", approvalMode: "untrusted" })
        return [thread.id, yield* Stream.runCollect(thread.stream("please"))] as const
      }).pipe(
        Effect.scoped,
        Effect.provide(real.layer.pipe(Layer.provideMerge(policy), Layer.provideMerge(telemetry)))
      )
      const [threadId, all] = events
      const last = all.at(-1)
      if (last?._tag !== "TurnCompleted") throw new Error("the turn did not complete")
      assert.strictEqual(last.turn.message, "the agent says it is fine")
      const call = last.turn.items.find((item) => item._tag === "AgentCall")
      assert.deepInclude(call, { tool: "spawn_agent", status: "completed", prompt: "look into it" })

      const nested = all.flatMap((event) => (event._tag === "AgentEvent" ? [event] : []))
      assert.isTrue(nested.every((event) => event.threadId !== threadId && event.threadId === agent))
      const tags = nested.map(({ event }) => event._tag)
      for (const tag of [
        "TurnStarted",
        "ApprovalRequested",
        "ApprovalDecided",
        "ItemCompleted",
        "UsageUpdated"
      ] as const)
        assert.include(tags, tag)
      // Nothing of the agent's is taken for the turn's own.
      assert.isFalse(last.turn.items.some((item) => item._tag === "CommandExecution"))
      assert.deepStrictEqual(
        asked.map((request) => (request._tag === "Command" ? request.script : "")),
        ["echo of the agent"]
      )

      const spans = yield* memory.spans
      const named = (name: string) => spans.filter((span) => span.name === name)
      const turns = named("invoke_agent codex")
      const inner = turns.find((span) => span.attributes["gen_ai.conversation.id"] === agent)
      const outer = turns.find((span) => span.attributes["gen_ai.conversation.id"] === threadId)
      assert.lengthOf(turns, 2)
      const tool = named("execute_tool spawn_agent")[0]
      assert.strictEqual(inner?.parentSpanContext?.spanId, tool?.spanContext().spanId)
      assert.strictEqual(tool?.parentSpanContext?.spanId, outer?.spanContext().spanId)
      const command = named("execute_tool exec_command")[0]
      assert.strictEqual(command?.parentSpanContext?.spanId, inner?.spanContext().spanId)
      assert.strictEqual(command?.attributes["gen_ai.conversation.id"], agent)
      assert.strictEqual(inner?.spanContext().traceId, outer?.spanContext().traceId)
    }))

  test("end when the turn that started them is interrupted", () =>
    Effect.gen(function* () {
      const real = yield* Real.make((request) => {
        const input = JSON.stringify(request.body["input"])
        if (input.includes("look into it") && !input.includes("spawn_agent"))
          return M.reply(M.shell("sleep 1000"))
        return input.includes("spawn_1") ? M.reply(M.never) : M.reply(spawn)
      })
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ model: "gpt-5.1-codex", sandbox: "danger-full-access" })
        const before = yield* real.processes
        const started = yield* thread.stream("please").pipe(
          Stream.filter(
            (event) =>
              event._tag === "AgentEvent" &&
              event.event._tag === "ItemStarted" &&
              event.event.item._tag === "CommandExecution"
          ),
          Stream.runHead,
          Effect.forkScoped({ startImmediately: true })
        )
        // The stream is left when the agent's command has begun: that interrupts the turn.
        assert.isTrue(Option.isSome(yield* Fiber.join(started)), "the sub-agent runs a command")
        // Codex kills it, and the system takes its time.
        const gone = Effect.map(real.processes, (left) => left.length <= before.length)
        yield* until("the command is gone", gone)
      }).pipe(Effect.provide(real.layer))
    }))
})
