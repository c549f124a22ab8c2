/** Metrics as lines for people: `codex.command.count  3 {command}  codex.command.success=true`. */
import type { DataPoint, MetricData, ResourceMetrics } from "@opentelemetry/sdk-metrics"
import { oneLine } from "../../internal/TerminalText.ts"

const number = (value: number): string => String(Number(value.toPrecision(6)))

const valueOf = ({ value }: MetricData["dataPoints"][number], unit: string): string =>
  typeof value === "number"
    ? `${number(value)} ${unit}`.trimEnd()
    : `count=${value.count} sum=${number(value.sum ?? 0)} ${unit}`.trimEnd()

const labelsOf = ({ attributes }: DataPoint<unknown>): ReadonlyArray<string> =>
  Object.entries(attributes).map(([name, value]) => `${oneLine(name, 60)}=${oneLine(String(value), 60)}`)

/** A line for every series, without its line break. */
export const lines = ({ scopeMetrics }: ResourceMetrics): ReadonlyArray<string> =>
  scopeMetrics.flatMap(({ metrics }) =>
    metrics.flatMap((metric) =>
      metric.dataPoints.map((point: MetricData["dataPoints"][number]) =>
        [
          oneLine(metric.descriptor.name, 80),
          valueOf(point, metric.descriptor.unit),
          ...labelsOf(point)
        ].join("  ")
      )
    )
  )
