/** Produces the metrics of Effect's registry for a metric reader, with units and our own scope on our metrics. */
import type {
  DataPoint,
  MetricData,
  MetricProducer,
  ResourceMetrics,
  ScopeMetrics
} from "@opentelemetry/sdk-metrics"
import * as Effect from "effect/Effect"
import * as Convention from "../../semconv/Convention.ts"
import * as Redaction from "../../redaction/Redaction.ts"
import * as Settings from "../config/Settings.ts"
import * as RegistryReader from "./RegistryReader.ts"
import * as Tracer from "../tracer/Tracer.ts"
import * as Instruments from "../../semconv/Instruments.ts"

export type { Temporality } from "./RegistryReader.ts"

// The unit of our metrics is not an attribute in the registry: it would be a label too, which would split every query.
const units = new Map(Instruments.all.map(({ name, unit }) => [name, unit]))

const isOurs = (metric: MetricData): boolean => units.has(metric.descriptor.name)

const { httpStatus } = Convention.attribute

const withUnit = (metric: MetricData): MetricData => {
  for (const { attributes } of metric.dataPoints) {
    // Effect's labels are strings; the convention requires a number here.
    if (typeof attributes[httpStatus] === "string") attributes[httpStatus] = Number(attributes[httpStatus])
  }
  const unit = units.get(metric.descriptor.name) ?? metric.descriptor.unit
  return { ...metric, descriptor: { ...metric.descriptor, unit } }
}

const splitByOwner = (
  metrics: ReadonlyArray<MetricData>,
  programScope: Tracer.Scope
): Array<ScopeMetrics> => {
  const ours = metrics.filter(isOurs).map(withUnit)
  const others = metrics.filter((metric) => !isOurs(metric))
  return [
    ...(ours.length > 0 ? [{ scope: Tracer.libraryScope, metrics: ours }] : []),
    ...(others.length > 0 ? [{ scope: programScope, metrics: others }] : [])
  ]
}

/** Redacts labels. Of the series that become equal it keeps the first: receivers refuse duplicates. */
const redactLabels = (metrics: ResourceMetrics, redaction: Redaction.Redaction): ResourceMetrics => {
  const redacted = <A>(points: ReadonlyArray<DataPoint<A>>): Array<DataPoint<A>> => {
    const seen = new Set<string>()
    const redactedPoints = points.map((point) => ({
      ...point,
      attributes: redaction.attributes(point.attributes)
    }))
    if (redactedPoints.every((point, at) => point.attributes === points[at]?.attributes)) return [...points]
    return redactedPoints.filter(({ attributes }) => {
      const key = JSON.stringify(Object.entries(attributes).toSorted())
      return !seen.has(key) && seen.add(key)
    })
  }
  return {
    ...metrics,
    scopeMetrics: metrics.scopeMetrics.map((scope) => ({
      ...scope,
      // One call for each type of value, because the types differ.
      metrics: scope.metrics.map((metric) => {
        switch (metric.dataPointType) {
          case 0:
            return { ...metric, dataPoints: redacted(metric.dataPoints) }
          case 1:
            return { ...metric, dataPoints: redacted(metric.dataPoints) }
          default:
            return { ...metric, dataPoints: redacted(metric.dataPoints) }
        }
      })
    }))
  }
}

/** Makes a producer over the current metric registry. */
export const make = Effect.fnUntraced(function* (temporality: RegistryReader.Temporality = "cumulative") {
  const resource = yield* Tracer.makeResource(yield* Settings.CurrentSettings)
  const redaction = yield* Redaction.Current
  const programScope = yield* Tracer.InstrumentationScope
  const registry = new RegistryReader.RegistryReader(yield* Effect.context<never>(), temporality)
  const producer: MetricProducer = {
    collect: async () => {
      const scopeMetrics = splitByOwner(registry.collect(), programScope)
      return { errors: [], resourceMetrics: redactLabels({ resource, scopeMetrics }, redaction) }
    }
  }
  return producer
})
