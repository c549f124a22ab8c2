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
import { crashSteps } from "../../src/durable/DurableCrash.ts"

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

  const steps = crashSteps.filter((step) => !/approval|tool/.test(step))
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

  it.effect("continues a turn whose machine crashes on another one, from the copy of its conversation", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.message("Packed."),
        Scripted.completed,
        Scripted.command("npm publish"),
        Scripted.silence,
        Scripted.message("Published before.")
      ])
      const durable = yield* Durable
      yield* durable.submit("Pack", { key: "k1", thread: "t" })
      yield* durable.await("k1")
      yield* durable.submit("Publish", { key: "k2", thread: "t" })
      yield* durable.watch("k2").pipe(
        Stream.takeUntil(({ type }) => type === "item.completed"),
        Stream.runDrain
      )
      yield* Durable.crash(undefined, "machine")
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual((yield* durable.await("k2")).message, "Published before.")
      const inputs = yield* Scripted.inputs
      assert.lengthOf(inputs, 3)
      assert.include(inputs[2], "- command: npm publish")
    }).pipe(Effect.provide(DurableTest.layer()))
  )

  it.effect("gives the task again to a turn whose start was lost with its machine", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.silence, Scripted.message("Done.")])
      const durable = yield* Durable
      const crash = yield* Effect.forkChild(Durable.crash("after-turn-start", "machine"), {
        startImmediately: true
      })
      yield* durable.submit("Build", { key: "continues" })
      yield* Fiber.join(crash)
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual((yield* durable.await("continues")).message, "Done.")
      const [first, second] = yield* Scripted.inputs
      assert.strictEqual(first, "Build")
      assert.include(second, "stopped in the middle of this task")
      assert.include(second, "Build")
    }).pipe(Effect.provide(DurableTest.layer()))
  )

  it.effect("does not run a turn again whose start was lost, if its policy says so", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.silence])
      const durable = yield* Durable
      const crash = yield* Effect.forkChild(Durable.crash("after-turn-start", "machine"), {
        startImmediately: true
      })
      yield* durable.submit("Pay", { key: "fails", recovery: "fail" })
      yield* Fiber.join(crash)
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual((yield* Effect.flip(durable.await("fails")))._tag, "TurnOutcomeUnknown")
    }).pipe(Effect.provide(DurableTest.layer()))
  )

  it.effect("continues a thread whose first turn was interrupted before it started, on another machine", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.message("Done.")])
      const durable = yield* Durable
      yield* durable.submit("Test", { key: "k1", thread: "t" })
      yield* durable.interrupt("k1")
      yield* Effect.exit(durable.await("k1"))
      yield* Durable.crash(undefined, "machine")
      yield* durable.submit("Test again", { key: "k2", thread: "t" })
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual((yield* durable.await("k2")).message, "Done.")
    }).pipe(Effect.provide(DurableTest.layer()))
  )

  it.effect("starts nothing on a frozen runner that thaws after another one took its turn over", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.message("Done.")])
      const durable = yield* Durable
      const freeze = yield* Effect.forkChild(Durable.freeze("before-turn-start"), { startImmediately: true })
      yield* durable.submit("Test", { key: "k" })
      const thaw = yield* Fiber.join(freeze)
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual((yield* durable.await("k")).message, "Done.")
      yield* thaw
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Scripted.inputs, ["Test"])
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
