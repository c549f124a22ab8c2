/**
 * Holds the spans of a turn back until the turn is over, and passes them on or drops them, all alike. A turn is an
 * `invoke_agent` span that is in no other one, with everything below it. Spans of the same trace that are in no turn
 * wait for its turns: they go with the first that is kept, and where none is, when nothing of the trace is open here.
 */
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"
import * as Option from "effect/Option"
import type * as EffectTracer from "effect/Tracer"
import { operation } from "../../semconv/Convention.ts"
import type { TailSamplingPlan } from "./TailSampling.ts"
import { sizeOf, annotate, type KeepDecision } from "./SampledSpan.ts"
import { leftOut, reasonOfSpan, type KeepReason, KeepReasons } from "./KeepReason.ts"
import { BoundedMap } from "./BoundedMap.ts"
import * as ConsistentProbability from "./ConsistentProbability.ts"

export interface TailSamplerOptions extends TailSamplingPlan {
  /** Takes what is passed on. */
  readonly emit: (span: ReadableSpan) => void
  /** Told of every turn: why it is kept, or that it is left out, and whether its end was not waited for. */
  readonly decided: (reason: KeepReason | typeof leftOut, early: boolean) => void
  /** Another sampler has been asked before, whose rate no tracestate tells. */
  readonly sampledBefore: boolean
}

/** What is held now, and the most there was at any time. */
export interface HeldTotals {
  readonly spans: number
  readonly bytes: number
  readonly traces: number
}

interface Verdict {
  /** Nothing of what is left out. */
  decision: KeepDecision | undefined
  /** It was not waited for the end of the turn. */
  readonly early: boolean
}

interface Turn {
  readonly trace: Trace
  readonly rootId: string
  /** The first of the turn's context, for the share. */
  readonly ids: Array<string>
  spans: Array<ReadableSpan>
  bytes: number
}

interface Trace {
  readonly id: string
  /** The ids of what has started here and not ended. */
  readonly open: Set<string>
  readonly turns: Set<Turn>
  outsideSpans: Array<ReadableSpan>
  outsideBytes: number
  /** A turn has been left out. */
  hasDroppedTurn: boolean
  /** What became of spans in no turn; nothing while that is open. */
  verdict: Verdict | "passed" | undefined
}

// Codex's own spans may come ten seconds after a turn, and every one of them names its parent.
const rememberedIds = 40_000
const rememberedTraces = 20_000

const turnNamePrefix = `${operation.invokeAgent} `

const keepAlways: Omit<KeepDecision, "reason"> = {
  share: 1,
  threshold: ConsistentProbability.keepAll.threshold
}

export class TailSampler {
  private readonly options: TailSamplerOptions
  private readonly share: ConsistentProbability.ProbabilitySampler
  private readonly reasons: KeepReasons
  private readonly traces = new Map<string, Trace>()
  /** Turns that are not decided yet, by the ids of their spans. */
  private readonly turnBySpan = new Map<string, Turn>()
  private readonly verdicts = new BoundedMap<string, Verdict>(rememberedIds)
  private readonly finishedTraces = new BoundedMap<string, Verdict | "passed">(rememberedTraces)
  private spans = 0
  private bytes = 0
  private maximum: HeldTotals = { spans: 0, bytes: 0, traces: 0 }

  constructor(options: TailSamplerOptions) {
    this.options = options
    this.share = ConsistentProbability.make(options.keep)
    this.reasons = new KeepReasons(options)
  }

  get held(): HeldTotals {
    return { spans: this.spans, bytes: this.bytes, traces: this.traces.size }
  }

  get maxHeld(): HeldTotals {
    return this.maximum
  }

  /** A span has started here. */
  started(span: EffectTracer.Span): void {
    const trace = this.traces.get(span.traceId) ?? this.makeTrace(span.traceId)
    trace.open.add(span.spanId)
    const parentId = Option.getOrUndefined(span.parent)?.spanId
    const turn = parentId === undefined ? undefined : this.turnBySpan.get(parentId)
    if (turn !== undefined) return this.join(turn, span.spanId)
    const verdict = parentId === undefined ? undefined : this.verdicts.get(parentId)
    if (verdict !== undefined) return this.verdicts.set(span.spanId, verdict)
    if (!span.name.startsWith(turnNamePrefix)) return
    const begun: Turn = { trace, rootId: span.spanId, ids: [], spans: [], bytes: 0 }
    trace.turns.add(begun)
    this.join(begun, span.spanId)
  }

  /** A span has ended, here or elsewhere; it is as it shall be seen. */
  ended(span: ReadableSpan): void {
    const { spanId, traceFlags, traceId } = span.spanContext()
    const trace = this.traces.get(traceId)
    const here = trace?.open.delete(spanId) === true
    if ((traceFlags & 1) === 0) this.options.emit(span)
    else this.accept(span, spanId, trace, here)
    if (trace !== undefined && trace.open.size === 0) this.finishTrace(trace)
  }

  /** Nothing is waited for any longer: turns that are still open are kept. */
  flush(): void {
    for (const trace of this.traces.values()) {
      for (const turn of trace.turns) {
        this.decide(turn, this.reasons.of(turn.spans, undefined) ?? "incomplete", true)
      }
      this.decideOutside(trace)
    }
  }

  /** A span that is still open as it is to be seen, after `flush`; nothing where it is left out. */
  shown(span: ReadableSpan): ReadableSpan | undefined {
    const { spanId, traceFlags, traceId } = span.spanContext()
    const verdict = this.verdicts.get(spanId) ?? this.traces.get(traceId)?.verdict
    if (verdict === undefined || verdict === "passed" || (traceFlags & 1) === 0) return span
    return verdict.decision === undefined
      ? undefined
      : annotate(span, verdict.decision, this.options.sampledBefore)
  }

  private accept(span: ReadableSpan, spanId: string, trace: Trace | undefined, here: boolean): void {
    const parentId = span.parentSpanContext?.spanId ?? ""
    const turn = this.turnBySpan.get(spanId) ?? this.turnBySpan.get(parentId)
    if (turn !== undefined) {
      this.hold(turn, span)
      return spanId === turn.rootId ? this.end(turn, span) : this.enforceLimits()
    }
    const verdict = this.verdicts.get(spanId) ?? this.verdicts.get(parentId)
    if (verdict !== undefined) {
      this.verdicts.set(spanId, verdict)
      return this.applyVerdict(span, verdict)
    }
    if (trace === undefined) {
      const late = this.finishedTraces.get(span.spanContext().traceId)
      return late === undefined || late === "passed" ? this.options.emit(span) : this.applyVerdict(span, late)
    }
    // Of another process or library, with a parent that is not known here: it is most likely about what runs now.
    const running = here ? undefined : [...trace.turns].at(-1)
    if (running !== undefined) {
      this.hold(running, span)
      return this.enforceLimits()
    }
    this.acceptOutside(trace, span)
  }

  private acceptOutside(trace: Trace, span: ReadableSpan): void {
    if (trace.verdict === "passed") return this.options.emit(span)
    if (trace.verdict !== undefined) return this.applyVerdict(span, trace.verdict)
    const size = sizeOf(span)
    trace.outsideSpans.push(span)
    trace.outsideBytes += size
    this.count(1, size)
    this.enforceLimits()
  }

  private join(turn: Turn, spanId: string): void {
    turn.ids.push(spanId)
    this.turnBySpan.set(spanId, turn)
  }

  private hold(turn: Turn, span: ReadableSpan): void {
    const size = sizeOf(span)
    turn.spans.push(span)
    turn.bytes += size
    this.count(1, size)
  }

  private count(spans: number, bytes: number): void {
    this.spans += spans
    this.bytes += bytes
    const { maximum } = this
    if (this.spans > maximum.spans || this.bytes > maximum.bytes || this.traces.size > maximum.traces) {
      this.maximum = {
        spans: Math.max(maximum.spans, this.spans),
        bytes: Math.max(maximum.bytes, this.bytes),
        traces: Math.max(maximum.traces, this.traces.size)
      }
    }
  }

  private end(turn: Turn, root: ReadableSpan): void {
    this.decide(turn, this.reasons.of(turn.spans, root), false)
  }

  private decide(turn: Turn, reason: KeepReason | undefined, early: boolean): void {
    const { ids, rootId, spans, trace } = turn
    const first = spans.find((span) => span.spanContext().spanId === rootId) ?? spans[0]
    const context = first?.spanContext() ?? { traceId: trace.id, spanId: rootId, traceFlags: 1 }
    const byShare = reason === undefined && this.share.keeps(context)
    const decision: KeepDecision | undefined =
      reason !== undefined
        ? { reason, ...keepAlways }
        : byShare
          ? { reason: "share", share: this.options.keep, threshold: this.share.threshold }
          : undefined
    const verdict: Verdict = { decision, early }
    trace.turns.delete(turn)
    for (const id of ids) {
      this.turnBySpan.delete(id)
      this.verdicts.set(id, verdict)
    }
    turn.spans = []
    this.count(-spans.length, -turn.bytes)
    this.options.decided(decision?.reason ?? leftOut, early)
    if (decision === undefined) {
      trace.hasDroppedTurn = true
      return
    }
    this.release(trace, verdict)
    for (const span of spans) this.emitKept(span, decision)
  }

  /** A turn of the trace is kept: what is around it goes with it. */
  private release(trace: Trace, verdict: Verdict | "passed"): void {
    if (trace.verdict !== undefined) {
      if (verdict !== "passed" && trace.verdict !== "passed") trace.verdict.decision ??= verdict.decision
      return
    }
    trace.verdict = verdict
    const { outsideSpans } = trace
    trace.outsideSpans = []
    this.count(-outsideSpans.length, -trace.outsideBytes)
    trace.outsideBytes = 0
    for (const span of outsideSpans) {
      if (verdict === "passed") this.options.emit(span)
      else this.applyVerdict(span, verdict)
    }
  }

  /** Of a turn that was left out before its end, what shows that it should not have been is kept, and what follows. */
  private applyVerdict(span: ReadableSpan, verdict: Verdict): void {
    if (verdict.decision === undefined && verdict.early) {
      const reason = reasonOfSpan(span)
      if (reason !== undefined) {
        verdict.decision = { reason, ...keepAlways }
        this.options.decided(reason, true)
      }
    }
    if (verdict.decision !== undefined) this.emitKept(span, verdict.decision)
  }

  private emitKept(span: ReadableSpan, decision: KeepDecision): void {
    this.options.emit(annotate(span, decision, this.options.sampledBefore))
  }

  private makeTrace(id: string): Trace {
    const trace: Trace = {
      id,
      open: new Set(),
      turns: new Set(),
      outsideSpans: [],
      outsideBytes: 0,
      hasDroppedTurn: false,
      verdict: this.finishedTraces.get(id)
    }
    this.traces.set(id, trace)
    if (this.traces.size > this.options.maxTraces) {
      for (const oldest of this.traces.values()) {
        this.decideEarly(oldest)
        this.finishTrace(oldest)
        break
      }
    }
    this.count(0, 0)
    return trace
  }

  private finishTrace(trace: Trace): void {
    // What is started here and not ended can have no undecided turn above it, unless that one was forgotten.
    for (const turn of trace.turns) this.decide(turn, this.reasons.of(turn.spans, undefined), true)
    this.decideOutside(trace)
    this.traces.delete(trace.id)
    if (trace.verdict !== undefined) this.finishedTraces.set(trace.id, trace.verdict)
  }

  private decideOutside(trace: Trace): void {
    if (trace.verdict !== undefined) return
    if (!trace.hasDroppedTurn) return this.release(trace, "passed")
    const failed = trace.outsideSpans.some((span) => span.status.code === 2)
    this.release(trace, { decision: failed ? { reason: "failed", ...keepAlways } : undefined, early: true })
  }

  /** Decides what is oldest at once, as long as too much is held. */
  private enforceLimits(): void {
    const { maxBytes, maxSpans } = this.options
    if (this.spans <= maxSpans && this.bytes <= maxBytes) return
    for (const trace of this.traces.values()) {
      if (this.spans <= maxSpans && this.bytes <= maxBytes) return
      if (this.decideEarly(trace)) {
        // It holds nothing now, and is not to be looked at again before the others.
        this.traces.delete(trace.id)
        this.traces.set(trace.id, trace)
      }
    }
  }

  private decideEarly(trace: Trace): boolean {
    const holding = [...trace.turns].filter((turn) => turn.spans.length > 0)
    const resting = trace.outsideSpans.length > 0
    for (const turn of holding) this.decide(turn, this.reasons.of(turn.spans, undefined), true)
    if (trace.outsideSpans.length > 0) this.decideOutside(trace)
    return holding.length > 0 || resting
  }
}
