import type { DataPoint, ResourceMetrics } from "@opentelemetry/sdk-metrics"
import type { Redaction } from "../../redaction/Redaction.ts"

/** Labels as they may be seen. Of series that differ in nothing else any more one is left: two would be refused. */
export const make = (metrics: ResourceMetrics, redaction: Redaction): ResourceMetrics => {
  const scrubbed = <A>(points: ReadonlyArray<DataPoint<A>>): Array<DataPoint<A>> => {
    const seen = new Set<string>()
    const masked = points.map((point) => ({ ...point, attributes: redaction.attributes(point.attributes) }))
    if (masked.every((point, at) => point.attributes === points[at]?.attributes)) return [...points]
    return masked.filter(({ attributes }) => {
      const key = JSON.stringify(Object.entries(attributes).toSorted())
      return !seen.has(key) && seen.add(key)
    })
  }
  return {
    ...metrics,
    scopeMetrics: metrics.scopeMetrics.map((scope) => ({
      ...scope,
      // One call for each kind of value: they are types of their own.
      metrics: scope.metrics.map((metric) => {
        switch (metric.dataPointType) {
          case 0:
            return { ...metric, dataPoints: scrubbed(metric.dataPoints) }
          case 1:
            return { ...metric, dataPoints: scrubbed(metric.dataPoints) }
          default:
            return { ...metric, dataPoints: scrubbed(metric.dataPoints) }
        }
      })
    }))
  }
}
