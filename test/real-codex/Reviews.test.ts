import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Review from "../../src/domain/Review.ts"
import { Codex } from "../../src/Codex.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import { TestLayer } from "../../src/testing/TestLayer.ts"
import { test, until } from "../support/live.ts"
import * as ReviewReply from "../support/reviewReply.ts"
import * as Real from "../support/realEngine.ts"

const unreadable = '{"findings": [{"title": "Close the file"}]}'
const { message: answer, review: result } = ReviewReply

describe.concurrent("a review by the real Codex", () => {
  test("is a turn with events, usage and typed findings", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.shell("echo looked", { callId: "c1" }), M.usage({ input: 100, output: 10 })),
        M.reply(M.text(answer, { deltas: true }), M.usage({ input: 200, output: 20 })),
        M.reply(M.text(answer), M.usage({ input: 1, output: 1 })),
        (request) =>
          M.reply(M.text(JSON.stringify(request.body["input"]).includes("It leaks.") ? "yes" : "no"))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const events = yield* Stream.runCollect(thread.streamReview({ target: Review.uncommitted }))
        assert.strictEqual(events[0]?._tag, "TurnStarted")
        assert.isTrue(
          events.some((event) => event._tag === "ItemStarted" && event.item._tag === "EnteredReviewMode")
        )
        const last = events.at(-1)
        assert.strictEqual(last?._tag, "TurnCompleted")
        if (last?._tag !== "TurnCompleted") return
        const { turn } = last
        assert.deepStrictEqual(turn.review, result)
        assert.strictEqual(turn.message, Review.format(result))
        assert.deepInclude(turn, { modelCalls: 2, toolCalls: 1 })
        assert.deepInclude(turn.usage, { input: 300, output: 30 })
        const kinds = turn.items.map((item) => item._tag)
        assert.includeMembers(kinds, [
          "EnteredReviewMode",
          "CommandExecution",
          "ExitedReviewMode",
          "AgentMessage"
        ])

        const { review } = yield* thread.review({ target: Review.commit("abc1234", "Fix it") })
        assert.deepStrictEqual(review, result)
        const [, , second] = yield* real.server.requests
        assert.include(second?.lastUserText, "abc1234")
        assert.strictEqual((yield* thread.run("Did it leak?")).message, "yes")
        assert.deepInclude(yield* thread.spent, { modelCalls: 4 })

        const codex = yield* Codex
        const { turns } = yield* codex.readThread(thread.id)
        const stored = turns.flatMap(({ items }) => items).find((item) => item._tag === "ExitedReviewMode")
        assert.deepStrictEqual(
          stored?._tag === "ExitedReviewMode" ? stored.review?.findings[0]?.title : "",
          "Close the file"
        )
      }).pipe(Effect.provide(real.layer))
    }))

  test("is observed and counted if the caller starts it by a raw request", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.shell("echo looked"), M.usage({ input: 100, output: 10 })),
        M.reply(M.text(answer), M.usage({ input: 200, output: 20 })),
        M.reply(M.text("next"), M.usage({ input: 1, output: 1 }))
      ])
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* real.start()
        const ended = yield* thread.activity.pipe(
          Stream.filter((event) => event._tag === "TurnEnded"),
          Stream.runHead,
          Effect.forkScoped({ startImmediately: true })
        )
        yield* codex.request("review/start", { threadId: thread.id, target: { type: "uncommittedChanges" } })
        const event = yield* Fiber.join(ended)
        assert.deepStrictEqual(
          event._tag === "Some" && event.value._tag === "TurnEnded" ? event.value.turn.review : undefined,
          result
        )
        assert.strictEqual((yield* thread.run("Go on")).message, "next")
        assert.deepInclude(yield* thread.spent, { modelCalls: 3, tokens: 332 })
      }).pipe(Effect.provide(real.layer))
    }))

  test("is interrupted with its commands", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.shell("sleep 4711")), M.reply(M.text("after"))])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const working = yield* Deferred.make<void>()
        const fiber = yield* thread.streamReview({ target: Review.custom("Look at it.") }).pipe(
          Stream.tap((event) =>
            event._tag === "ItemStarted" && event.item._tag === "CommandExecution"
              ? Deferred.succeed(working, undefined)
              : Effect.void
          ),
          Stream.runDrain,
          Effect.forkScoped({ startImmediately: true })
        )
        yield* Deferred.await(working)
        // Codex cannot end a command whose process does not run yet.
        const codex = (yield* real.processes).filter(({ parent }) => parent === process.pid).length
        yield* until(
          "the command runs",
          Effect.map(real.processes, ({ length }) => length > codex)
        )
        yield* Fiber.interrupt(fiber)
        assert.strictEqual((yield* thread.run("next")).message, "after")
        yield* until(
          "no command is left",
          Effect.map(real.processes, ({ length }) => length === codex)
        )
      }).pipe(Effect.provide(real.layer))
    }))

  test("fails if the model gives no review or none that can be read, and stops at its budget", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.text(" ")),
        M.reply(M.text(unreadable)),
        M.reply(M.text("Looks fine.")),
        M.reply(M.shell("echo 1"), M.usage({ input: 100, output: 10 })),
        M.reply(M.never)
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const error = yield* Effect.flip(thread.review({ target: Review.uncommitted }))
        assert.strictEqual(error._tag, "OutputInvalid")
        const unread = yield* Effect.flip(thread.review({ target: Review.uncommitted }))
        assert.strictEqual(unread._tag === "OutputInvalid" ? unread.output : unread._tag, unreadable)
        const { review } = yield* thread.review({ target: Review.uncommitted })
        assert.deepStrictEqual(review, { findings: [], explanation: "Looks fine." })
        const exceeded = yield* Effect.flip(
          thread.review({ target: Review.uncommitted, budget: { tokens: 50 } })
        )
        assert.strictEqual(exceeded._tag, "BudgetExceeded")
      }).pipe(Effect.provide(real.layer))
    }))
})

describe("a scripted review", () => {
  it.effect("has the result that its script gives", () =>
    Effect.gen(function* () {
      const codex = yield* Codex
      const thread = yield* codex.startThread()
      yield* Scripted.play([
        Scripted.command("git diff"),
        Scripted.review(result),
        Scripted.completed,
        Scripted.message("no")
      ])
      const turn = yield* thread.review({ target: Review.uncommitted })
      assert.deepStrictEqual(turn.review, result)
      assert.strictEqual(turn.message, Review.format(result))
      assert.deepStrictEqual(Review.fromText(turn.message)?.findings[0]?.lines, { start: 3, end: 5 })
      const error = yield* Effect.flip(thread.review({ target: Review.branch("main") }))
      assert.strictEqual(error._tag, "OutputInvalid")
      assert.deepStrictEqual(yield* Scripted.inputs, ["current changes", "changes against 'main'"])
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )
})
