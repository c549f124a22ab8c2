import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { TurnInterrupted } from "../../../src/domain/TurnErrors.ts"
import * as QueueGauges from "../../../src/durable/runner/QueueGauges.ts"
import { Store } from "../../../src/durable/store/Store.ts"
import type * as Signal from "../../../src/instrumentation/Signal.ts"
import * as SignalBus from "../../../src/instrumentation/SignalBus.ts"
import { Environment } from "../../../src/internal/EnvironmentVariables.ts"
import { layerStore, submit } from "./support.ts"

const shown = ({ counts }: Signal.QueueUpdate) =>
  counts
    .filter(({ count }) => count > 0)
    .map(({ count, oldestMillis, status, team }) =>
      [status ?? "asked", team ?? "-", count, oldestMillis].join(" ")
    )
    .toSorted()

const listening = (updates: Array<Signal.QueueUpdate>) =>
  SignalBus.layerListener(
    Effect.succeed(({ signal }) => {
      if (signal._tag === "QueueUpdate") updates.push(signal)
    })
  )

describe("the gauges of the queue", () => {
  it.effect("count the open turns by status and team at the interval, and end with 0", () =>
    Effect.gen(function* () {
      const updates: Array<Signal.QueueUpdate> = []
      const store = yield* Store
      yield* submit("a1", { threadId: "a", team: "payments" })
      yield* submit("b1", { threadId: "b" })
      yield* TestClock.adjust("3 seconds")
      yield* submit("a2", { threadId: "a", team: "payments" })
      yield* submit("c1", { threadId: "c", team: "payments" })
      yield* store.claim("b1", "r")
      yield* Effect.gen(function* () {
        yield* QueueGauges.report(store)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(updates.map(shown), [["running - 1 3000", "submitted payments 3 3000"]])
        yield* store.finish("b1", 1, { _tag: "Failed", error: new TurnInterrupted({ by: "caller" }) })
        yield* store.claim("a1", "r")
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(updates.slice(1).map(shown), [
          ["running payments 1 23000", "submitted payments 2 20000"]
        ])
      }).pipe(Effect.scoped, Effect.provide(listening(updates)))
      assert.strictEqual(updates.length, 3)
      // Every series that was reported is 0 now, also that of the team.
      assert.deepStrictEqual(shown(updates[2] as Signal.QueueUpdate), [])
      assert.isTrue(
        updates[2]?.counts.some(({ status, team }) => status === "running" && team === "payments")
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(updates.length, 3)
    }).pipe(
      Effect.provide(layerStore),
      Effect.provideService(Environment, { OTEL_METRIC_EXPORT_INTERVAL: "20000" })
    )
  )

  it.effect("read nothing without telemetry", () =>
    Effect.gen(function* () {
      let reads = 0
      const counts = Effect.sync(() => {
        reads++
        return []
      })
      yield* Effect.scoped(Effect.andThen(QueueGauges.report({ counts }), TestClock.adjust("1 hour")))
      assert.strictEqual(reads, 0)
    })
  )
})
