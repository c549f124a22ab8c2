/** Writes the metrics of turns with the instruments of the program's own meter provider. */
import type { Attributes } from "@opentelemetry/api"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as TurnMetrics from "../../instrumentation/TurnMetrics.ts"
import * as Redaction from "../../redaction/Redaction.ts"
import * as Convention from "../../semconv/Convention.ts"
import type * as Instruments from "../../semconv/Instruments.ts"
import * as Tracer from "../tracer/Tracer.ts"

type Record = (value: number, attributes: Attributes) => void

const { httpStatus } = Convention.attribute

/** Makes a writer to the global meter provider, with the names, units and buckets that exporters of this library have. */
export const make: Effect.Effect<TurnMetrics.Write> = Effect.gen(function* () {
  const { metrics } = yield* Effect.promise(() => import("@opentelemetry/api"))
  const redaction = yield* Redaction.Current
  const meter = metrics.getMeter(Tracer.libraryScope.name, Tracer.libraryScope.version)
  const known = new Map<Instruments.Instrument, Record>()

  const create = ({ boundaries, description, kind, name, unit }: Instruments.Instrument): Record => {
    const options = { description, unit }
    switch (kind) {
      case "counter": {
        const counter = meter.createCounter(name, options)
        return (value, attributes) => counter.add(value, attributes)
      }
      case "gauge": {
        const gauge = meter.createGauge(name, options)
        return (value, attributes) => gauge.record(value, attributes)
      }
      case "histogram": {
        const advice = { explicitBucketBoundaries: [...boundaries] }
        const histogram = meter.createHistogram(name, { ...options, advice })
        return (value, attributes) => histogram.record(value, attributes)
      }
    }
  }

  return (instrument, values, labels, context) => {
    const record = known.get(instrument) ?? create(instrument)
    known.set(instrument, record)
    const attributes: Attributes = { ...Context.get(context, Metric.CurrentMetricAttributes) }
    for (const name in labels) {
      const label = labels[name]
      // Labels are strings; the convention requires a number here.
      if (label !== undefined) attributes[name] = name === httpStatus ? Number(label) : label
    }
    const masked = redaction.attributes(attributes)
    for (const value of values) record(value, masked)
  }
})
