/** When a turn starts that ran for hours before this program adopted it. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Codex } from "../../src/Codex.ts"
import { TurnId } from "../../src/domain/Ids.ts"
import * as Engine from "../../src/engine/Engine.ts"
import * as RunningTurn from "../../src/engine/app-server/RunningTurn.ts"
import * as InMemorySpans from "../../src/telemetry/tracer/InMemorySpans.ts"
import * as Tracer from "../../src/telemetry/tracer/Tracer.ts"
import * as SingleThread from "../support/singleThreadEngine.ts"

const threeHours = 3 * 3_600_000

describe("a turn that is adopted late", () => {
  it.live("has its true start in its span and its result", () =>
    Effect.gen(function* () {
      const memory = yield* InMemorySpans.make
      const observer = yield* Deferred.make<Engine.ThreadObserver>()
      const engine = Layer.effect(
        Engine.Engine,
        Effect.map(Engine.Engine, (engine) =>
          Engine.Engine.of({
            ...engine,
            startThread: (options) =>
              Effect.tap(engine.startThread(options), () =>
                options.observer === undefined ? Effect.void : Deferred.succeed(observer, options.observer)
              )
          })
        )
      ).pipe(Layer.provide(SingleThread.layer(() => Promise.resolve())))
      const startedAt = Math.floor(Date.now() / 1000) * 1000 - threeHours
      const turnId = TurnId.make("turn")
      const [ended] = yield* Effect.gen(function* () {
        const thread = yield* Codex.use(({ startThread }) => startThread())
        const ends = yield* Stream.filter(thread.activity, ({ _tag }) => _tag === "TurnEnded").pipe(
          Stream.take(1),
          Stream.runCollect,
          Effect.forkScoped({ startImmediately: true })
        )
        const { onTurn } = yield* Deferred.await(observer)
        onTurn({
          turnId,
          startedAt,
          run: (_, { emit }) =>
            Effect.sync(() =>
              emit({ _tag: "TurnStarted", threadId: SingleThread.threadId, turnId, at: startedAt })
            )
        })
        return yield* Fiber.join(ends)
      }).pipe(
        Effect.scoped,
        Effect.provide(
          Layer.fresh(Codex.layer).pipe(
            Layer.provide(engine),
            Layer.provideMerge(Tracer.layerProcessor(Effect.succeed(memory.processor)))
          )
        )
      )
      const millis = ended?._tag === "TurnEnded" ? ended.turn.time.totalMillis : 0
      assert.isAtLeast(millis, threeHours)
      const span = (yield* memory.spans).find(({ name }) => name === "invoke_agent codex")
      assert.deepStrictEqual(span?.startTime, [startedAt / 1000, 0])
    })
  )

  it.effect("has the times of Codex, however old they are; another turn gets the time of their arrival", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 day")
      const clock = yield* Clock.Clock
      const now = clock.currentTimeMillisUnsafe()
      const timeOf = (adopted: boolean, at: number) => RunningTurn.timeOf({ adopted, clock }, at)
      assert.strictEqual(timeOf(true, now - threeHours), now - threeHours)
      assert.strictEqual(timeOf(false, now - threeHours), now)
      assert.strictEqual(timeOf(false, now - 4000), now - 4000)
    })
  )
})
