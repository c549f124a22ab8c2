import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Approval from "../../src/Approval.ts"
import { Codex } from "../../src/Codex.ts"
import type * as Thread from "../../src/Thread.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { test, until } from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

const goals = { config: { "features.goals": true } } as const

const createGoal = M.reply(M.call("create_goal", { objective: "count" }), M.usage({ input: 10, output: 2 }))
const working = M.reply(M.delay("50 millis"), M.text("working"), M.usage({ input: 10, output: 2 }))

/** A model that sets itself a goal in its first turn and never reaches it. */
const endless = (_: M.RecordedRequest, index: number) => (index === 0 ? createGoal : working)

/** Fails if Codex requests the model or runs a process within two seconds. */
const staysQuiet = Effect.fnUntraced(function* (real: Effect.Success<ReturnType<typeof Real.make>>) {
  const before = (yield* real.server.requests).length
  yield* Effect.sleep("2 seconds")
  assert.strictEqual((yield* real.server.requests).length, before)
})

const terminals = (thread: Thread.Thread) =>
  Codex.use((codex) => codex.request("thread/backgroundTerminals/list", { threadId: thread.id }))

describe.concurrent("a turn that Codex starts itself", () => {
  test("does not happen by default, because goals are off", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(endless)
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        assert.strictEqual((yield* thread.run("go")).message, "working")
        yield* staysQuiet(real)
      }).pipe(Effect.provide(real.layer))
    }))

  test("counts against the budget of the thread, which ends it", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(endless)
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ ...goals, budget: { modelCalls: 5 } })
        yield* thread.run("go")
        yield* until(
          "the budget is used",
          Effect.map(thread.spent, (spent) => spent.modelCalls >= 5)
        )
        yield* Effect.sleep("200 millis")
        yield* staysQuiet(real)
        assert.isAtMost((yield* real.server.requests).length, 6)
        assert.isAtMost((yield* thread.spent).modelCalls, 6)
        assert.deepInclude(yield* Effect.flip(thread.run("more")), {
          _tag: "BudgetExceeded",
          scope: "thread"
        })
      }).pipe(Effect.provide(real.layer))
    }))

  test("ends with the scope of the thread, while the engine stays open", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(endless)
      yield* Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const thread = yield* real.start(goals)
            yield* thread.run("go")
            yield* until(
              "the goal continues",
              Effect.map(real.server.requests, (all) => all.length >= 4)
            )
          })
        )
        yield* staysQuiet(real)
      }).pipe(Effect.provide(real.layer))
    }))

  test("asks the policy of the thread", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const real = yield* Real.make((_, index) =>
        index === 2
          ? M.reply(M.shell("touch asked", { escalate: "look" }))
          : index === 4
            ? M.reply(M.call("update_goal", { status: "complete" }))
            : index === 0
              ? createGoal
              : working
      )
      const policy = Approval.layer((request) =>
        Effect.sync(() => {
          asked.push(request._tag === "Command" ? request.script : request._tag)
          return Approval.accept
        })
      )
      yield* Effect.gen(function* () {
        const thread = yield* real.start(goals)
        const turn = yield* thread.run("go")
        assert.isFalse(turn.sideEffects)
        yield* until("the command runs", real.exists("asked"))
        yield* until(
          "the goal is reached",
          Effect.map(real.server.requests, (all) => all.length >= 6)
        )
        yield* staysQuiet(real)
        assert.isAtLeast((yield* thread.spent).toolCalls, 1)
      }).pipe(Effect.provide(real.layer.pipe(Layer.provideMerge(policy))))
      assert.deepStrictEqual(asked, ["touch asked"])
    }))

  test("ends when the thread is interrupted, and lets the next turn run", () =>
    Effect.gen(function* () {
      const real = yield* Real.make((request, index) =>
        JSON.stringify(request.body["input"]).includes("what now")
          ? M.reply(M.text("nothing"))
          : index === 0
            ? createGoal
            : index < 3
              ? working
              : M.reply(M.never)
      )
      yield* Effect.gen(function* () {
        const thread = yield* real.start(goals)
        yield* thread.run("go")
        yield* until(
          "a turn of the goal waits for the model",
          Effect.map(real.server.requests, (all) => all.length >= 4)
        )
        yield* thread.interrupt
        yield* staysQuiet(real)
        assert.strictEqual((yield* thread.run("what now")).message, "nothing")
        yield* staysQuiet(real)
      }).pipe(Effect.provide(real.layer))
    }))
})

const spawn = M.item({
  type: "function_call",
  call_id: "spawn_1",
  namespace: "multi_agent_v1",
  name: "spawn_agent",
  arguments: JSON.stringify({ message: "look into it", agent_type: "worker" })
})

/** A turn that starts a sub-agent and does not wait for it. The sub-agent runs a command in each of its requests. */
const leavesAgent = (commands: number, cmd: string) => {
  let calls = 0
  return (request: M.RecordedRequest) => {
    const input = JSON.stringify(request.body["input"])
    if (input.includes("look into it") && !input.includes("spawn_agent"))
      return calls++ < commands
        ? M.reply(M.delay("100 millis"), M.shell(cmd), M.usage({ input: 5, output: 2 }))
        : M.reply(M.text("the agent is done"), M.usage({ input: 5, output: 2 }))
    return input.includes("spawn_1") ? M.reply(M.text("the turn is done")) : M.reply(spawn)
  }
}

describe.concurrent("a sub-agent that still works at the end of the turn", () => {
  const settings = { model: "gpt-5.1-codex", sandbox: "danger-full-access", approvalMode: "never" } as const

  test("ends with the turn, with its commands", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(leavesAgent(100, "sleep 1000"))
      yield* Effect.gen(function* () {
        const thread = yield* real.start(settings)
        const before = yield* real.processes
        const turn = yield* thread.run("please")
        assert.strictEqual(turn.message, "the turn is done")
        yield* staysQuiet(real)
        assert.deepInclude(yield* terminals(thread), { data: [] })
        assert.lengthOf(yield* real.processes, before.length)
      }).pipe(Effect.provide(real.layer))
    }))
})
