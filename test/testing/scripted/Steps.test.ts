import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Codex, Retry } from "effect-codex"
import { Scripted } from "effect-codex/testing"

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
})
