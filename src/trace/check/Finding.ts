/** A deviation of telemetry from the conventions. */

/**
 * `violation`: the telemetry is wrong and misleads its readers. `improvement`: recommended telemetry is missing.
 * `information`: worth a look.
 */
export type Level = "violation" | "improvement" | "information"

/** The names of the rules. */
export const rules = {
  unknownAttribute: "a name under gen_ai. or codex. that is not in the convention",
  unexpectedAttribute: "an attribute that is not allowed here",
  missingAttribute: "a required or recommended attribute is missing",
  type: "a value of the wrong type",
  value: "a value that is not allowed",
  content: "content, while capture of content is off",
  revision: "a name of another revision",
  unique: "a unique id as the label of a metric",
  kind: "the kind of a span or metric",
  name: "a span name that does not match its attributes",
  status: "the status of a span and its error.type",
  errorType: "an unknown error.type",
  event: "an event that is not in the convention, or not allowed on this span",
  duplicate: "a span id that occurs twice",
  parent: "a span with the wrong parent",
  orphan: "a span whose parent is missing",
  times: "impossible times",
  tokens: "impossible token counts",
  calls: "call counts that differ from the number of spans",
  unit: "the unit of a metric",
  buckets: "the buckets of a histogram",
  severity: "the severity of a record",
  unknownMetric: "a metric under gen_ai. or codex. that is not in the convention",
  unknownRecord: "a record under gen_ai. or codex. that is not in the convention"
} as const
export type CheckRule = keyof typeof rules

export interface Finding {
  readonly level: Level
  readonly rule: CheckRule
  readonly signal: "span" | "metric" | "log"
  /** The name of the span, metric or record. */
  readonly on: string
  readonly message: string
  readonly traceId?: string | undefined
  readonly spanId?: string | undefined
}

/** A finding without the signal that it belongs to. */
export type Remark = Pick<Finding, "level" | "rule" | "message">

export const violation = (rule: CheckRule, message: string): Remark => ({ level: "violation", rule, message })
export const improvement = (rule: CheckRule, message: string): Remark => ({
  level: "improvement",
  rule,
  message
})
export const information = (rule: CheckRule, message: string): Remark => ({
  level: "information",
  rule,
  message
})
