/** Telemetry against the pinned revision of the conventions: what is wrong with it, what is missing, what is odd. */
import type { Options } from "./check/AttributeChecks.ts"
import type { Finding, Level, Remark } from "./check/Finding.ts"
import * as Logs from "./check/LogChecks.ts"
import * as Metrics from "./check/MetricChecks.ts"
import * as Spans from "./check/SpanChecks.ts"
import * as Traces from "./check/TraceChecks.ts"

export type { Options } from "./check/AttributeChecks.ts"
export { type Finding, type Level, type Rule, rules } from "./check/Finding.ts"
export type { CheckedLog } from "./check/LogChecks.ts"
export type { CheckedMetric } from "./check/MetricChecks.ts"
export type { CheckedSpan } from "./check/SpanChecks.ts"

/** What was emitted; `Captured.all` gives it of a test. */
export interface Emitted {
  readonly spans?: ReadonlyArray<Spans.CheckedSpan>
  readonly metrics?: ReadonlyArray<Metrics.CheckedMetric>
  readonly logs?: ReadonlyArray<Logs.CheckedLog>
}

/**
 * Everything that is not as the conventions have it; nothing found is an empty list. Spans, metrics and records of the
 * program itself are looked at only for names that are not theirs to give.
 */
export const checkTelemetry = (emitted: Emitted, options: Options = {}): ReadonlyArray<Finding> => {
  const { logs = [], metrics = [], spans = [] } = emitted
  return [
    ...spans.flatMap((span) => Spans.check(span, options).map((remark) => Traces.told(span, remark))),
    ...Traces.check(spans).map(([span, remark]) => Traces.told(span, remark)),
    ...metrics.flatMap((metric) => Metrics.check(metric, options).map(on("metric", metric.name))),
    ...logs.flatMap((log) => Logs.check(log, options).map(on("log", log.event ?? "a record")))
  ]
}

const on =
  (signal: "metric" | "log", name: string) =>
  (remark: Remark): Finding => ({ ...remark, signal, on: name })

const levels: ReadonlyArray<Level> = ["violation", "improvement", "information"]

/** Those of a level. */
export const only = (findings: ReadonlyArray<Finding>, level: Level): ReadonlyArray<Finding> =>
  findings.filter((finding) => finding.level === level)

/** Findings as lines, the worst first, each once with how often it came. */
export const lines = (findings: ReadonlyArray<Finding>): ReadonlyArray<string> =>
  levels.flatMap((level) => {
    const times = new Map<string, number>()
    for (const { message, on, rule, signal } of only(findings, level)) {
      const line = `${level}  ${signal} "${on}": ${message} [${rule}]`
      times.set(line, (times.get(line) ?? 0) + 1)
    }
    return [...times].map(([line, count]) => (count === 1 ? line : `${line} (${count} times)`))
  })
