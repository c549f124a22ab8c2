import type { DataPoint, ResourceMetrics } from "@opentelemetry/sdk-metrics"
import type { Redaction } from "../../redaction/Redaction.ts"

/** Labels as they may be seen. Of series that differ in nothing else any more one is left: two would be refused. */
export const redactLabels = (metrics: ResourceMetrics, redaction: Redaction): ResourceMetrics => {
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
      // One call for each kind of value: they are types of their own.
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
