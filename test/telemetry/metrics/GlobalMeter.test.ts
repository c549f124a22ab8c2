/** The metrics of turns in the meter provider of the program. */
import * as Otel from "@opentelemetry/api"
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader
} from "@opentelemetry/sdk-metrics"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codex, Metrics } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import * as Instruments from "../../../src/semconv/Instruments.ts"
import { environment } from "../../support/environment.ts"

const provider = Effect.acquireRelease(
  Effect.sync(() => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 })
    const provider = new MeterProvider({ readers: [reader] })
    Otel.metrics.setGlobalMeterProvider(provider)
    return {
      provider,
      collect: Effect.promise(async () => {
        await provider.forceFlush()
        return exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics)
      })
    }
  }),
  ({ provider }) =>
    Effect.promise(() => {
      Otel.metrics.disable()
      return provider.shutdown()
    })
)

const secret = "hunter2-of-the-shop"

const turn = Effect.gen(function* () {
  yield* Scripted.play([Scripted.command("npm test"), Scripted.message("done")])
  const codex = yield* Codex
  const thread = yield* codex.startThread()
  return yield* thread.run("test it")
}).pipe(Effect.scoped, Effect.provideService(Metrics.Team, secret))

const played = (variables: Readonly<Record<string, string>>) =>
  turn.pipe(
    Effect.provide(
      Layer.fresh(Codex.layer).pipe(
        Layer.provideMerge(Scripted.layer),
        Layer.provideMerge(Metrics.layerGlobal),
        Layer.provide(environment(variables))
      )
    )
  )

describe("the metrics of turns in a global meter provider", () => {
  it.live("have the library's scope, names, units and buckets, and no secret in a label", () =>
    Effect.gen(function* () {
      const { collect } = yield* provider
      yield* played({ SHOP_TOKEN: secret })
      const scopes = yield* collect
      assert.deepStrictEqual(
        scopes.map(({ scope }) => scope.name),
        ["effect-codex"]
      )
      const metrics = scopes.flatMap(({ metrics }) => metrics)
      const names = metrics.map(({ descriptor }) => descriptor.name)
      assert.includeMembers(names, [
        "gen_ai.invoke_agent.duration",
        "gen_ai.execute_tool.duration",
        "codex.command.count"
      ])
      for (const { dataPoints, descriptor } of metrics) {
        const declared = Instruments.all.find(({ name }) => name === descriptor.name)
        assert.deepStrictEqual(
          [descriptor.unit, descriptor.description],
          [declared?.unit, declared?.description]
        )
        for (const { attributes, value } of dataPoints) {
          assert.strictEqual(attributes["codex.team"], "[redacted]")
          if (typeof value === "object" && "buckets" in value)
            assert.deepStrictEqual(value.buckets.boundaries, declared?.boundaries)
        }
      }
    })
  )

  it.live("are not recorded when telemetry is disabled", () =>
    Effect.gen(function* () {
      const { collect } = yield* provider
      yield* played({ OTEL_SDK_DISABLED: "true" })
      assert.deepStrictEqual(yield* collect, [])
    })
  )
})
