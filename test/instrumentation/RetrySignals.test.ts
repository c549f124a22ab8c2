/** Spans of retried requests and of compactions. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { Codex, CodexError } from "effect-codex"
import { Captured, Scripted, TestLayer } from "effect-codex/testing"

const play = Effect.fnUntraced(function* (
  steps: ReadonlyArray<Scripted.ScriptedStep>,
  timeout?: "3 seconds"
) {
  yield* Scripted.play(steps)
  const turn = Effect.gen(function* () {
    const codex = yield* Codex
    const thread = yield* codex.startThread()
    return yield* Effect.exit(thread.run("go", timeout === undefined ? {} : { timeout }))
  }).pipe(Effect.scoped)
  const fiber = yield* Effect.forkChild(turn)
  yield* TestClock.adjust("1 hour")
  yield* Fiber.join(fiber)
  return yield* Captured.spans
})

const failed = (errorType: string, status?: number) =>
  Scripted.event({ _tag: "Retrying", errorType, ...(status === undefined ? {} : { status }) })

const shapes = (spans: ReadonlyArray<Captured.CapturedSpan>, name: string) =>
  spans
    .filter((span) => span.name === name)
    .map(({ attributes, durationMillis, status }) => ({
      durationMillis,
      status,
      attempt: attributes["codex.retry.attempt"],
      reason: attributes["codex.retry.reason"],
      code: attributes["codex.retry.status_code"],
      error: attributes["error.type"]
    }))

const retry = { status: "unset", code: undefined, error: undefined } as const

describe("the span codex.retry", () => {
  it.effect("lasts from a failure to the next event, once per attempt", () =>
    Effect.gen(function* () {
      const spans = yield* play([
        Scripted.delay("1 second"),
        failed("TurnFailed.ServerError", 503),
        Scripted.delay("2 seconds"),
        failed("TurnFailed.Disconnected"),
        Scripted.delay("4 seconds"),
        Scripted.message("half", { deltas: true }),
        Scripted.delay("1 second"),
        failed("TurnFailed.Overloaded", 529),
        Scripted.delay("8 seconds"),
        Scripted.command("ls"),
        Scripted.message("done")
      ])
      assert.deepStrictEqual(shapes(spans, "codex.retry"), [
        {
          ...retry,
          durationMillis: 2000,
          status: "error",
          attempt: 1,
          reason: "TurnFailed.ServerError",
          code: 503,
          error: "TurnFailed.Disconnected"
        },
        { ...retry, durationMillis: 4000, attempt: 2, reason: "TurnFailed.Disconnected" },
        { ...retry, durationMillis: 8000, attempt: 1, reason: "TurnFailed.Overloaded", code: 529 }
      ])
      const agent = yield* Captured.span("invoke_agent codex")
      for (const span of spans.filter(({ name }) => name === "codex.retry")) {
        assert.strictEqual(span.parentSpanId, agent.spanId)
        assert.strictEqual(span.kind, "internal")
        assert.deepInclude(span.attributes, {
          "codex.originator": "sdk",
          "gen_ai.conversation.id": "thread_1",
          "codex.turn.id": "turn_1"
        })
      }
      assert.strictEqual(agent.status, "unset")
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("ends with its turn and has the turn's outcome", () =>
    Effect.gen(function* () {
      const error: CodexError.TurnError = new CodexError.TurnFailed({ reason: "ServerError", detail: "" })
      const spans = yield* play([
        failed("TurnFailed.ServerError"),
        Scripted.delay("1 second"),
        Scripted.failed(error)
      ])
      assert.deepStrictEqual(shapes(spans, "codex.retry"), [
        {
          ...retry,
          durationMillis: 1000,
          status: "error",
          attempt: 1,
          reason: "TurnFailed.ServerError",
          error: "TurnFailed.ServerError"
        }
      ])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("ends when its turn times out", () =>
    Effect.gen(function* () {
      const spans = yield* play([failed("TurnFailed.ServerError"), Scripted.silence], "3 seconds")
      const [found, ...others] = shapes(spans, "codex.retry")
      assert.deepInclude(found, { durationMillis: 3000, error: "TurnTimedOut" })
      assert.deepStrictEqual(others, [])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("does not exist in a turn without failures", () =>
    Effect.gen(function* () {
      const spans = yield* play([Scripted.command("ls"), Scripted.message("done", { deltas: true })])
      assert.deepStrictEqual(shapes(spans, "codex.retry"), [])
    }).pipe(Effect.provide(TestLayer))
  )
})

describe("the span codex.compaction", () => {
  const compaction = { _tag: "ContextCompaction", id: "c" } as const
  const events = Effect.map(Captured.span("invoke_agent codex"), ({ events }) =>
    events
      .filter(({ name }) => name === "codex.compaction")
      .map(({ attributes }) => attributes["codex.compaction.stage"])
  )

  it.effect("lasts as long as the compaction, and the turn has an event for its start and end", () =>
    Effect.gen(function* () {
      const spans = yield* play([
        Scripted.event({ _tag: "ItemStarted", item: compaction }),
        Scripted.delay("5 seconds"),
        Scripted.event({ _tag: "ItemCompleted", item: compaction }),
        Scripted.message("done")
      ])
      assert.deepStrictEqual(
        shapes(spans, "codex.compaction").map(({ durationMillis, status }) => [durationMillis, status]),
        [[5000, "unset"]]
      )
      assert.deepStrictEqual(yield* events, ["started", "completed"])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("ends with its turn", () =>
    Effect.gen(function* () {
      const spans = yield* play(
        [Scripted.event({ _tag: "ItemStarted", item: compaction }), Scripted.silence],
        "3 seconds"
      )
      assert.deepStrictEqual(
        shapes(spans, "codex.compaction").map(({ durationMillis, status }) => [durationMillis, status]),
        [[3000, "unset"]]
      )
      assert.deepStrictEqual(yield* events, ["started", "interrupted"])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("has no duration if Codex reports only the end of the compaction", () =>
    Effect.gen(function* () {
      const spans = yield* play([
        Scripted.event({ _tag: "ItemCompleted", item: compaction }),
        Scripted.message("done")
      ])
      assert.deepStrictEqual(shapes(spans, "codex.compaction"), [])
      assert.deepStrictEqual(yield* events, ["completed"])
    }).pipe(Effect.provide(TestLayer))
  )
})
