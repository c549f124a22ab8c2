import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Approval, Codex, Retry } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import type * as Thread from "../../../src/Thread.ts"
import { inOneSlice } from "../../support/live.ts"

const layer = Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Layer.fresh(Scripted.layer)))

describe("a scripted turn", () => {
  it.effect("has begun when a test may steer it", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.message("first"),
        Scripted.completed,
        Scripted.steered("and this"),
        Scripted.message("second")
      ])
      const thread = yield* Effect.flatMap(Codex, (codex) => codex.startThread())
      const second = yield* Effect.forkChild(Scripted.begun(2))
      yield* thread.run("one")
      yield* Scripted.begun()
      assert.isUndefined(second.pollUnsafe())
      const turn = yield* Effect.forkChild(thread.run("two"))
      yield* Fiber.join(second)
      yield* thread.steer("and this")
      assert.strictEqual((yield* Fiber.join(turn)).message, "second")
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("reports limits, and ends at an exhausted one that resets", () =>
    Effect.gen(function* () {
      const primary = { usedPercent: 80, windowMillis: 18_000_000, resetsAt: 7_200_000 }
      yield* Scripted.play([
        Scripted.limit({ id: "codex", primary, reached: "soon" }),
        Scripted.usageLimit({ resetsIn: "2 hours" }),
        Scripted.message("done")
      ])
      const codex = yield* Codex
      const update = yield* Effect.forkChild(Stream.runHead(codex.limits.updates), {
        startImmediately: true
      })
      const thread = yield* codex.startThread()
      const turn = yield* Effect.forkChild(thread.run("go", { retry: Retry.untilReset("3 hours") }))
      yield* TestClock.adjust("2 hours")
      assert.isUndefined(turn.pollUnsafe())
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(turn)).message, "done")
      assert.strictEqual(yield* Clock.currentTimeMillis, 7_260_000)
      const limits = yield* Effect.flatMap(Fiber.join(update), Effect.fromOption)
      assert.deepStrictEqual(limits.limits, [{ id: "codex", primary, reached: "soon" }])
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  /** Collects how the turns of a thread end, until this number of turns has ended. */
  const ends = (thread: Thread.Thread, turns: number) =>
    thread.activity.pipe(
      Stream.filter((event) => event._tag === "TurnEnded"),
      Stream.map(
        ({ errorType = "", requested, turn }) =>
          `${requested ? "requested" : "by itself"}: ${turn.message}${errorType}`
      ),
      Stream.take(turns),
      Stream.runCollect,
      Effect.forkChild({ startImmediately: true })
    )

  it.effect("is followed by turns that Codex starts by itself, without a goal", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.message("fixed"),
        Scripted.continues("and the tests?"),
        Scripted.prompt("and the tests?"),
        Scripted.delay("1 minute"),
        Scripted.message("they pass"),
        Scripted.continues(),
        Scripted.interrupted,
        Scripted.message("thanked")
      ])
      const thread = yield* Effect.flatMap(Codex, (codex) => codex.startThread())
      const seen = yield* ends(thread, 4)
      yield* thread.run("go")
      // A turn of Codex's own runs, so this one waits.
      const last = yield* Effect.forkChild(thread.run("thanks"))
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(last.pollUnsafe())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(last)
      assert.deepStrictEqual(yield* Fiber.join(seen), [
        "requested: fixed",
        "by itself: they pass",
        "by itself: TurnInterrupted",
        "requested: thanked"
      ])
      assert.deepStrictEqual(yield* Scripted.inputs, ["go", "and the tests?", "thanks"])
    }).pipe(Effect.scoped, Effect.provide(layer), inOneSlice)
  )

  it.effect("starts by itself when a test wants it, on an idle thread or after the current turn", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const policy = Approval.layer((request) =>
        Effect.sync(() => (asked.push(Approval.summarize(request)), Approval.decline("not now")))
      )
      const thread = yield* Effect.flatMap(Codex, (codex) =>
        codex.startThread({ approvalMode: "on-request", budget: { tokens: 100 } })
      ).pipe(Effect.provide(policy))
      const seen = yield* ends(thread, 3)
      yield* Scripted.startTurn(thread.id, [
        Scripted.command("rm x", { approval: true }),
        Scripted.message("first")
      ])
      yield* Scripted.play([Scripted.delay("1 minute"), Scripted.message("done")])
      const turn = yield* Effect.forkChild(thread.run("go"))
      yield* Scripted.begun(2)
      yield* Scripted.startTurn(thread.id, [
        Scripted.usage({ input: 101 }),
        Scripted.delay("1 hour"),
        Scripted.message("too much")
      ])
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(turn)
      assert.deepStrictEqual(yield* Fiber.join(seen), [
        "by itself: first",
        "requested: done",
        "by itself: BudgetExceeded.Tokens"
      ])
      assert.lengthOf(asked, 1)
    }).pipe(Effect.scoped, Effect.provide(layer), inOneSlice)
  )

  it.effect("cannot start on a thread that no handle has open", () =>
    Effect.gen(function* () {
      const id = yield* Effect.scoped(
        Effect.flatMap(Codex, (codex) => Effect.map(codex.startThread(), (thread) => thread.id))
      )
      const defect = yield* Scripted.startTurn(id, [Scripted.message("hello")]).pipe(
        Effect.catchDefect((defect) => Effect.succeed(defect))
      )
      assert.include(String(defect), "no handle of the thread is open")
    }).pipe(Effect.provide(layer))
  )
})
