/** Decides from the spans of a turn why to keep it. */
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import { attribute, operation, span as names } from "../../semconv/Convention.ts"
import type { TailSamplingPlan } from "./TailSampling.ts"
import { BoundedMap } from "./BoundedMap.ts"
import { RunningPercentile } from "./RunningPercentile.ts"

/** The values of `codex.sampling.reason`, in order of precedence. `share` is the reason of the random sample. */
export const reasons = [
  "failed",
  "approval_timeout",
  "declined",
  "unanswered",
  "incomplete",
  "slow",
  "first",
  "share"
] as const
export type KeepReason = (typeof reasons)[number]

/** The reason in the metric for a dropped turn. */
export const leftOut = "left_out"

// A model may invent tool names. Beyond this many kinds, no turn is the first of its kind.
const maxKinds = 1_000
const maxEstimates = 100

const granted: ReadonlySet<unknown> = new Set(["accept", "acceptForSession"])

const isTurn = (span: ReadableSpan): boolean =>
  span.attributes[attribute.operationName] === operation.invokeAgent

/** Returns the reason that one span gives by itself. */
export const reasonOfSpan = (span: ReadableSpan): KeepReason | undefined => {
  if (isTurn(span)) {
    if (span.status.code === 2) return "failed"
    if (span.attributes[attribute.incomplete] === true) return "incomplete"
  }
  if (span.name !== names.approval) return undefined
  const { [attribute.approvalDecision]: decision, [attribute.approvalSource]: source } = span.attributes
  if (source === "timeout") return "approval_timeout"
  if (decision === undefined) return "unanswered"
  return granted.has(decision) ? undefined : "declined"
}

const rank = (reason: KeepReason): number => reasons.indexOf(reason)

const kindAttributes = [
  attribute.errorType,
  attribute.toolName,
  attribute.requestModel,
  attribute.agentName
] as const

export const millisOf = ({ duration: [seconds, nanos] }: ReadableSpan): number => seconds * 1000 + nanos / 1e6

/** Finds reasons that depend on earlier turns: the first of a kind, and slow turns. Its memory is bounded. */
export class KeepReasons {
  private readonly plan: Pick<TailSamplingPlan, "firsts" | "slowerThan">
  private readonly known = new Set<string>()
  private readonly estimates = new BoundedMap<string, RunningPercentile>(maxEstimates)

  constructor(plan: Pick<TailSamplingPlan, "firsts" | "slowerThan">) {
    this.plan = plan
  }

  /** Returns the reason to keep a turn, by its spans so far. `root` is the span of the turn if it has ended. */
  of(spans: ReadonlyArray<ReadableSpan>, root: ReadableSpan | undefined): KeepReason | undefined {
    let found: KeepReason | undefined
    const add = (reason: KeepReason | undefined) => {
      if (reason !== undefined && (found === undefined || rank(reason) < rank(found))) found = reason
    }
    for (const span of spans) {
      add(reasonOfSpan(span))
      if (this.plan.firsts && this.isFirst(span)) add("first")
    }
    if (root !== undefined && this.isSlow(root)) add("slow")
    return found
  }

  private isFirst(span: ReadableSpan): boolean {
    let first = false
    for (const name of kindAttributes) {
      const value = span.attributes[name]
      if (typeof value !== "string" || this.known.size >= maxKinds) continue
      const kind = `${name} ${value.slice(0, 128)}`
      if (this.known.has(kind)) continue
      this.known.add(kind)
      first = true
    }
    return first
  }

  private isSlow(root: ReadableSpan): boolean {
    const { slowerThan } = this.plan
    const millis = millisOf(root)
    if ("millis" in slowerThan) return millis > slowerThan.millis
    const { [attribute.agentName]: agent, [attribute.requestModel]: model } = root.attributes
    const key = `${String(agent)} ${String(model)}`.slice(0, 256)
    const estimate = this.estimates.get(key) ?? new RunningPercentile(slowerThan.percentile)
    this.estimates.set(key, estimate)
    const above = estimate.isAbove(millis)
    // Only completed turns count: an interrupted turn does not show how long turns take.
    if (root.attributes[attribute.turnStatus] === "completed") estimate.add(millis)
    return above
  }
}
