/** Adds the sampling reason and probability to a kept span. */
import type { SpanContext } from "@opentelemetry/api"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import { attribute } from "../../semconv/Convention.ts"
import * as CopySpan from "../../redaction/CopySpan.ts"
import { traceState } from "../span/RecordedSpan.ts"
import type { KeepReason } from "./KeepReason.ts"
import * as ConsistentProbability from "./ConsistentProbability.ts"

export interface KeepDecision {
  readonly reason: KeepReason
  /** Sampling probability of spans with this reason. */
  readonly share: number
  readonly threshold: string
}

export const annotate = (
  span: ReadableSpan,
  decision: KeepDecision,
  sampledBefore: boolean
): ReadableSpan => {
  const attributes = {
    ...span.attributes,
    [attribute.samplingReason]: decision.reason,
    [attribute.samplingShare]: decision.share
  }
  const context = span.spanContext()
  const state = ConsistentProbability.traceStateOf(context, decision.threshold, sampledBefore)
  const copy = CopySpan.make(span, { attributes })
  if (state === undefined) return copy
  const weighed: SpanContext = { ...context, traceState: traceState(state) }
  return { ...copy, spanContext: () => weighed }
}

/** Estimates the memory of a span, in bytes. */
export const sizeOf = (span: ReadableSpan): number => {
  let size = 600 + 2 * span.name.length + sizeOfAll(span.attributes)
  for (const event of span.events) size += 200 + sizeOfAll(event.attributes)
  for (const link of span.links) size += 300 + sizeOfAll(link.attributes)
  return size
}

const sizeOfAll = (attributes: ReadableSpan["attributes"] | undefined): number => {
  let size = 0
  for (const key in attributes) size += 32 + sizeOfValue(attributes[key])
  return size
}

const sizeOfValue = (value: ReadableSpan["attributes"][string]): number =>
  typeof value === "string"
    ? 2 * value.length
    : Array.isArray(value)
      ? value.reduce<number>((sum, item) => sum + 16 + (typeof item === "string" ? 2 * item.length : 0), 16)
      : 8
