/** Tests against processes: in real time, with Node's services and without a log. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as TimeSlices from "../../src/internal/TimeSlices.ts"

const services = Layer.merge(NodeServices.layer, Logger.layer([]))

export const test = <A, E>(
  name: string,
  body: () => Effect.Effect<A, E, NodeServices.NodeServices | Scope.Scope>,
  timeout?: number
) => it.live(name, () => Effect.provide(body(), services), timeout)

/** Returns the duration in milliseconds, and the result. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(effect), ([took, value]) => [Duration.toMillis(took), value] as const)

/** Waits until a condition holds. Dies with its name after a minute, which suffices on a loaded machine. */
export const until = <E, R>(name: string, condition: Effect.Effect<boolean, E, R>) =>
  condition.pipe(
    Effect.repeat({ until: (holds) => holds, schedule: Schedule.spaced("10 millis") }),
    Effect.timeoutOrElse({ duration: "1 minute", orElse: () => Effect.die(new Error(`never: ${name}`)) })
  )

/**
 * Advances the test clock until an effect ends, so that minutes take milliseconds. Processes run in real time, so the
 * clock takes a step every few milliseconds. Returns the milliseconds that passed on the test clock, and the result.
 */
export const advancing = <A, E, R>(effect: Effect.Effect<A, E, R>, step: Duration.Input = "500 millis") =>
  Effect.gen(function* () {
    const before = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) {
      yield* TestClock.adjust(step)
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
    }
    return [(yield* Clock.currentTimeMillis) - before, yield* Fiber.join(fiber)] as const
  })

const realClock = Context.get(Context.empty(), Clock.Clock)

/** Runs a part of a test in real time, even if another clock is provided. */
export const inRealTime = Effect.provideService(Clock.Clock, realClock)

const realTime = {
  currentTimeMillisUnsafe: () => realClock.currentTimeMillisUnsafe(),
  currentTimeMillis: realClock.currentTimeMillis,
  monotonicTimeNanosUnsafe: () => realClock.monotonicTimeNanosUnsafe(),
  monotonicTimeNanos: realClock.monotonicTimeNanos,
  currentTimeNanosUnsafe: () => realClock.currentTimeNanosUnsafe(),
  currentTimeNanos: realClock.currentTimeNanos
}

/**
 * Stretches every sleep by ten, with real timestamps. Use it for tests with many processes, where a grace period of the
 * library (such as 5 seconds for an interrupted turn) would otherwise decide the result on a loaded machine.
 */
export const onSlowClock = Effect.provideService(Clock.Clock, {
  ...realTime,
  sleep: (duration) => realClock.sleep(Duration.times(duration, 10))
})

/** Records, in milliseconds, the sleeps of an effect that end and are not interrupted. They take their real time. */
export const recordSleeps = () => {
  const ended: Array<number> = []
  const record = Effect.provideService(Clock.Clock, {
    ...realTime,
    sleep: (duration) =>
      Effect.tap(realClock.sleep(duration), () => Effect.sync(() => ended.push(Duration.toMillis(duration))))
  })
  return { ended, record }
}

/**
 * Runs long work in one slice. Slices take real time: on a slow machine, other fibers run between them, in another order,
 * and a test clock may advance before the work waits for it.
 */
export const inOneSlice = Effect.provideService(TimeSlices.SliceMillis, Infinity)

/** Provides a test clock to a part of a test. Fibers that the part forks end with it. */
export const onTestClock = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.scoped, Effect.provide(TestClock.layer()))
