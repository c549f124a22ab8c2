/** `Thread` on an engine that each test scripts. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as TestClock from "effect/testing/TestClock"
import { type Attachment, Attachments } from "../src/attachment/Attachments.ts"
import type * as Budget from "../src/domain/Budget.ts"
import { Codex } from "../src/Codex.ts"
import * as CodexError from "../src/domain/CodexError.ts"
import type * as Engine from "../src/engine/Engine.ts"
import { ItemId, ThreadId, TurnId } from "../src/domain/Ids.ts"
import * as Scripted from "../src/testing/Scripted.ts"
import * as InMemorySpans from "../src/telemetry/tracer/InMemorySpans.ts"
import * as Tracer from "../src/telemetry/tracer/Tracer.ts"
import * as TestLayer from "../src/testing/TestLayer.ts"
import * as Turn from "../src/domain/Turn.ts"
import * as TurnOptions from "../src/domain/TurnOptions.ts"
import * as Prices from "../src/domain/Prices.ts"
import * as Retry from "../src/domain/Retry.ts"
import * as Duration from "effect/Duration"
import { openThread } from "./support/singleThreadEngine.ts"
import { inOneSlice } from "./support/live.ts"

type Play = (
  handlers: Engine.Handlers,
  input: TurnOptions.TurnInput
) => Effect.Effect<void, CodexError.TurnError>

const threadId = ThreadId.make("thread")
const lost = new CodexError.TurnFailed({ reason: "Disconnected", detail: "cut" })

/** A thread that plays one script per turn, and the last script for all later turns. */
const make = (plays: ReadonlyArray<Play>, budget: Budget.Budget = {}) => {
  const inputs: Array<TurnOptions.TurnInput> = []
  const models: Array<string | undefined> = []
  const next = (input: TurnOptions.TurnInput, handlers: Engine.Handlers) =>
    Effect.suspend(() => {
      inputs.push(input)
      const play = plays[Math.min(inputs.length, plays.length) - 1]
      handlers.emit({ _tag: "TurnStarted", threadId, turnId: TurnId.make(`turn-${inputs.length}`), at: 0 })
      return play === undefined ? Effect.die(new Error("a turn too many")) : play(handlers, input)
    })
  const engine: Engine.EngineThread = {
    id: threadId,
    model: "model",
    provider: "provider",
    cwd: "/",
    turn: (input, { model }, handlers) => {
      models.push(model)
      return next(input, handlers)
    },
    compact: (handlers) => next("compact", handlers),
    steer: () => Effect.void
  }
  const prices = Prices.make({ model: { input: 1000, cachedInput: 100, output: 5000 } })
  return { thread: openThread(engine, { budget, prices }), inputs, models }
}

const uses =
  (tokens: number, then: Effect.Effect<void, CodexError.TurnError> = Effect.void): Play =>
  (handlers) =>
    Effect.suspend(() => {
      handlers.emit({ _tag: "UsageUpdated", usage: { ...Turn.noUsage, input: tokens }, at: 0 })
      return then
    })

const agentUses =
  (tokens: number): Play =>
  (handlers) =>
    Effect.sync(() => {
      const agent = handlers.agent?.({ threadId: ThreadId.make("agent"), turnId: TurnId.make("agent-turn") })
      agent?.emit({ _tag: "UsageUpdated", usage: { ...Turn.noUsage, output: tokens }, at: 0 })
      agent?.end("completed")
    })

describe("a budget", () => {
  it.effect("may be reached, and ends the turn that exceeds it", () =>
    Effect.gen(function* () {
      const { thread } = make([uses(100)])
      yield* thread.run("go", { budget: { tokens: 100 } })
      const error = yield* Effect.flip(thread.run("go", { budget: { tokens: 99 } }))
      assert.deepInclude(error, { _tag: "BudgetExceeded", scope: "turn", limit: 99, used: 100 })
    })
  )

  it.effect("of a thread counts what the sub-agents of earlier turns used", () =>
    Effect.gen(function* () {
      const { thread } = make([agentUses(90), uses(20)], { tokens: 100 })
      yield* thread.run("go")
      assert.deepInclude(yield* thread.spent, { tokens: 90 })
      const error = yield* Effect.flip(thread.run("go"))
      assert.deepInclude(error, { _tag: "BudgetExceeded", scope: "thread", limit: 100, used: 110 })
    })
  )

  it.effect("of a thread counts the usage of all its turns", () =>
    Effect.gen(function* () {
      const { thread } = make([uses(40)], { tokens: 100 })
      yield* thread.run("one")
      yield* thread.run("two")
      assert.deepInclude(yield* thread.spent, { tokens: 80, modelCalls: 2 })
      const error = yield* Effect.flip(thread.run("three"))
      assert.deepInclude(error, { _tag: "BudgetExceeded", scope: "thread", limit: 100, used: 120 })
    })
  )

  for (const [what, budget, used] of [
    ["tokens", { tokens: 90 }, 90],
    ["tokens, passed", { tokens: 80 }, 90],
    ["time", { time: "2 seconds" }, 2000],
    ["model calls", { modelCalls: 1 }, 1]
  ] as const)
    it.effect(`of a thread that is exhausted prevents further turns: ${what}`, () =>
      Effect.gen(function* () {
        const { inputs, thread } = make(
          [
            (handlers) =>
              Effect.gen(function* () {
                yield* Effect.sleep("2 seconds")
                const usage = { ...Turn.noUsage, input: 90 }
                handlers.emit({ _tag: "ModelResponded", responseId: "r", usage, at: 2000 })
              })
          ],
          budget
        )
        yield* Effect.forkChild(Effect.exit(thread.run("one")), { startImmediately: true })
        yield* TestClock.adjust("3 seconds")
        const error = yield* Effect.flip(thread.run("two"))
        assert.deepInclude(error, { _tag: "BudgetExceeded", scope: "thread", used })
        assert.deepStrictEqual(inputs, ["one"])
      })
    )

  it.effect("of zero prevents every turn, and zero tool calls allow a turn without tools", () =>
    Effect.gen(function* () {
      const { inputs, thread } = make([uses(1)])
      for (const budget of [{ tokens: 0 }, { modelCalls: 0 }, { time: 0 }]) {
        const error = yield* Effect.flip(thread.run("go", { budget }))
        assert.deepInclude(error, { _tag: "BudgetExceeded", scope: "turn", limit: 0, used: 0 })
      }
      assert.deepStrictEqual(inputs, [])
      yield* thread.run("go", { budget: { toolCalls: 0 } })
    })
  )

  it.effect("that is not a number is rejected before a turn starts", () =>
    Effect.gen(function* () {
      for (const budget of [
        { tokens: Number.NaN },
        { tokens: -1 },
        { toolCalls: -1 },
        { modelCalls: Number.NaN },
        { time: Number.NaN },
        { time: "-1 seconds" }
      ] as const) {
        const { inputs, thread } = make([uses(1)])
        const error = yield* Effect.flip(thread.run("go", { budget }))
        assert.deepInclude(error, { _tag: "InvalidRequest", reason: "BadParams" })
        assert.include(error._tag === "InvalidRequest" ? error.detail : "", Object.keys(budget).join())
        assert.deepStrictEqual(inputs, [])
        const opened = Codex.use((codex) => codex.startThread({ budget }))
        const refused = yield* Effect.flip(Effect.scoped(opened))
        assert.deepInclude(refused, { _tag: "InvalidRequest", reason: "BadParams" })
      }
      const { thread } = make([uses(1)])
      for (const timeout of [Number.NaN, -5]) {
        const error = yield* Effect.flip(thread.run("go", { timeout }))
        assert.deepInclude(error, { _tag: "InvalidRequest", reason: "BadParams" })
      }
    }).pipe(Effect.provide(TestLayer.TestLayer))
  )

  it.effect("of a turn covers all its attempts", () =>
    Effect.gen(function* () {
      const { inputs, thread } = make([uses(60, Effect.fail(lost))])
      const retry = Schedule.recurs(5)
      const error = yield* Effect.flip(thread.run("go", { budget: { tokens: 100 }, retry }))
      assert.deepInclude(error, { _tag: "BudgetExceeded", scope: "turn", limit: 100, used: 120 })
      assert.lengthOf(inputs, 2)
    })
  )

  it.effect("of time includes the waits between attempts", () =>
    Effect.gen(function* () {
      const { inputs, thread } = make([uses(1, Effect.fail(lost))])
      const retry = Schedule.spaced("1 hour")
      const running = yield* Effect.forkChild(
        Effect.flip(thread.run("go", { budget: { time: "1 minute" }, retry })),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(running)
      assert.deepInclude(error, { _tag: "BudgetExceeded", reason: "Time", scope: "turn", limit: 60_000 })
      assert.lengthOf(inputs, 1)
    })
  )

  it.effect("of time fails at once if the provider's requested wait exceeds it", () =>
    Effect.gen(function* () {
      const limited = new CodexError.TurnFailed({
        reason: "RateLimited",
        detail: "later",
        retryAfterMillis: 3_600_000
      })
      const { thread } = make([uses(1, Effect.fail(limited))])
      const error = yield* Effect.flip(
        thread.run("go", { budget: { time: "1 minute" }, retry: Schedule.recurs(3) })
      )
      assert.deepInclude(error, { _tag: "TurnFailed", reason: "RateLimited" })
    })
  )
})

describe("a budget of money", () => {
  it.effect("may be reached, and ends the turn that exceeds it, by the prices of its tokens", () =>
    Effect.gen(function* () {
      const usage = { input: 1000, cachedInput: 400, output: 100, reasoning: 50 }
      const costs: Play = (handlers) =>
        Effect.suspend(() => {
          handlers.emit({ _tag: "UsageUpdated", usage, contextWindow: 5000, at: 0 })
          return Effect.yieldNow
        })
      // 600 fresh, 400 cached and 100 output tokens.
      const usd = (600 * 1000 + 400 * 100 + 100 * 5000) / 1e6
      const { thread } = make([costs])
      const turn = yield* thread.run("go", { budget: { usd } })
      assert.deepInclude(turn, { cost: usd, context: { used: 1100, size: 5000 } })
      assert.deepInclude(yield* thread.spent, { usd })
      const error = yield* Effect.flip(make([costs]).thread.run("go", { budget: { usd: 1 } }))
      assert.deepInclude(error, { _tag: "BudgetExceeded", reason: "Cost", limit: 1, used: usd })
      assert.include(error.message, "the turn used 1.14 of 1 US dollars")
      const ofThread = make([costs], { usd: 2 }).thread
      yield* ofThread.run("go")
      assert.deepInclude(yield* Effect.flip(ofThread.run("go")), { reason: "Cost", scope: "thread" })
      assert.deepInclude(yield* Effect.flip(ofThread.run("go")), { used: 2 * usd })
    })
  )

  it.effect("fails before the turn starts if the model has no price, or a price that is no number", () =>
    Effect.gen(function* () {
      const { inputs, thread } = make([uses(1)])
      const error = yield* Effect.flip(thread.run("go", { model: "other", budget: { usd: 1 } }))
      assert.deepInclude(error, { _tag: "InvalidRequest", reason: "BadParams" })
      assert.include(error.message, "the price of the model other")
      assert.lengthOf(inputs, 0)
      assert.isUndefined((yield* thread.run("go", { model: "other" })).cost)
      const invalid = yield* Effect.flip(thread.run("go", { budget: { usd: Number.NaN } }))
      assert.deepInclude(invalid, { _tag: "InvalidRequest", reason: "BadParams" })
      assert.isDefined(Prices.validate({ input: Number.NaN, output: 1 }))
    })
  )
})

describe("a turn that is retried on another model", () => {
  const failed = (reason: CodexError.TurnFailedReason): Play =>
    uses(1, Effect.fail(new CodexError.TurnFailed({ reason, detail: "" })))

  it.effect("uses the models in order, and the next turn uses the thread's own model again", () =>
    Effect.gen(function* () {
      const { models, thread } = make([
        failed("UsageLimit"),
        failed("ModelNotFound"),
        failed("Overloaded"),
        uses(1),
        uses(1),
        uses(1)
      ])
      const turn = yield* thread.run("go", { retry: Retry.withModels(["a", "b"], Schedule.recurs(5)) })
      assert.strictEqual(turn.attempts, 4)
      // The models a and b have no price.
      assert.isUndefined(turn.cost)
      yield* thread.run("next")
      yield* thread.run("then")
      assert.deepStrictEqual(models, [undefined, "a", "b", "b", "model", "model"])
    })
  )

  it.effect("fails if the model does not change, or the error does not concern the model", () =>
    Effect.gen(function* () {
      for (const [reason, plan] of [
        ["UsageLimit", Retry.withModels([], Schedule.recurs(5))],
        ["UsageLimit", Retry.withModels(["model"], Schedule.recurs(5))],
        ["ModelNotFound", Retry.withModels(["a"], Schedule.recurs(0))],
        ["BadRequest", Retry.withModels(["a"], Schedule.recurs(5))],
        ["Unauthorized", { schedule: Schedule.recurs(5), model: () => "a" }]
      ] as const) {
        const { models, thread } = make([failed(reason), uses(1)])
        assert.deepInclude(yield* Effect.flip(thread.run("go", { retry: plan })), { reason })
        assert.lengthOf(models, 1)
      }
    })
  )
})

describe("a turn that is retried", () => {
  const stored: Play = (handlers) =>
    Effect.suspend(() => {
      const item = { _tag: "UserMessage", id: ItemId.make("u"), text: "go" } as const
      handlers.emit({ _tag: "ItemCompleted", item, at: 0 })
      return Effect.fail(lost)
    })

  it.effect("repeats input that Codex did not store, with its images, and no other input", () =>
    Effect.gen(function* () {
      const input = [
        { _tag: "Text", text: "go" },
        { _tag: "Image", url: "data:image/png;base64,AA==" }
      ] as const
      const { inputs, thread } = make([uses(1, Effect.fail(lost)), stored, uses(1)])
      yield* thread.run(input, { retry: Schedule.recurs(5) })
      assert.deepStrictEqual(inputs, [input, input, []])
    })
  )

  it.effect("ends on `interrupt` during a wait, and is not retried", () =>
    Effect.gen(function* () {
      const { inputs, thread } = make([stored, uses(1)])
      const running = yield* Effect.forkChild(
        Effect.flip(thread.run("go", { retry: Schedule.spaced("1 hour") })),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 minute")
      yield* thread.interrupt
      const error = yield* Fiber.join(running)
      assert.deepInclude(error, { _tag: "TurnInterrupted", by: "caller" })
      assert.strictEqual(error.turn?.id, "turn-1")
      yield* TestClock.adjust("2 hours")
      assert.lengthOf(inputs, 1)
      yield* thread.run("next")
      assert.deepStrictEqual(inputs, ["go", "next"])
    }).pipe(inOneSlice)
  )

  it.effect("ends on `interrupt` during an attempt, and is not retried", () =>
    Effect.gen(function* () {
      const { inputs, thread } = make([stored, () => Effect.never, uses(1)])
      const running = yield* Effect.forkChild(Effect.flip(thread.run("go", { retry: Schedule.recurs(5) })), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      yield* thread.interrupt
      const error = yield* Fiber.join(running)
      assert.deepInclude(error, { _tag: "TurnInterrupted", by: "caller" })
      assert.strictEqual(error.turn?.id, "turn-2")
      assert.lengthOf(inputs, 2)
    }).pipe(inOneSlice)
  )

  it.effect("has had no side effects: a turn that had some is not retried", () =>
    Effect.gen(function* () {
      const command: Play = (handlers) =>
        Effect.suspend(() => {
          const item = {
            _tag: "CommandExecution",
            id: ItemId.make("c"),
            command: "rm x",
            cwd: "/",
            status: "completed",
            operations: []
          } as const
          handlers.emit({ _tag: "ItemCompleted", item, at: 0 })
          return Effect.fail(lost)
        })
      const { inputs, thread } = make([command, uses(1)])
      const error = yield* Effect.flip(thread.run("go", { retry: Schedule.recurs(5) }))
      assert.strictEqual(error._tag, "TurnFailed")
      assert.lengthOf(inputs, 1)
    })
  )

  const limit = (resetsAt?: number) =>
    new CodexError.TurnFailed({
      reason: "UsageLimit",
      detail: "",
      ...(resetsAt === undefined ? {} : { resetsAt })
    })
  const hour = 3_600_000

  it.effect("waits until a usage limit resets, and a minute more, because Codex cuts the seconds", () =>
    Effect.gen(function* () {
      const { inputs, thread } = make([uses(1, Effect.fail(limit(2 * hour))), uses(1)])
      const running = yield* Effect.forkChild(thread.run("go", { retry: Retry.untilReset("6 hours") }), {
        startImmediately: true
      })
      yield* TestClock.adjust(Duration.millis(2 * hour + 59_999))
      assert.lengthOf(inputs, 1)
      yield* TestClock.adjust("1 milli")
      assert.strictEqual((yield* Fiber.join(running)).attempts, 2)
      assert.lengthOf(inputs, 2)
    })
  )

  it.effect(
    "fails at once at a usage limit that only another schedule would retry, or that resets too late",
    () =>
      Effect.gen(function* () {
        const cases: ReadonlyArray<readonly [CodexError.TurnFailed, TurnOptions.TurnOptions]> = [
          [limit(hour), { retry: Schedule.recurs(3) }],
          [limit(hour), { retry: Schedule.spaced("1 day") }],
          [limit(), { retry: Retry.untilReset("6 hours") }],
          [limit(7 * hour), { retry: Retry.untilReset("6 hours") }],
          [limit(hour), { retry: Retry.untilReset("6 hours"), budget: { time: "30 minutes" } }],
          [lost, { retry: Retry.untilReset("6 hours") }]
        ]
        for (const [failure, options] of cases) {
          const { inputs, thread } = make([uses(1, Effect.fail(failure)), uses(1)])
          const error = yield* Effect.flip(thread.run("go", options))
          assert.strictEqual(error.errorType, failure.errorType)
          assert.lengthOf(inputs, 1)
        }
      })
  )

  it.effect(
    "waits a minute for a limit that has already reset, also if Codex repeats that it is reached",
    () =>
      Effect.gen(function* () {
        yield* TestClock.adjust("2 hours")
        const passed = () => uses(1, Effect.fail(limit(hour)))
        const { inputs, thread } = make([passed(), passed(), passed()])
        const running = yield* Effect.forkChild(
          Effect.flip(thread.run("go", { retry: Retry.untilReset("2 minutes") })),
          { startImmediately: true }
        )
        yield* TestClock.adjust("59 seconds")
        assert.lengthOf(inputs, 1)
        yield* TestClock.adjust("1 second")
        assert.lengthOf(inputs, 2)
        yield* TestClock.adjust("1 minute")
        assert.deepInclude(yield* Fiber.join(running), { _tag: "TurnFailed", reason: "UsageLimit" })
        assert.lengthOf(inputs, 3)
      })
  )

  it.effect("waits no longer for all its limits together than it may", () =>
    Effect.gen(function* () {
      const { inputs, thread } = make([
        uses(1, Effect.fail(limit(hour))),
        uses(1, Effect.fail(lost)),
        uses(1, Effect.fail(limit(4 * hour))),
        uses(1)
      ])
      const retry = Retry.untilReset("3 hours", { otherwise: Schedule.recurs(1) })
      const running = yield* Effect.forkChild(Effect.flip(thread.run("go", { retry })), {
        startImmediately: true
      })
      yield* TestClock.adjust("2 hours")
      assert.deepInclude(yield* Fiber.join(running), { _tag: "TurnFailed", resetsAt: 4 * hour })
      assert.lengthOf(inputs, 3)
    })
  )

  it.effect("waits at least as long as the provider requests, and as long as its schedule", () =>
    Effect.gen(function* () {
      const limited = (retryAfterMillis: number): Play =>
        uses(
          1,
          Effect.fail(new CodexError.TurnFailed({ reason: "RateLimited", detail: "later", retryAfterMillis }))
        )
      const { inputs, thread } = make([limited(5000), limited(10), uses(1)])
      const running = yield* Effect.forkChild(thread.run("go", { retry: Schedule.spaced("1 second") }), {
        startImmediately: true
      })
      for (const [millis, attempts] of [
        [4999, 1],
        [1, 2],
        [999, 2],
        [1, 3]
      ] as const) {
        yield* TestClock.adjust(millis)
        assert.lengthOf(inputs, attempts)
      }
      yield* Fiber.join(running)
    })
  )

  it.effect("may be a compaction", () =>
    Effect.gen(function* () {
      const { inputs, thread } = make([uses(1, Effect.fail(lost)), uses(1)])
      yield* thread.compact({ retry: Schedule.recurs(5) })
      assert.deepStrictEqual(inputs, ["compact", "compact"])
    })
  )
})

it.live("steering sends no attachment that is missing", () =>
  Effect.gen(function* () {
    const { thread } = make([uses(1)])
    const attachments = yield* Attachments
    const bytes = new TextEncoder().encode("hello")
    const stage = attachments.stageBytes(bytes, { name: "a.txt" })
    const part = (attachment: Attachment) => [{ _tag: "Attachment", attachment }] as const
    yield* Effect.scoped(Effect.flatMap(stage, (staged) => thread.steer(part(staged))))
    const gone = yield* Effect.scoped(stage)
    const error = yield* Effect.flip(thread.steer(part(gone)))
    assert.strictEqual(error._tag, "AttachmentRejected")
  }).pipe(Effect.provide(Attachments.layer))
)

describe("sub-agents", () => {
  it.effect("of a sub-agent are traced below the call that started them", () =>
    Effect.gen(function* () {
      const memory = yield* InMemorySpans.make
      const call = (id: string, agent: string, tool = "spawn_agent"): Turn.EngineEvent => ({
        _tag: "ItemStarted",
        item: {
          _tag: "AgentCall",
          id: ItemId.make(id),
          tool,
          status: "inProgress",
          agents: [ThreadId.make(agent)]
        },
        at: 0
      })
      const { thread } = make([
        (handlers) =>
          Effect.sync(() => {
            const begin = (name: string) =>
              handlers.agent?.({ threadId: ThreadId.make(name), turnId: TurnId.make(`turn-of-${name}`) })
            handlers.emit(call("outer", "a"))
            // It may be waited for before it has said that it began.
            handlers.emit(call("waiting", "a", "wait"))
            const a = begin("a")
            a?.emit(call("inner", "b"))
            begin("b")?.end("completed")
            a?.end("completed")
          })
      ])
      yield* Effect.provide(thread.run("go"), Tracer.layerProcessor(Effect.succeed(memory.processor)))
      const spans = yield* memory.spans
      const of = (name: string, key: string, value: string) =>
        spans.find((span) => span.name === name && span.attributes[key] === value)
      const turnOf = (id: string) => of("invoke_agent codex", "gen_ai.conversation.id", id)
      const callOf = (id: string) => of("execute_tool spawn_agent", "gen_ai.tool.call.id", id)
      assert.strictEqual(turnOf("a")?.parentSpanContext?.spanId, callOf("outer")?.spanContext().spanId)
      assert.strictEqual(turnOf("b")?.parentSpanContext?.spanId, callOf("inner")?.spanContext().spanId)
      assert.strictEqual(callOf("inner")?.parentSpanContext?.spanId, turnOf("a")?.spanContext().spanId)
    })
  )
})

describe("a tool of the thread", () => {
  const Counting = Toolkit.make(Tool.make("count", { success: Schema.String }))

  it.effect("reports its progress in the turn's stream", () =>
    Effect.gen(function* () {
      const codex = yield* Codex
      yield* Scripted.play([Scripted.toolCall("count", {}), Scripted.message("counted")])
      const thread = yield* codex.startThread({ tools: yield* Counting })
      const events = yield* Stream.runCollect(thread.stream("go"))
      const answers = events.flatMap((event) =>
        event._tag === "ToolProgress" ? [[event.tool, event.callId, event.text]] : []
      )
      const call = events.find((event) => event._tag === "ItemStarted" && event.item._tag === "ToolCall")
      const id = call?._tag === "ItemStarted" ? call.item.id : ""
      assert.deepStrictEqual(answers, [["count", id, "one of two"]])
      assert.isBelow(
        events.findIndex((event) => event._tag === "ToolProgress"),
        events.findIndex((event) => event._tag === "ItemCompleted")
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Counting.toLayer({
          count: (_, { preliminary }) => Effect.as(preliminary("one of two"), "two of two")
        })
      ),
      Effect.provide(TestLayer.TestLayer)
    )
  )
})

describe("the scripted engine", () => {
  it.effect("rejects a fork at a turn that its thread does not have", () =>
    Effect.gen(function* () {
      const codex = yield* Codex
      yield* Scripted.play([Scripted.message("fine")])
      const thread = yield* codex.startThread()
      yield* thread.run("go")
      const through = TurnId.make("nowhere")
      const exit = yield* Effect.exit(codex.forkThread(thread.id, { through }))
      assert.isTrue(Exit.isFailure(exit))
    }).pipe(Effect.scoped, Effect.provide(TestLayer.TestLayer))
  )
})

describe("a goal on a thread with a budget", () => {
  const turn = [
    Scripted.goal("active"),
    Scripted.usage({ input: 60 }),
    Scripted.message("working"),
    Scripted.completed
  ]
  /** Runs a goal whose script has as many turns as the budget allows. The script dies if another turn starts. */
  const pursue = (turns: number, budget: Budget.Budget) =>
    Effect.gen(function* () {
      const codex = yield* Codex
      yield* Scripted.play(Array.from({ length: turns }, () => turn).flat())
      const thread = yield* codex.startThread({ goals: true, budget })
      const goals: Array<string> = []
      yield* Effect.forkScoped(
        Stream.runForEach(thread.activity, (event) =>
          Effect.sync(() => event._tag === "GoalUpdated" && goals.push(event.goal.status))
        ),
        { startImmediately: true }
      )
      const error = yield* Effect.flip(thread.runGoal({ objective: "never" }))
      const again = yield* Effect.flip(thread.runGoal({ objective: "again" }))
      return { again, error, goals, spent: yield* thread.spent }
    }).pipe(Effect.scoped, Effect.provide(TestLayer.TestLayer))

  it.effect("fails after the turn that exhausts the budget, and is paused before a further turn starts", () =>
    Effect.gen(function* () {
      const { again, error, goals, spent } = yield* pursue(2, { tokens: 120 })
      assert.deepInclude(error, { _tag: "BudgetExceeded", scope: "thread", reason: "Tokens", used: 120 })
      assert.deepInclude(error.turn, { message: "working", usage: { ...Turn.noUsage, input: 60 } })
      assert.strictEqual(spent.tokens, 120)
      assert.strictEqual(goals.at(-1), "paused")
      // Nothing is left for another goal: it fails before the engine receives it.
      assert.deepInclude(again, { _tag: "BudgetExceeded", scope: "thread", used: 120 })
      assert.strictEqual(goals.filter((status) => status === "paused").length, 1)
    })
  )

  it.effect("is paused before the turn that exceeds the budget is interrupted", () =>
    Effect.gen(function* () {
      const { error, goals } = yield* pursue(2, { tokens: 100 })
      assert.deepInclude(error, { _tag: "BudgetExceeded", scope: "thread", limit: 100, used: 120 })
      assert.strictEqual(goals.at(-1), "paused")
      assert.strictEqual(goals.filter((status) => status === "paused").length, 1)
    })
  )
})

describe("the result of a goal", () => {
  const turn = (status: "active" | "complete") => [
    Scripted.goal(status),
    Scripted.usage({ input: 1_000_000 }),
    Scripted.message("fine"),
    Scripted.completed
  ]
  const pursue = Effect.gen(function* () {
    const codex = yield* Codex
    yield* Scripted.play([...turn("active"), ...turn("complete")])
    const thread = yield* codex.startThread({ goals: true })
    return yield* thread.runGoal({ objective: "be done" })
  }).pipe(Effect.scoped)

  it.effect("has the cost of its turns", () =>
    Effect.gen(function* () {
      const { cost, turns } = yield* pursue
      assert.deepStrictEqual(
        turns.map((turn) => turn.cost),
        [2, 2]
      )
      assert.strictEqual(cost, 4)
    }).pipe(
      Effect.provide(TestLayer.TestLayer),
      Effect.provide(Prices.layer({ scripted: { input: 2, output: 10 } }))
    )
  )

  it.effect("has no cost if the model has no price", () =>
    Effect.gen(function* () {
      const result = yield* pursue
      assert.strictEqual(result.turns.length, 2)
      assert.notProperty(result, "cost")
    }).pipe(Effect.provide(TestLayer.TestLayer))
  )
})
