import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Approval from "../../../src/Approval.ts"
import { Codex } from "../../../src/Codex.ts"
import * as CodexError from "../../../src/domain/CodexError.ts"
import { DurableRunner } from "../../../src/durable/runner/DurableRunner.ts"
import { ItemId, TurnId } from "../../../src/domain/Ids.ts"
import { Store } from "../../../src/durable/store/Store.ts"
import * as Engine from "../../../src/engine/Engine.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"
import { layerCodex, layerStore, outcome, pending, runner, status, submit } from "./support.ts"

const realClock = Context.get(Context.empty(), Clock.Clock)
const anHourLater: Clock.Clock = Object.setPrototypeOf(
  { currentTimeMillis: Effect.map(realClock.currentTimeMillis, (now) => now + 3_600_000) },
  realClock
)

const died = Scripted.failed(new CodexError.EngineExited({ stderr: "killed" }))

const errorOf = (key: string) =>
  Effect.map(outcome(key), (end) => (end._tag === "Failed" ? end.error : undefined))

/** A request of the turn `k1`. */
const charge = (id: string) => {
  const itemId = ItemId.make("c")
  const request = { _tag: "Tool", id: "c", itemId, tool: "charge", arguments: {} } as const
  const turnId = TurnId.make("turn_1")
  return {
    id,
    key: "k1",
    threadId: "t",
    turnId,
    itemId,
    hash: "h",
    request,
    shown: "charge",
    expiresAt: null
  }
}

describe("a runner of durable turns", () => {
  it.live("runs the turns of a thread one after the other, and stores their events and outcomes", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.command("npm test", { exitCode: 0 }),
        Scripted.message("one"),
        Scripted.completed,
        Scripted.message("two")
      ])
      yield* submit("k1")
      yield* submit("k2")
      yield* Effect.gen(function* () {
        const first = yield* outcome("k1")
        const second = yield* outcome("k2")
        assert.strictEqual(first._tag === "Completed" && first.turn.message, "one")
        assert.strictEqual(second._tag === "Completed" && second.turn.message, "two")
      }).pipe(Effect.provide(runner()))
      assert.deepStrictEqual(yield* Scripted.inputs, ["do k1", "do k2"])
      const store = yield* Store
      const events = yield* store.events.after("k1", 0)
      assert.deepStrictEqual(
        events.map(({ event }) => event.type),
        ["turn.started", "item.started", "item.completed", "item.started", "item.completed"]
      )
      const turn = yield* store.turn("k1")
      assert.strictEqual(turn?.status, "completed")
      assert.isNotNull(turn?.turnId)
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("asks about an approval in the database, and goes on after the answer", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.command("rm -r build", { exitCode: 0, approval: true }),
        Scripted.message("done")
      ])
      yield* submit("k1")
      yield* Effect.gen(function* () {
        const store = yield* Store
        const row = yield* pending
        assert.include(row.shown, "rm -r build")
        yield* status("k1", "waiting")
        assert.strictEqual(yield* store.approvals.decide(row.id, { _tag: "Accept" }, "ada"), "accepted")
        const end = yield* outcome("k1")
        assert.strictEqual(end._tag, "Completed")
      }).pipe(Effect.provide(runner()))
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("continues a turn whose engine died, with a message that lists what it may have done", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.command("npm publish", { exitCode: 0 }), died, Scripted.message("done")])
      yield* submit("k1")
      const end = yield* Effect.provide(outcome("k1"), runner())
      assert.strictEqual(end._tag === "Completed" && end.turn.message, "done")
      const [first, second, ...more] = yield* Scripted.inputs
      assert.strictEqual(first, "do k1")
      assert.include(second, "- command: npm publish")
      assert.deepStrictEqual(more, [])
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("fails a turn whose engine died, if its recovery policy says so", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.message("half"), died])
      yield* submit("k1", { options: { recovery: "fail" } })
      const error = yield* Effect.provide(errorOf("k1"), runner())
      assert.strictEqual(error?._tag, "TurnOutcomeUnknown")
      assert.strictEqual((yield* Scripted.inputs).length, 1)
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("subtracts from the budget what the turn used on the engine that died", () =>
    Effect.gen(function* () {
      const used = Scripted.usage({ input: 500, output: 100 })
      yield* Scripted.play([used, died, used, Scripted.message("never seen")])
      yield* submit("k1", { options: { budget: { tokens: 1000 } } })
      const error = yield* Effect.provide(errorOf("k1"), runner())
      assert.deepInclude(error, { _tag: "BudgetExceeded", reason: "Tokens", limit: 1000, used: 1200 })
      assert.strictEqual((yield* Scripted.inputs).length, 2)
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("does not continue a turn that has used its whole budget when its engine dies", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.command("npm test", { exitCode: 0 }),
        Scripted.usage({ input: 500, output: 100 }),
        died
      ])
      yield* submit("k1", { options: { budget: { toolCalls: 10, modelCalls: 1 } } })
      const error = yield* Effect.provide(errorOf("k1"), runner())
      assert.deepInclude(error, { _tag: "BudgetExceeded", reason: "ModelCalls", limit: 1, used: 1 })
      assert.strictEqual((yield* Scripted.inputs).length, 1)
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live(
    "F08 names the tool if an earlier runner ended the turn because of it, and died before it wrote that",
    () =>
      Effect.gen(function* () {
        yield* Scripted.play([Scripted.interrupted])
        yield* submit("k1")
        const store = yield* Store
        // The ids of the scripted engine begin with this one.
        yield* store.tools.begin({
          turnId: TurnId.make("turn_1"),
          callId: "call_1",
          key: "k1",
          tool: "charge",
          sideEffect: "once"
        })
        const error = yield* Effect.provide(errorOf("k1"), runner())
        assert.deepInclude(error, { _tag: "ToolOutcomeUnknown", tool: "charge", callId: "call_1" })
      }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("interrupts a turn on the request of any process", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.silence])
      yield* submit("k1")
      yield* Effect.gen(function* () {
        yield* Scripted.begun()
        const store = yield* Store
        assert.isTrue(yield* store.requestInterrupt("k1"))
        assert.strictEqual((yield* errorOf("k1"))?._tag, "TurnInterrupted")
        assert.strictEqual((yield* store.turn("k1"))?.status, "interrupted")
      }).pipe(Effect.provide(runner()))
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("starts no turn that was interrupted while no runner could start it", () =>
    Effect.gen(function* () {
      yield* submit("k1")
      const store = yield* Store
      yield* store.claim("k1", "died", { journal: 1 })
      yield* store.requestInterrupt("k1")
      const error = yield* Effect.provide(errorOf("k1"), runner())
      assert.deepInclude(error, { _tag: "TurnInterrupted", by: "caller" })
      assert.deepStrictEqual(yield* Scripted.inputs, [])
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("ends the approvals of a turn whose runner wrote the outcome and died", () =>
    Effect.gen(function* () {
      yield* submit("k1")
      const store = yield* Store
      yield* store.approvals.ask(charge("a"))
      const ended = yield* Deferred.make<void>()
      /** The outcome of another runner arrives when this one looks at the turn. */
      const late = Store.of({
        ...store,
        turn: (key) =>
          Effect.andThen(
            store.finish(key, 0, { _tag: "Failed", error: new CodexError.TurnInterrupted({ by: "caller" }) }),
            store.turn(key)
          ),
        approvals: {
          ...store.approvals,
          end: (key) => Effect.andThen(store.approvals.end(key), Deferred.succeed(ended, undefined))
        }
      })
      yield* Deferred.await(ended).pipe(Effect.provide(runner()), Effect.provideService(Store, late))
      assert.deepStrictEqual(yield* store.approvals.list({ pending: true }), [])
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live(
    "writes no outcome of a turn that another runner has taken over, and leaves its approvals open",
    () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* Scripted.play([
          Scripted.command("npm test", { exitCode: 0, approval: true }),
          Scripted.message("done")
        ])
        yield* submit("k1")
        const takenOver = Effect.gen(function* () {
          yield* store.claim("k1", "other")
          yield* store.approvals.ask(charge("of-other"))
        })
        yield* Effect.gen(function* () {
          const { events } = yield* DurableRunner
          const end = yield* events.pipe(
            Stream.filter(({ _tag }) => _tag === "Left" || _tag === "Ended"),
            Stream.runHead
          )
          assert.strictEqual(Option.getOrUndefined(end)?._tag, "Left")
        }).pipe(
          Effect.provide(
            // It takes the turn over while this runner decides about a command.
            runner({ approvals: () => Effect.as(Effect.orDie(takenOver), Approval.accept) })
          )
        )
        assert.isUndefined(yield* store.outcome("k1"))
        assert.isDefined(yield* store.owns("k1", "other", 2))
        assert.lengthOf(yield* store.approvals.list({ pending: true }), 1)
      }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("F44 ends a turn that another version of the program or of the journal has started", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* submit("program", { threadId: "a" })
      yield* store.claim("program", "old", { journal: 1, program: "1" })
      yield* submit("journal", { threadId: "b" })
      yield* store.claim("journal", "old", { journal: 99, program: "2" })
      yield* Effect.gen(function* () {
        assert.deepInclude(yield* errorOf("program"), { what: "program", found: "1", expected: "2" })
        assert.deepInclude(yield* errorOf("journal"), { what: "journal", found: "99", expected: "1" })
      }).pipe(Effect.provide(runner({ programVersion: "2" })))
      assert.deepStrictEqual(yield* Scripted.inputs, [])
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("counts the timeout from the first start, also in the attempt after an engine died", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* Scripted.play([Scripted.silence])
      yield* submit("k1", { options: { timeoutMillis: 3_600_000 } })
      yield* store.claim("k1", "old", { journal: 1, program: undefined })
      // An hour later another runner takes the turn.
      const error = yield* Effect.provide(errorOf("k1"), runner()).pipe(
        Effect.provideService(Clock.Clock, anHourLater)
      )
      assert.deepInclude(error, { _tag: "TurnTimedOut", timeoutMillis: 3_600_000 })
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("opens the thread with the options of the submission, and not with those of a later one", () =>
    Effect.gen(function* () {
      yield* submit("k1", { threadOptions: { cwd: "/no/such/directory" } })
      yield* submit("k2", { threadOptions: { cwd: "/" } })
      yield* Scripted.play([Scripted.message("two")])
      yield* Effect.gen(function* () {
        assert.deepInclude(yield* errorOf("k1"), { _tag: "WorkspaceMissing", cwd: "/no/such/directory" })
        assert.strictEqual((yield* outcome("k2"))._tag, "Completed")
      }).pipe(Effect.provide(runner()))
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("runs no turn whose directory this machine does not have", () =>
    Effect.gen(function* () {
      yield* submit("k1", { threadOptions: { cwd: "/no/such/directory" } })
      const error = yield* Effect.provide(errorOf("k1"), runner())
      assert.deepInclude(error, { _tag: "WorkspaceMissing", thread: "t", cwd: "/no/such/directory" })
      assert.deepStrictEqual(yield* Scripted.inputs, [])
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("F43 starts nothing more when it drains, and leaves what runs without an outcome", () =>
    Effect.gen(function* () {
      yield* Scripted.play(Array.from({ length: 20 }, () => Scripted.silence))
      const keys = Array.from({ length: 20 }, (_, index) => `k${index}`)
      yield* Effect.forEach(keys, (key) => submit(key, { threadId: key }))
      yield* Effect.gen(function* () {
        yield* Scripted.begun(20)
        const worker = yield* DurableRunner
        yield* worker.drain
        assert.deepStrictEqual(yield* worker.running, [])
        yield* submit("late", { threadId: "late" })
      }).pipe(Effect.provide(runner({ concurrency: 20 })))
      const store = yield* Store
      const open = yield* store.turns({ ended: false })
      assert.strictEqual(open.length, 21)
      assert.strictEqual((yield* store.turn("late"))?.status, "submitted")
    }).pipe(Effect.provide([layerStore, layerCodex]))
  )

  it.live("opens each thread so that it leaves its turns from before it is open", () =>
    Effect.gen(function* () {
      const opened: Array<boolean | undefined> = []
      const layer = Layer.effect(
        Engine.Engine,
        Effect.map(Engine.Engine, (engine) =>
          Engine.Engine.of({
            ...engine,
            startThread: (options) => {
              opened.push(options.leavesTurns)
              return engine.startThread(options)
            },
            resumeThread: (id, options) => {
              opened.push(options.leavesTurns)
              return engine.resumeThread(id, options)
            }
          })
        )
      ).pipe(Layer.provideMerge(Layer.fresh(Scripted.layer)))
      yield* Effect.gen(function* () {
        yield* Scripted.play([Scripted.message("one"), Scripted.completed, Scripted.message("two")])
        yield* submit("k1")
        yield* submit("k2")
        yield* Effect.provide(outcome("k2"), runner())
      }).pipe(Effect.provide(Layer.fresh(Codex.layer).pipe(Layer.provideMerge(layer))))
      assert.deepStrictEqual(opened, [true, true])
    }).pipe(Effect.provide(layerStore))
  )
})
