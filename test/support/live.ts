/** Tests against processes: in real time, with Node's services and without a log. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"

const services = Layer.merge(NodeServices.layer, Logger.layer([]))

export const test = <A, E>(
  name: string,
  body: () => Effect.Effect<A, E, NodeServices.NodeServices | Scope.Scope>,
  timeout?: number
) => it.live(name, () => Effect.provide(body(), services), timeout)

/** Milliseconds that it took, and what it gave. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(effect), ([took, value]) => [Duration.toMillis(took), value] as const)

/**
 * Runs something on the test clock, which is moved on until it is over: what takes minutes takes milliseconds. Processes
 * go on in real time, so the clock takes a step whenever they had a moment. Gives the milliseconds that passed on it too.
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

/** A test clock for a part of a test; what is forked in it ends with it. */
export const onTestClock = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.scoped, Effect.provide(TestClock.layer()))
