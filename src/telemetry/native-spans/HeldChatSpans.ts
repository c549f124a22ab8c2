/** Holds our `chat` spans until Codex's own spans give the exact times of each model request. */
import type { HrTime } from "@opentelemetry/api"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import { attribute } from "../../semconv/Convention.ts"
import * as CopySpan from "../../redaction/CopySpan.ts"
import { hrTimeDifference } from "../span/RecordedSpan.ts"

/** A model request as measured by Codex. */
export interface MeasuredChat {
  /** Span id of Codex's attempt that contains the request. */
  readonly attempt: string
  readonly startTime: HrTime
  readonly endTime: HrTime
}

const millis = ([seconds, nanos]: HrTime): number => seconds * 1000 + nanos / 1e6

/** Returns the overlap of a span and a measurement, as a share of the shorter of the two. */
const overlap = (span: ReadableSpan, measured: MeasuredChat): number => {
  const from = Math.max(millis(span.startTime), millis(measured.startTime))
  const to = Math.min(millis(span.endTime), millis(measured.endTime))
  const shorter = Math.min(
    millis(span.endTime) - millis(span.startTime),
    millis(measured.endTime) - millis(measured.startTime)
  )
  return shorter <= 0 ? (to >= from ? 1 : 0) : (to - from) / shorter
}

/** Replaces the times of the span by the measured ones. The absolute time of the first chunk does not change. */
const withMeasuredTimes = (span: ReadableSpan, { endTime, startTime }: MeasuredChat): ReadableSpan => {
  const first = span.attributes[attribute.timeToFirstChunk]
  const later = millis(startTime) - millis(span.startTime)
  const attributes = {
    ...span.attributes,
    [attribute.measured]: true,
    ...(typeof first === "number" ? { [attribute.timeToFirstChunk]: Math.max(0, first - later / 1000) } : {})
  }
  return CopySpan.make(span, {
    startTime,
    endTime,
    duration: hrTimeDifference(startTime, endTime),
    attributes
  })
}

/** Maximum number of requests of one turn that are matched. */
const maxHeld = 512

export class HeldChatSpans {
  private held: Array<{ readonly span: ReadableSpan; readonly since: number }> = []
  private measured: Array<MeasuredChat> = []
  /** Ids of our spans by the ids of Codex's attempts. */
  readonly chatByAttempt = new Map<string, string>()

  get size(): number {
    return this.held.length
  }

  /** Holds an ended span until it has a measurement. Returns what to release now, or `undefined` if there is no room. */
  add(span: ReadableSpan, now: number): ReadonlyArray<ReadableSpan> | undefined {
    if (this.held.length >= maxHeld) return undefined
    const found = this.find(span)
    if (found !== undefined) return [withMeasuredTimes(span, found)]
    this.held.push({ span, since: now })
    return []
  }

  addMeasurement(measured: MeasuredChat): void {
    this.measured.push(measured)
    if (this.measured.length > maxHeld) this.measured.shift()
  }

  /** Releases the spans with a measurement, and releases spans that are held since `before` or longer unchanged. */
  release(before: number): ReadonlyArray<ReadableSpan> {
    const out: Array<ReadableSpan> = []
    this.held = this.held.filter((held) => {
      const found = this.find(held.span)
      if (found !== undefined) out.push(withMeasuredTimes(held.span, found))
      else if (held.since <= before) out.push(held.span)
      else return true
      return false
    })
    return out
  }

  private find(span: ReadableSpan): MeasuredChat | undefined {
    let best: MeasuredChat | undefined
    let bestShare = 0.5
    for (const measured of this.measured) {
      const share = overlap(span, measured)
      if (share > bestShare) {
        best = measured
        bestShare = share
      }
    }
    if (best === undefined) return undefined
    this.measured = this.measured.filter((measured) => measured !== best)
    this.chatByAttempt.set(best.attempt, span.spanContext().spanId)
    return best
  }
}
