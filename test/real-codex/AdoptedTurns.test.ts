import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Approval from "../../src/Approval.ts"
import { Codex } from "../../src/Codex.ts"
import type * as ThreadEvent from "../../src/domain/ThreadEvent.ts"
import type * as Thread from "../../src/Thread.ts"
import * as InMemorySpans from "../../src/telemetry/tracer/InMemorySpans.ts"
import * as Tracer from "../../src/telemetry/tracer/Tracer.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { test, until } from "../support/live.ts"
import { staysQuiet } from "../support/quiet.ts"
import * as Real from "../support/realEngine.ts"

const inConfig = { config: { "features.goals": true } } as const

const createGoal = M.reply(M.call("create_goal", { objective: "count" }), M.usage({ input: 10, output: 2 }))
const working = M.reply(M.delay("50 millis"), M.text("working"), M.usage({ input: 10, output: 2 }))

/** A model that sets itself a goal in its first turn and never reaches it. */
const endless = (_: M.RecordedRequest, index: number) => (index === 0 ? createGoal : working)

const terminals = (thread: Thread.Thread) =>
  Codex.use((codex) => codex.request("thread/backgroundTerminals/list", { threadId: thread.id }))

describe.concurrent("a turn that Codex starts itself", () => {
  test("does not happen by default, because goals are off", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(endless)
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        assert.strictEqual((yield* thread.run("go")).message, "working")
        yield* staysQuiet(real, thread.id)
      }).pipe(Effect.provide(real.layer))
    }))

  test("counts against the budget of the thread, which ends it", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(endless)
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ ...inConfig, budget: { modelCalls: 5 } })
        yield* thread.run("go")
        yield* until(
          "the budget is used",
          Effect.map(thread.spent, (spent) => spent.modelCalls >= 5)
        )
        yield* Effect.sleep("200 millis")
        yield* staysQuiet(real, thread.id)
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
        const id = yield* Effect.scoped(
          Effect.gen(function* () {
            const thread = yield* real.start(inConfig)
            yield* thread.run("go")
            yield* until(
              "the goal continues",
              Effect.map(real.server.requests, (all) => all.length >= 4)
            )
            return thread.id
          })
        )
        yield* staysQuiet(real, id)
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
        const thread = yield* real.start(inConfig)
        yield* thread.run("go")
        yield* until("the command runs", real.exists("asked"))
        yield* until(
          "the goal is reached",
          Effect.map(real.server.requests, (all) => all.length >= 6)
        )
        yield* staysQuiet(real, thread.id)
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
        const thread = yield* real.start(inConfig)
        yield* thread.run("go")
        yield* until(
          "a turn of the goal waits for the model",
          Effect.map(real.server.requests, (all) => all.length >= 4)
        )
        yield* thread.interrupt
        yield* staysQuiet(real, thread.id)
        assert.strictEqual((yield* thread.run("what now")).message, "nothing")
        yield* staysQuiet(real, thread.id)
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

/** A model that reaches its goal in the given request. */
const reaches = (last: number) => (_: M.RecordedRequest, index: number) =>
  index === last ? M.reply(M.call("update_goal", { status: "complete" })) : working

describe.concurrent("a goal", () => {
  test("runs until it is reached, with its turns, usage, events and spans", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(reaches(3))
      const memory = yield* InMemorySpans.make
      const telemetry = Tracer.layerProcessor(Effect.succeed(memory.processor))
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ goals: true })
        // Codex stores a thread with its first turn.
        yield* thread.run("first")
        const other = yield* real.resume(thread.id, { goals: true })
        const events: Array<ThreadEvent.ThreadEvent> = []
        yield* Effect.forkScoped(
          Stream.runForEach(other.activity, (event) => Effect.sync(() => events.push(event))),
          { startImmediately: true }
        )
        const result = yield* thread.runGoal({ objective: "count to three" })
        assert.strictEqual(result.status, "complete")
        assert.deepStrictEqual(
          result.turns.map(({ modelCalls }) => modelCalls),
          [1, 1, 2]
        )
        assert.deepInclude(result.usage, { input: 30, output: 6 })
        assert.deepInclude(yield* thread.spent, { modelCalls: 5, tokens: 48 })
        // The other handle observes and counts the same turns since it was opened.
        assert.deepInclude(yield* other.spent, { modelCalls: 4, tokens: 36 })
        yield* staysQuiet(real, thread.id)
        const ends = events.flatMap((event) => (event._tag === "TurnEnded" ? [event] : []))
        assert.deepStrictEqual(
          ends.map(({ requested, turn }) => [requested, turn.id]),
          result.turns.map(({ id }) => [false, id])
        )
        const goals = events.flatMap((event) => (event._tag === "GoalUpdated" ? [event.goal.status] : []))
        assert.deepStrictEqual([goals[0], goals.at(-1)], ["active", "complete"])
        assert.include(
          events.map((event) => (event._tag === "TurnProgress" ? event.event._tag : "")),
          "ItemCompleted"
        )
      }).pipe(Effect.scoped, Effect.provide(real.layer.pipe(Layer.provideMerge(telemetry))))
      const spans = (yield* memory.spans).filter(({ name }) => name === "invoke_agent codex")
      assert.deepStrictEqual(
        spans.map(({ attributes, links }) => [attributes["codex.turn.trigger"], links.length]),
        [
          [undefined, 0],
          ["codex", 1],
          ["codex", 1],
          ["codex", 1]
        ]
      )
    }))

  test("makes a turn wait for its end, and does not take the turn's input", () =>
    Effect.gen(function* () {
      const real = yield* Real.make((request, index) =>
        JSON.stringify(request.body["input"]).includes("what now")
          ? M.reply(M.text("nothing"))
          : reaches(4)(request, index)
      )
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ goals: true })
        // Codex stores a thread with its first turn.
        yield* thread.run("first")
        const other = yield* real.resume(thread.id, { goals: true })
        const goal = yield* Effect.forkScoped(thread.runGoal({ objective: "count" }), {
          startImmediately: true
        })
        yield* until(
          "the goal runs",
          Effect.map(real.server.requests, (all) => all.length >= 2)
        )
        // One handle waits in its queue, the other one waits for the turns of Codex.
        const answers = yield* Effect.all([thread.run("what now"), other.run("what now")], { concurrency: 2 })
        assert.deepStrictEqual(
          answers.map(({ message }) => message),
          ["nothing", "nothing"]
        )
        assert.strictEqual((yield* Fiber.join(goal)).status, "complete")
      }).pipe(Effect.scoped, Effect.provide(real.layer))
      const inputs = (yield* real.server.requests).map(({ body }) => JSON.stringify(body["input"]))
      // The first turn and the goal need six requests.
      assert.isTrue(inputs.slice(0, 6).every((input) => !input.includes("what now")))
    }))

  test("ends with the effect that runs it, by a budget, and as a typed error without goals", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(() => working)
      yield* Effect.gen(function* () {
        // Before Codex has reported the goal, and while it pursues the goal.
        const early = yield* real.start({ goals: true })
        const goal = { objective: "never" }
        yield* Fiber.interrupt(yield* Effect.forkScoped(early.runGoal(goal), { startImmediately: true }))
        const { goal: left } = yield* Codex.use((codex) =>
          codex.request("thread/goal/get", { threadId: early.id })
        )
        assert.isNull(left)
        const thread = yield* real.start({ goals: true, budget: { modelCalls: 4 } })
        const before = (yield* real.server.requests).length
        const running = yield* Effect.forkScoped(thread.runGoal(goal), { startImmediately: true })
        yield* until(
          "the goal runs",
          Effect.map(real.server.requests, (all) => all.length > before)
        )
        yield* Fiber.interrupt(running)
        yield* staysQuiet(real, thread.id)
        const error = yield* Effect.flip(thread.runGoal({ objective: "never" }))
        assert.deepInclude(error, { _tag: "BudgetExceeded", scope: "thread", reason: "ModelCalls" })
        const without = yield* real.start()
        const invalid = yield* Effect.flip(without.runGoal({ objective: "never" }))
        assert.deepInclude(invalid, { _tag: "InvalidRequest", reason: "BadParams" })
        yield* staysQuiet(real, thread.id)
      }).pipe(Effect.scoped, Effect.provide(real.layer))
    }))
})

describe.concurrent("a goal whose thread exhausts its budget", () => {
  const status = (thread: Thread.Thread) =>
    Codex.use((codex) => codex.request("thread/goal/get", { threadId: thread.id })).pipe(
      Effect.map(({ goal }) => goal?.status)
    )

  test("is paused during the turn that exhausts it, so that Codex starts no further turn", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(() => working)
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ goals: true, budget: { modelCalls: 3 } })
        const error = yield* Effect.flip(thread.runGoal({ objective: "never" }))
        assert.deepInclude(error, { _tag: "BudgetExceeded", scope: "thread", reason: "ModelCalls", limit: 3 })
        assert.strictEqual(error.turn?.message, "working")
        yield* staysQuiet(real, thread.id)
        assert.strictEqual(yield* status(thread), "paused")
        assert.lengthOf(yield* real.server.requests, 3)
        // No turn is left for another goal, so Codex does not receive it.
        const again = yield* Effect.flip(thread.runGoal({ objective: "again" }))
        assert.deepInclude(again, { _tag: "BudgetExceeded", scope: "thread", used: 3 })
        assert.lengthOf(yield* real.server.requests, 3)
      }).pipe(Effect.scoped, Effect.provide(real.layer))
    }))

  test("is paused also if the model set it in a turn that a caller requested", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(endless)
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ ...inConfig, budget: { modelCalls: 2 } })
        assert.strictEqual((yield* thread.run("go")).message, "working")
        yield* staysQuiet(real, thread.id)
        assert.strictEqual(yield* status(thread), "paused")
        const { id } = thread
        const read = yield* Codex.use((codex) =>
          codex.request("thread/read", { threadId: id, includeTurns: true })
        )
        assert.lengthOf(read.thread.turns, 1)
        assert.lengthOf(yield* real.server.requests, 2)
      }).pipe(Effect.scoped, Effect.provide(real.layer))
    }))
})

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
        yield* staysQuiet(real, thread.id)
        assert.deepInclude(yield* terminals(thread), { data: [] })
        assert.lengthOf(yield* real.processes, before.length)
      }).pipe(Effect.provide(real.layer))
    }))

  test("is awaited by an option, and its work belongs to the turn", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(leavesAgent(3, "true"))
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ ...settings, subAgents: "await" })
        const events = yield* Stream.runCollect(thread.stream("please"))
        assert.strictEqual(events.at(-1)?._tag, "TurnCompleted")
        assert.isAtLeast(events.filter((event) => event._tag === "AgentEvent").length, 6)
        assert.deepInclude(yield* thread.spent, { toolCalls: 4, modelCalls: 6 })
        yield* staysQuiet(real, thread.id)
      }).pipe(Effect.provide(real.layer))
    }))
})
