/** Compares the collected metrics with those of @effect/opentelemetry, for the same registry. */
import * as OtelMetrics from "@effect/opentelemetry/OtelMetrics"
import { Resource } from "@effect/opentelemetry/Resource"
import { assert, describe, it } from "@effect/vitest"
import { emptyResource } from "@opentelemetry/resources"
import type { MetricData } from "@opentelemetry/sdk-metrics"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as RegistryReader from "../../../src/telemetry/metrics/RegistryReader.ts"

const counter = Metric.counter("orders", { description: "Orders", incremental: true })
const upDown = Metric.counter("open")
const big = Metric.counter("bytes", { bigint: true, incremental: true })
const gauge = Metric.gauge("level", { attributes: { unit: "By" } })
const frequency = Metric.frequency("answers")
const histogram = Metric.histogram("waits", { boundaries: [1, 5, 10] })
const summary = Metric.summary("sizes", { maxAge: "1 hour", maxSize: 100, quantiles: [0.5, 0.9] })

/** What both collect: everything but the times, which differ by what they measure. */
const shown = (metrics: ReadonlyArray<MetricData>) =>
  metrics.map((metric) => {
    const { description, name, unit, valueType } = metric.descriptor
    return {
      descriptor: { description, name, unit, valueType },
      type: metric.dataPointType,
      temporality: metric.aggregationTemporality,
      monotonic: "isMonotonic" in metric ? metric.isMonotonic : undefined,
      points: metric.dataPoints.map(({ attributes, value }) => ({ attributes, value }))
    }
  })

const update = (round: number, context: Context.Context<never>) => {
  const of = (team: string) => Context.add(context, Metric.CurrentMetricAttributes, { team })
  for (const [at, team] of ["a", "b"].entries()) {
    counter.updateUnsafe(round + at, of(team))
    upDown.updateUnsafe(at === 0 ? round : -round, of(team))
    gauge.updateUnsafe(round * 10 + at, of(team))
    frequency.updateUnsafe(`answer ${round % 2}`, of(team))
    for (const value of [0.5, round, 20]) histogram.updateUnsafe(value, of(team))
    summary.updateUnsafe(round + at, of(team))
  }
  big.updateUnsafe(BigInt(round) * 2n ** 53n, context)
}

describe("the registry reader", () => {
  for (const temporality of ["cumulative", "delta"] as const) {
    it.effect(`collects what Effect's own producer collects, ${temporality}`, () =>
      Effect.gen(function* () {
        const context = Context.add(yield* Effect.context<never>(), Metric.MetricRegistry, new Map())
        const theirs = yield* OtelMetrics.makeProducer(temporality).pipe(
          Effect.provideService(Resource, emptyResource()),
          Effect.provide(context)
        )
        const ours = new RegistryReader.RegistryReader(context, temporality)
        for (const round of [1, 2, 3]) {
          update(round, context)
          // A counter that begins anew is not a negative difference.
          if (round === 3) {
            Metric.removeUnsafe(counter, Context.add(context, Metric.CurrentMetricAttributes, { team: "a" }))
            counter.updateUnsafe(1, Context.add(context, Metric.CurrentMetricAttributes, { team: "a" }))
          }
          const expected = (yield* Effect.promise(() => theirs.collect())).resourceMetrics.scopeMetrics
          assert.deepStrictEqual(shown(ours.collect()), shown(expected.flatMap(({ metrics }) => metrics)))
        }
      })
    )
  }

  it.effect("starts an interval where the previous one ended, and a sum at the start", () =>
    Effect.gen(function* () {
      const context = Context.add(yield* Effect.context<never>(), Metric.MetricRegistry, new Map())
      counter.updateUnsafe(1, context)
      const readers = (["cumulative", "delta"] as const).map(
        (temporality) => new RegistryReader.RegistryReader(context, temporality)
      )
      const points = readers.map((reader) =>
        [reader.collect(), reader.collect()].map(([metric]) => metric?.dataPoints[0])
      )
      const [[first, second] = [], [third, fourth] = []] = points
      assert.deepStrictEqual(second?.startTime, first?.startTime)
      assert.deepStrictEqual(fourth?.startTime, third?.endTime)
    })
  )
})
