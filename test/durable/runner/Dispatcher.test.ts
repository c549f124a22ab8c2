/** The dispatcher on a workflow engine that only records what it gets, as if other runners ran the turns. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import * as CodexError from "../../../src/domain/CodexError.ts"
import * as Dispatcher from "../../../src/durable/runner/Dispatcher.ts"
import * as DurableTurn from "../../../src/durable/runner/DurableTurn.ts"
import { Store } from "../../../src/durable/store/Store.ts"
import { layerStore, submit } from "./support.ts"

const keyOf = Schema.decodeUnknownSync(Schema.Struct({ key: Schema.String }))

const make = Effect.gen(function* () {
  const store = yield* Store
  const leaving = yield* Deferred.make<void>()
  const registered = DurableTurn.layer(() => Effect.never, leaving)
  const memory = Context.get(
    yield* Layer.build(Layer.provideMerge(registered, Layer.fresh(WorkflowEngine.layerMemory))),
    WorkflowEngine.WorkflowEngine
  )
  const calls = yield* Queue.unbounded<string>()
  const keys = new Map<string, string>()
  const here = new Set<string>()
  let failures = 0
  const seen: Array<string> = []
  const record = (call: string) => {
    seen.push(call)
    return Effect.asVoid(Queue.offer(calls, call))
  }
  const engine = WorkflowEngine.WorkflowEngine.of({
    ...memory,
    execute: (self, options) =>
      Effect.suspend(() => {
        const key = keyOf(options.payload).key
        return failures-- > 0 ? Effect.die(new Error("the database restarts")) : record(`start ${key}`)
      }).pipe(Effect.andThen(memory.execute(self, options))),
    resume: (_workflow, executionId) => record(`resume ${keys.get(executionId)}`)
  })
  const started = (key: string) =>
    Effect.map(DurableTurn.workflow.executionId({ key }), (id) => void keys.set(id, key)).pipe(
      Effect.andThen(submit(key, { threadId: key }))
    )
  /** Returns once a call has reached the workflow engine, over as many sweeps as it takes. */
  const until = (call: string) =>
    Effect.raceFirst(
      Effect.repeat(Queue.take(calls), { until: (found) => found === call }),
      Effect.forever(Effect.andThen(TestClock.adjust("10 seconds"), Effect.yieldNow))
    )
  return {
    store,
    seen,
    here,
    until,
    submit: started,
    fail: (count: number) => Effect.sync(() => void (failures = count)),
    dispatch: Dispatcher.run({ store, concurrency: 4, leaving, isHere: (key) => here.has(key) }).pipe(
      Effect.provideService(WorkflowEngine.WorkflowEngine, engine)
    )
  }
})

describe("the dispatcher of a runner", () => {
  it.effect("resumes a turn that another runner took and then left", () =>
    Effect.gen(function* () {
      const { dispatch, store, submit, until } = yield* make
      yield* dispatch
      yield* submit("k")
      yield* until("start k")
      const claimed = yield* store.claim("k", "other")
      yield* store.left("k", claimed?.epoch ?? 0)
      yield* until("resume k")
    }).pipe(Effect.scoped, Effect.provide(layerStore))
  )

  it.effect("resumes a turn whose runner could not write that it left", () =>
    Effect.gen(function* () {
      const { dispatch, store, submit, until } = yield* make
      yield* dispatch
      yield* submit("k")
      yield* until("start k")
      yield* store.claim("k", "other")
      yield* until("resume k")
    }).pipe(Effect.scoped, Effect.provide(layerStore))
  )

  it.effect("starts a turn again that was pruned and has been submitted again", () =>
    Effect.gen(function* () {
      const { dispatch, store, submit, until } = yield* make
      yield* dispatch
      yield* submit("k")
      yield* until("start k")
      const error = new CodexError.TurnInterrupted({ by: "caller" })
      yield* store.finish("k", 0, { _tag: "Failed", error })
      yield* store.prune({ endedBefore: Number.MAX_SAFE_INTEGER })
      // The dispatcher sees that the turn is gone before the key comes again.
      yield* submit("other")
      yield* until("start other")
      yield* submit("k")
      yield* until("start k")
    }).pipe(Effect.scoped, Effect.provide(layerStore))
  )

  it.effect("goes on after the workflow engine has failed", () =>
    Effect.gen(function* () {
      const { dispatch, fail, submit, until } = yield* make
      yield* dispatch
      yield* fail(3)
      yield* submit("k")
      yield* until("start k")
      yield* submit("next")
      yield* until("start next")
    }).pipe(Effect.scoped, Effect.provide([layerStore, Logger.layer([])]))
  )

  it.effect("leaves a turn alone that this runner runs", () =>
    Effect.gen(function* () {
      const { dispatch, here, seen, store, submit, until } = yield* make
      yield* submit("mine")
      yield* submit("other")
      for (const key of ["mine", "other"]) yield* store.claim(key, "a runner")
      here.add("mine")
      yield* dispatch
      yield* until("resume other")
      assert.deepStrictEqual(
        seen.filter((call) => call.includes("mine")),
        []
      )
    }).pipe(Effect.scoped, Effect.provide(layerStore))
  )
})
