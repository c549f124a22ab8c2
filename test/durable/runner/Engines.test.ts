/** Workers with several engines: scripted ones, which the tests turn off and on. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import { Codex } from "../../../src/Codex.ts"
import { DurableRunner, type RunnerOptions } from "../../../src/durable/runner/DurableRunner.ts"
import { type EngineOptions, Engines } from "../../../src/durable/runner/Engines.ts"
import { Store } from "../../../src/durable/store/Store.ts"
import * as CodexError from "../../../src/domain/CodexError.ts"
import * as Engine from "../../../src/engine/Engine.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"
import { layerStore, outcome, submit, waitFor } from "./support.ts"

/** A scripted engine whose turns go on without a worker. */
const behindSocket = Layer.provideMerge(Scripted.layerClient, Scripted.layerSocket)

/** A scripted engine that outlives the workers of a test, and that can be turned off. */
const make = Effect.fnUntraced(function* (
  name: string,
  layer: Layer.Layer<Engine.Engine | Scripted.Scripted> = Scripted.layer
) {
  const context = yield* Layer.build(Layer.fresh(layer))
  const scripted = Context.get(context, Scripted.Scripted)
  const engine = Context.get(context, Engine.Engine)
  let isOff = false
  const off = new CodexError.EngineUnreachable({ reason: "NotConnected", endpoint: name, detail: "off" })
  const unlessOff = <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | CodexError.EngineUnreachable, R> =>
    Effect.suspend((): Effect.Effect<A, E | CodexError.EngineUnreachable, R> =>
      isOff ? Effect.fail(off) : effect
    )
  const engineLayer = Layer.succeed(
    Engine.Engine,
    Engine.Engine.of({
      ...engine,
      ready: unlessOff(engine.ready),
      request: (method, params, options) => unlessOff(engine.request(method, params, options)),
      startThread: (options) => unlessOff(engine.startThread(options)),
      resumeThread: (id, options) => unlessOff(engine.resumeThread(id, options))
    })
  )
  return { ...scripted, name, engine: engineLayer, turn: (isOn: boolean) => void (isOff = !isOn) }
})

const worker = (engines: ReadonlyArray<EngineOptions>, options: RunnerOptions = {}) =>
  Layer.fresh(DurableRunner.layer(options)).pipe(
    Layer.provide(Layer.fresh(WorkflowEngine.layerMemory)),
    Layer.provide(Engines.layer(engines))
  )

const engineOf = (thread: string) =>
  Effect.map(
    Store.use((store) => store.thread(thread)),
    (row) => row?.engine
  )

/** The thread of Codex that runs the thread `t`, once the turn `k1` has started there. */
const startedThread = Effect.gen(function* () {
  const store = yield* Store
  const turn = yield* store.turn("k1")
  return (turn?.turnId ?? null) === null
    ? undefined
    : ((yield* store.thread("t"))?.codexThreadId ?? undefined)
})

const answers = (...texts: ReadonlyArray<string>) =>
  texts.flatMap((text) => [Scripted.message(text), Scripted.completed])

describe("a turn that is interrupted while no engine of its worker can be reached", () => {
  for (const names of [["a"], ["a", "b"]])
    it.effect(`ends within seconds, with ${names.length === 1 ? "one engine" : "two engines"}`, () =>
      Effect.gen(function* () {
        const engines = yield* Effect.forEach(names, (name) => make(name))
        const store = yield* Store
        for (const engine of engines) engine.turn(false)
        yield* Effect.gen(function* () {
          const { events } = yield* DurableRunner
          const waits = yield* Effect.forkScoped(
            Stream.runHead(Stream.filter(events, ({ _tag }) => _tag === "Retrying")),
            { startImmediately: true }
          )
          yield* submit("k1")
          // Several engines have some seconds to answer first.
          yield* TestClock.adjust("5 seconds")
          yield* Fiber.join(waits)
          const ended = yield* Effect.forkScoped(outcome("k1"), { startImmediately: true })
          yield* store.requestInterrupt("k1")
          yield* TestClock.adjust("15 seconds")
          const end = yield* Fiber.join(ended)
          assert.deepInclude(end._tag === "Failed" && end.error, { _tag: "TurnInterrupted", by: "caller" })
          assert.strictEqual((yield* store.turn("k1"))?.status, "interrupted")
        }).pipe(Effect.provide(worker(engines)))
        for (const { inputs } of engines) assert.isEmpty(yield* inputs)
      }).pipe(Effect.scoped, Effect.provide(layerStore))
    )
})

describe("a worker with several engines", () => {
  it.live("starts new threads on the engine with the fewest running ones", () =>
    Effect.gen(function* () {
      const [a, b, c] = yield* Effect.all([make("a"), make("b"), make("c")])
      const threads = Array.from({ length: 6 }, (_, index) => `t${index}`)
      yield* Effect.gen(function* () {
        for (const { play } of [a, b, c]) yield* play([Scripted.silence, Scripted.silence])
        yield* Effect.forEach(threads, (thread) => submit(thread, { threadId: thread }))
        yield* Effect.all([a.begun(2), b.begun(2), c.begun(2)])
      }).pipe(Effect.provide(worker([a, b, c])))
      const engines = yield* Effect.forEach(threads, engineOf)
      assert.deepStrictEqual(engines.toSorted(), ["a", "a", "b", "b", "c", "c"])
    }).pipe(Effect.scoped, Effect.provide(layerStore))
  )

  it.live("keeps a thread on its engine, also if another one runs fewer", () =>
    Effect.gen(function* () {
      const [a, b] = yield* Effect.all([make("a"), make("b")])
      yield* a.play(answers("one"))
      yield* Effect.gen(function* () {
        yield* submit("k1")
        assert.strictEqual((yield* outcome("k1"))._tag, "Completed")
      }).pipe(Effect.provide(worker([a])))
      yield* a.play([Scripted.silence])
      yield* Effect.gen(function* () {
        // The turn runs on the other engine, `b`.
        yield* b.play([Scripted.silence])
        yield* submit("x", { threadId: "x" })
        yield* b.begun()
        yield* submit("k2")
        yield* a.begun(2)
      }).pipe(Effect.provide(worker([b, a])))
      assert.deepStrictEqual(yield* a.inputs, ["do k1", "do k2"])
    }).pipe(Effect.scoped, Effect.provide(layerStore))
  )

  it.live("runs turns on the other engines while one cannot be reached, whose threads wait for it", () =>
    Effect.gen(function* () {
      const [a, b] = yield* Effect.all([make("a"), make("b")])
      const store = yield* Store
      yield* a.play(answers("one"))
      yield* submit("k1")
      yield* Effect.provide(outcome("k1"), worker([a]))
      a.turn(false)
      yield* submit("k2")
      yield* Effect.gen(function* () {
        const { events } = yield* DurableRunner
        const waits = yield* Effect.forkScoped(
          Stream.runHead(Stream.filter(events, ({ _tag }) => _tag === "Retrying")),
          { startImmediately: true }
        )
        yield* b.play(answers("two", "three"))
        // With one place, a turn that waits would stop the others.
        for (const key of ["x", "y"]) {
          yield* submit(key, { threadId: key })
          assert.strictEqual((yield* outcome(key))._tag, "Completed")
          assert.strictEqual(yield* engineOf(key), "b")
        }
        assert.deepInclude(Option.getOrUndefined(yield* Fiber.join(waits)), {
          key: "k2",
          errorType: "EngineUnreachable.Lost"
        })
        assert.isUndefined(yield* store.outcome("k2"))
        assert.strictEqual(yield* engineOf("t"), "a")
      }).pipe(Effect.provide(worker([a, b], { concurrency: 1 })))
    }).pipe(Effect.scoped, Effect.provide(layerStore))
  )

  it.live("interrupts the turn of a lost engine that comes back after the thread has moved", () =>
    Effect.gen(function* () {
      const [a, b] = yield* Effect.all([make("a", behindSocket), make("b")])
      const store = yield* Store
      yield* a.answer("thread/read", () => ({ thread: { status: { type: "active" } } }))
      yield* a.play([Scripted.silence])
      yield* submit("k1")
      const id = yield* Effect.provide(waitFor(startedThread), worker([a]))
      const other = Layer.provide(Layer.fresh(Codex.layer), Layer.effect(Engine.Engine, a.connect))
      const left = yield* Context.get(yield* Layer.build(other), Codex).attach(id)
      yield* b.play(answers("moved"))
      a.turn(false)
      yield* Effect.gen(function* () {
        assert.deepInclude(yield* outcome("k1"), { _tag: "Completed" })
        assert.strictEqual(yield* engineOf("t"), "b")
        a.turn(true)
        assert.strictEqual((yield* Effect.flip(left.await))._tag, "TurnInterrupted")
        // Once: the engine may run the thread again later.
        yield* Effect.repeat(store.engines.left("a"), {
          until: (threads) => threads.length === 0,
          schedule: Schedule.spaced("10 millis")
        })
      }).pipe(Effect.provide(worker([a, b], { takeOverAfter: "100 millis" })))
      assert.deepStrictEqual(yield* a.inputs, ["do k1"])
      const [moved, ...others] = yield* b.inputs
      assert.lengthOf(others, 0)
      // The lost engine may have run a part of it.
      assert.include(moved, "stopped in the middle of this task")
      assert.include(moved, "do k1")
    }).pipe(Effect.scoped, Effect.provide(layerStore))
  )
})
