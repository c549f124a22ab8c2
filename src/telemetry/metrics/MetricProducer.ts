/** Produces the metrics of Effect's registry for a metric reader, with units and our own scope on our metrics. */
import type {
  DataPoint,
  MetricData,
  MetricProducer,
  ResourceMetrics,
  ScopeMetrics
} from "@opentelemetry/sdk-metrics"
import * as Effect from "effect/Effect"
import { version } from "../../internal/version.ts"
import * as Convention from "../../semconv/Convention.ts"
import * as Redaction from "../../redaction/Redaction.ts"
import * as Settings from "../config/Settings.ts"
import * as Tracer from "../tracer/Tracer.ts"
import * as Instruments from "../../semconv/Instruments.ts"

/** Whether a value is the sum since the start or since the previous collection. */
export type Temporality = "cumulative" | "delta"

const scope = { name: "effect-codex", version }

// `OtelMetrics` reads the unit from an attribute and keeps it as a label, which would split every query.
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

const splitByOwner = (scopeMetrics: ScopeMetrics): ReadonlyArray<ScopeMetrics> => {
  const ours = scopeMetrics.metrics.filter(isOurs).map(withUnit)
  const others = scopeMetrics.metrics.filter((metric) => !isOurs(metric))
  return [
    ...(ours.length > 0 ? [{ scope, metrics: ours }] : []),
    ...(others.length > 0 ? [{ ...scopeMetrics, metrics: others }] : [])
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

/** Makes a producer over the current metric registry. Its packages are loaded on demand. */
export const make = Effect.fnUntraced(function* (temporality: Temporality = "cumulative") {
  const [{ makeProducer }, { Resource }] = yield* Effect.promise(() =>
    Promise.all([import("@effect/opentelemetry/OtelMetrics"), import("@effect/opentelemetry/Resource")])
  )
  const resource = yield* Tracer.makeResource(yield* Settings.CurrentSettings)
  const redaction = yield* Redaction.Current
  const registry = yield* Effect.provideService(makeProducer(temporality), Resource, resource)
  const producer: MetricProducer = {
    collect: async (options) => {
      const { errors, resourceMetrics } = await registry.collect(options)
      return {
        errors,
        resourceMetrics: redactLabels(
          { resource, scopeMetrics: resourceMetrics.scopeMetrics.flatMap(splitByOwner) },
          redaction
        )
      }
    }
  }
  return producer
})
