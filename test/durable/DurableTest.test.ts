import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as TestClock from "effect/testing/TestClock"
import { Approval, ToolJournal, ToolSettings, Turn } from "effect-codex"
import { type CrashStep, Durable } from "effect-codex/durable"
import { DurableTest, Scripted } from "effect-codex/testing"

/** The idempotency keys with which a tool ran. */
class Calls extends Context.Service<Calls, { readonly keys: Array<string> }>()("test/Calls") {}

const layerTools = (sideEffects: "read" | "idempotent" | "once") => {
  const Tools = Toolkit.make(
    Tool.make("count", { success: Schema.String }).annotate(ToolSettings.SideEffects, sideEffects)
  )
  const calls = { keys: new Array<string>() }
  const handlers = Tools.toLayer({
    count: () =>
      Effect.map(ToolJournal.IdempotencyKey, (key) => {
        calls.keys.push(key)
        return "counted"
      })
  })
  return DurableTest.layer({ tools: Tools }).pipe(
    Layer.provide(handlers),
    Layer.merge(Layer.succeed(Calls, calls))
  )
}

describe("DurableTest", () => {
  it.effect("runs a turn, and answers its approval after a crash", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.command("git push", { approval: true }), Scripted.message("Pushed.")])
      const { approvals, await: outcome, submit } = yield* Durable
      yield* submit("Push the release", { key: "push-1" })
      yield* Durable.crash("approval-waits")
      const [request] = yield* approvals.list()
      assert.isDefined(request)
      yield* approvals.answer(request.id, { decision: Approval.accept, hash: request.hash }, "ada")
      assert.strictEqual((yield* outcome("push-1")).message, "Pushed.")
      assert.deepStrictEqual(yield* Scripted.inputs, ["Push the release"])
    }).pipe(Effect.provide(DurableTest.layer()))
  )

  const steps: ReadonlyArray<CrashStep> = [
    "before-claim",
    "after-claim",
    "before-turn-start",
    "after-turn-start",
    "model-streams",
    "command-runs",
    "before-outcome",
    "after-outcome"
  ]
  for (const step of steps)
    it.effect(`runs a turn once when the runner crashes: ${step}`, () =>
      Effect.gen(function* () {
        yield* Scripted.play([Scripted.command("npm test"), Scripted.message("Done.", { deltas: true })])
        const durable = yield* Durable
        const crash = yield* Effect.forkChild(Durable.crash(step), { startImmediately: true })
        yield* durable.submit("Test", { key: "k" })
        yield* Fiber.join(crash)
        const turn = yield* durable.await("k")
        assert.strictEqual(turn.message, "Done.")
        assert.deepStrictEqual(
          turn.items.map(({ _tag }) => _tag),
          ["CommandExecution", "AgentMessage"]
        )
        assert.deepStrictEqual(yield* Scripted.inputs, ["Test"])
      }).pipe(Effect.provide(DurableTest.layer()))
    )

  const toolSteps: ReadonlyArray<readonly [CrashStep, "read" | "idempotent" | "once", number]> = [
    ["tool-runs", "idempotent", 1],
    ["before-tool-result", "read", 2],
    ["before-tool-result", "idempotent", 2],
    ["after-tool-result", "once", 1]
  ]
  for (const [step, sideEffects, runs] of toolSteps)
    it.effect(`runs a tool with the side effects "${sideEffects}" ${runs} times over a crash: ${step}`, () =>
      Effect.gen(function* () {
        yield* Scripted.play([Scripted.toolCall("count", {}), Scripted.message("Counted.")])
        const durable = yield* Durable
        const crash = yield* Effect.forkChild(Durable.crash(step), { startImmediately: true })
        yield* durable.submit("Count", { key: "k" })
        yield* Fiber.join(crash)
        assert.strictEqual((yield* durable.await("k")).message, "Counted.")
        const { keys } = yield* Calls
        assert.deepStrictEqual(
          keys,
          Array.from({ length: runs }, () => keys[0])
        )
      }).pipe(Effect.provide(layerTools(sideEffects)))
    )

  it.effect("never runs a once tool again", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.toolCall("count", {}), Scripted.message("Counted.")])
      const durable = yield* Durable
      const crash = yield* Effect.forkChild(Durable.crash("before-tool-result"), { startImmediately: true })
      yield* durable.submit("Count", { key: "k" })
      yield* Fiber.join(crash)
      const error = yield* Effect.flip(durable.await("k"))
      assert.strictEqual(error._tag, "ToolOutcomeUnknown")
      assert.strictEqual((yield* Calls).keys.length, 1)
    }).pipe(Effect.provide(layerTools("once")))
  )

  it.effect("declines an approval at its expiry, which passes over a crash", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.command("git push", { approval: true }),
        Scripted.message("Not pushed.")
      ])
      const durable = yield* Durable
      yield* durable.submit("Push", { key: "k" })
      yield* Durable.crash("approval-waits")
      yield* TestClock.adjust("4 minutes")
      assert.strictEqual((yield* durable.turn("k")).status, "waiting")
      yield* TestClock.adjust("1 minute")
      const turn = yield* durable.await("k")
      assert.strictEqual(turn.items[0]?._tag === "CommandExecution" && turn.items[0].status, "declined")
    }).pipe(Effect.provide(DurableTest.layer({ approvalExpiry: "5 minutes" })))
  )

  it.effect("has the time limit of the submission for a turn that another runner takes over", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.silence])
      const durable = yield* Durable
      yield* durable.submit("Wait", { key: "k", timeout: "5 minutes" })
      yield* Scripted.begun()
      yield* Durable.crash()
      yield* TestClock.adjust("4 minutes")
      assert.strictEqual((yield* durable.turn("k")).status, "running")
      yield* TestClock.adjust("1 minute")
      const error = yield* Effect.flip(durable.await("k"))
      assert.deepInclude(error, { _tag: "TurnTimedOut", timeoutMillis: 300_000 })
    }).pipe(
      Effect.provide(
        DurableTest.layer().pipe(Layer.provide(Layer.succeed(Turn.DefaultTimeout, Duration.minutes(1))))
      )
    )
  )

  it.effect("stores each event of a turn once over two crashes", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.delay("1 second"),
        Scripted.command("npm test"),
        Scripted.delay("1 second"),
        Scripted.message("Done.")
      ])
      const durable = yield* Durable
      yield* durable.submit("Test", { key: "k" })
      yield* Scripted.begun()
      yield* Durable.crash()
      yield* TestClock.adjust("1 second")
      yield* Durable.crash()
      yield* TestClock.adjust("1 second")
      yield* durable.await("k")
      const lines = yield* Stream.runCollect(durable.watch("k"))
      assert.deepStrictEqual(
        lines.map((line) => ("item" in line ? `${line.type} ${line.item.id}` : line.type)),
        [
          "turn.started",
          "item.started call_1",
          "item.completed call_1",
          "item.started msg_2",
          "item.completed msg_2",
          "turn.completed"
        ]
      )
    }).pipe(Effect.provide(DurableTest.layer()))
  )

  it.effect("continues a turn whose engine crashes", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.command("npm publish"),
        Scripted.silence,
        Scripted.message("Published before.")
      ])
      const durable = yield* Durable
      yield* durable.submit("Publish", { key: "k" })
      yield* Scripted.begun()
      yield* Durable.crash(undefined, "engine")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* durable.await("k")).message, "Published before.")
      assert.include((yield* Scripted.inputs)[1], "- command: npm publish")
    }).pipe(Effect.provide(DurableTest.layer()))
  )
})
