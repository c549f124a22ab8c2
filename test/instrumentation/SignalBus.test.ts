import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Codex, type Signal, Telemetry } from "effect-codex"
import { Captured, Scripted, TestLayer } from "effect-codex/testing"
import { inOneSlice } from "../support/live.ts"

const script = [
  Scripted.command("npm test", { approval: true, takes: "2 seconds" }),
  Scripted.usage({ input: 10, output: 2 }),
  Scripted.message("done")
]

const turn = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ source: "observed" })
  return yield* thread.run("go")
}).pipe(Effect.scoped)

describe("Telemetry.layerObserver", () => {
  it.effect("sends every signal to every handler, in order and with its ids", () =>
    Effect.gen(function* () {
      yield* Scripted.play(script)
      const seen: Array<Telemetry.SignalEvent> = []
      const again: Array<Signal.Signal["_tag"]> = []
      const one = Telemetry.layerObserver((observed) => Effect.sync(() => void seen.push(observed)))
      const two = Telemetry.layerObserver(({ signal }) => Effect.sync(() => void again.push(signal._tag)))
      const fiber = yield* Effect.forkChild(Effect.provide(turn, Layer.mergeAll(one, two)))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      const tags = seen.map(({ signal }) => signal._tag)
      assert.deepStrictEqual(tags, [
        "TurnStart",
        "ModelStart",
        "ToolStart",
        "ApprovalStart",
        "ApprovalStop",
        "ToolStop",
        "ModelStart",
        "ModelStop",
        "UsageUpdated",
        "ModelStop",
        "TurnStop"
      ])
      assert.deepStrictEqual(again, tags)
      const agent = yield* Captured.span("invoke_agent codex")
      for (const observed of seen) {
        assert.strictEqual(observed.threadId, "thread_1")
        assert.strictEqual(observed.turnId, "turn_1")
        assert.strictEqual(observed.attributes["codex.source"], "observed")
        assert.strictEqual(observed.span?.traceId, agent.traceId)
      }
    }).pipe(Effect.provide(TestLayer))
  )

  it.live("lets a handler finish its signal and the queued ones when the layer closes", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.message("done"), Scripted.completed])
      const begun: Array<Signal.Signal["_tag"]> = []
      const ended: Array<Signal.Signal["_tag"]> = []
      const slow = Telemetry.layerObserver(({ signal }) =>
        Effect.gen(function* () {
          begun.push(signal._tag)
          yield* Effect.sleep("5 millis")
          ended.push(signal._tag)
        })
      )
      const begins = Effect.repeat(Effect.yieldNow, { until: () => begun.length > 0 })
      yield* Effect.provide(Effect.andThen(turn, begins), slow)
      assert.deepStrictEqual(ended, begun)
      assert.strictEqual(ended[0], "TurnStart")
      assert.strictEqual(ended.at(-1), "TurnStop")
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("does not affect the program when a handler fails, dies or never returns", () =>
    Effect.gen(function* () {
      const handlers = [() => Effect.fail("no"), () => Effect.die("bug"), () => Effect.never]
      for (const handler of handlers) {
        yield* Scripted.play([Scripted.message("done"), Scripted.completed])
        const fiber = yield* Effect.forkChild(Effect.provide(turn, Telemetry.layerObserver(handler)))
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* Fiber.join(fiber)).message, "done")
      }
    }).pipe(Effect.provide(TestLayer), inOneSlice)
  )
})
