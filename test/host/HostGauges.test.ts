import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import * as HostGauges from "../../src/host/HostGauges.ts"
import type { HostStatus } from "../../src/host/HostStatus.ts"
import type * as Signal from "../../src/instrumentation/Signal.ts"
import * as SignalBus from "../../src/instrumentation/SignalBus.ts"
import { Environment } from "../../src/internal/EnvironmentVariables.ts"

const generation = (id: number, draining: boolean) => ({ id, socket: `s${id}`, startedAt: 0, draining })

const status: HostStatus = {
  pid: 1,
  libraryVersion: "0.1.0",
  startedAt: 0,
  uptimeMillis: 0,
  clients: 2,
  threads: 3,
  runningTurns: 1,
  restarts: 4,
  retryAt: 1,
  generations: [generation(1, true), generation(2, false)]
}

describe("the gauges of an engine host", () => {
  it.effect("show its processes, clients and restarts, and 0 when the program no longer uses it", () =>
    Effect.gen(function* () {
      const updates: Array<Signal.Signal> = []
      const listening = SignalBus.layerListener(Effect.succeed(({ signal }) => void updates.push(signal)))
      let found = Option.some(status)
      yield* Effect.gen(function* () {
        yield* HostGauges.report(Effect.sync(() => found))
        yield* TestClock.adjust("1 second")
        found = Option.none()
        yield* TestClock.adjust("15 seconds")
      }).pipe(Effect.scoped, Effect.provide(listening))
      const none = { running: 0, draining: 0, restarting: 0 }
      assert.deepStrictEqual(updates, [
        {
          _tag: "HostUpdate",
          at: 0,
          processes: { running: 1, draining: 1, restarting: 1 },
          clients: 2,
          restarts: 4
        },
        { _tag: "HostUpdate", at: 15_000, processes: none, clients: undefined, restarts: 0 },
        { _tag: "HostUpdate", at: 16_000, processes: none, clients: 0, restarts: 0 }
      ])
    }).pipe(Effect.provideService(Environment, {}))
  )

  it.effect("ask the host nothing without telemetry", () =>
    Effect.gen(function* () {
      const report = HostGauges.report(Effect.die("the host was asked"))
      yield* Effect.scoped(Effect.andThen(report, TestClock.adjust("1 hour")))
    })
  )
})
