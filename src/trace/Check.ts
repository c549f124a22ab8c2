/** Checks telemetry against the pinned revision of the conventions. */
import type { AttributeCheckOptions } from "./check/AttributeChecks.ts"
import type { Finding, Level, Remark } from "./check/Finding.ts"
import * as LogChecks from "./check/LogChecks.ts"
import * as MetricChecks from "./check/MetricChecks.ts"
import * as SpanChecks from "./check/SpanChecks.ts"
import * as TraceChecks from "./check/TraceChecks.ts"

export type { AttributeCheckOptions } from "./check/AttributeChecks.ts"
export { type Finding, type Level, type CheckRule, rules } from "./check/Finding.ts"
export type { CheckedLog } from "./check/LogChecks.ts"
export type { CheckedMetric } from "./check/MetricChecks.ts"
export type { CheckedSpan } from "./check/SpanChecks.ts"

/** Emitted telemetry; `Captured.all` returns it in a test. */
export interface Emitted {
  readonly spans?: ReadonlyArray<SpanChecks.CheckedSpan>
  readonly metrics?: ReadonlyArray<MetricChecks.CheckedMetric>
  readonly logs?: ReadonlyArray<LogChecks.CheckedLog>
}

/**
 * Returns all deviations from the conventions. Spans, metrics and records of the program itself are checked only for
 * names that are reserved for the conventions.
 * @since 0.1.0
 * @category assertions
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Captured, checkTelemetry } from "effect-codex/testing"
 *
 * const conforms = Effect.map(Captured.all, (emitted) =>
 *   assert.deepStrictEqual(checkTelemetry(emitted, { revision: "latest" }), [])
 * )
 * ```
 */
export const checkTelemetry = (
  emitted: Emitted,
  options: AttributeCheckOptions = {}
): ReadonlyArray<Finding> => {
  const { logs = [], metrics = [], spans = [] } = emitted
  return [
    ...spans.flatMap((span) =>
      SpanChecks.check(span, options).map((remark) => TraceChecks.toFinding(span, remark))
    ),
    ...TraceChecks.check(spans).map(([span, remark]) => TraceChecks.toFinding(span, remark)),
    ...metrics.flatMap((metric) => MetricChecks.check(metric, options).map(on("metric", metric.name))),
    ...logs.flatMap((log) => LogChecks.check(log, options).map(on("log", log.event ?? "a record")))
  ]
}

const on =
  (signal: "metric" | "log", name: string) =>
  (remark: Remark): Finding => ({ ...remark, signal, on: name })

const levels: ReadonlyArray<Level> = ["violation", "improvement", "information"]

/** Returns the findings of a level. */
export const filterByLevel = (findings: ReadonlyArray<Finding>, level: Level): ReadonlyArray<Finding> =>
  findings.filter((finding) => finding.level === level)

/** Formats findings as lines, the most severe first. Equal findings become one line with their count. */
export const lines = (findings: ReadonlyArray<Finding>): ReadonlyArray<string> =>
  levels.flatMap((level) => {
    const times = new Map<string, number>()
    for (const { message, on, rule, signal } of filterByLevel(findings, level)) {
      const line = `${level}  ${signal} "${on}": ${message} [${rule}]`
      times.set(line, (times.get(line) ?? 0) + 1)
    }
    return [...times].map(([line, count]) => (count === 1 ? line : `${line} (${count} times)`))
  })
