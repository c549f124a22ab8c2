/** What is found of telemetry that is not as the convention has it. */

/**
 * `violation`: wrong, a reader of it is misled. `improvement`: something is missing that should be there.
 * `information`: worth a look.
 */
export type Level = "violation" | "improvement" | "information"

/** The names of the rules. */
export const rules = {
  unknownAttribute: "a name under gen_ai. or codex. that is not in the convention",
  unexpectedAttribute: "an attribute that this has no use for",
  missingAttribute: "an attribute that is always there, or should be",
  type: "a value of another type",
  value: "a value that is none of those allowed",
  content: "content that was not asked for",
  revision: "the name of another revision",
  unique: "an id of one thing on a metric",
  kind: "the kind of a span or metric",
  name: "the name of a span that does not fit what it says",
  status: "the status of a span and its error.type",
  errorType: "an error.type out of no list",
  event: "an event that is not in the convention, or not of this span",
  duplicate: "one span id twice",
  parent: "a span that is not where it belongs",
  orphan: "a span whose parent is not there",
  times: "times that cannot be",
  tokens: "counts of tokens that cannot be",
  calls: "counts of calls that are not those of the spans",
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

/** A finding before it is known what it is on. */
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
