/**
 * Holds the spans of a turn until the turn ends, then emits or drops all of them. A turn is an `invoke_agent` span that is
 * not inside another one, with all its descendants. Spans of the same trace outside any turn wait for its turns: the
 * sampler emits them with the first kept turn, or decides when no span of the trace is open in this process.
 */
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import * as Option from "effect/Option"
import type * as EffectTracer from "effect/Tracer"
import { operation } from "../../semconv/Convention.ts"
import type { TailSamplingPlan } from "./TailSampling.ts"
import { sizeOf, annotate, type KeepDecision } from "./SampledSpan.ts"
import { leftOut, reasonOfSpan, type KeepReason, KeepReasons } from "./KeepReason.ts"
import { BoundedMap } from "./BoundedMap.ts"
import * as ConsistentProbability from "./ConsistentProbability.ts"

export interface TailSamplerOptions extends TailSamplingPlan {
  /** Receives the kept spans. */
  readonly emit: (span: ReadableSpan) => void
  /** Receives each decision on a turn: the reason, and whether it was made before the end of the turn. */
  readonly decided: (reason: KeepReason | typeof leftOut, early: boolean) => void
  /** Another sampler has decided before, and the tracestate does not have its probability. */
  readonly sampledBefore: boolean
}

/** What the sampler holds. */
export interface HeldTotals {
  readonly spans: number
  readonly bytes: number
  readonly traces: number
}

interface Verdict {
  /** `undefined` if the spans are dropped. */
  decision: KeepDecision | undefined
  /** The decision was made before the end of the turn. */
  readonly early: boolean
}

interface Turn {
  readonly trace: Trace
  readonly rootId: string
  /** Ids of the spans of the turn that started in this process. */
  readonly ids: Array<string>
  spans: Array<ReadableSpan>
  bytes: number
}

interface Trace {
  readonly id: string
  /** Ids of the open spans in this process. */
  readonly open: Set<string>
  readonly turns: Set<Turn>
  outsideSpans: Array<ReadableSpan>
  outsideBytes: number
  /** A turn of this trace was dropped. */
  hasDroppedTurn: boolean
  /** The decision on spans outside any turn; `undefined` while it is open. */
  verdict: Verdict | "passed" | undefined
}

// Codex's own spans may arrive ten seconds after a turn. Each one names its parent, so ids are enough to find the turn.
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
  /** Undecided turns by the ids of their spans. */
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

  /** Records the start of a span in this process. */
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

  /** Takes a span that has ended, in this process or elsewhere. It is already scrubbed. */
  ended(span: ReadableSpan): void {
    const { spanId, traceFlags, traceId } = span.spanContext()
    const trace = this.traces.get(traceId)
    const here = trace?.open.delete(spanId) === true
    if ((traceFlags & 1) === 0) this.options.emit(span)
    else this.accept(span, spanId, trace, here)
    if (trace !== undefined && trace.open.size === 0) this.finishTrace(trace)
  }

  /** Decides everything now, at shutdown. Keeps turns that are still open. */
  flush(): void {
    for (const trace of this.traces.values()) {
      for (const turn of trace.turns) {
        this.decide(turn, this.reasons.of(turn.spans, undefined) ?? "incomplete", true)
      }
      this.decideOutside(trace)
    }
  }

  /** Returns an open span with its sampling attributes, after `flush`. Returns `undefined` if its turn is dropped. */
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
    // A span of another process or library with an unknown parent most likely belongs to the running turn.
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

  /** Applies a verdict to the spans outside any turn: the first kept turn keeps them too. */
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

  /**
   * Applies an earlier verdict to a late span. If the turn was dropped before its end and this span shows a reason to keep
   * it, the sampler keeps this span and all later ones.
   */
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
    // No span of the trace is open, so a turn without a decision has lost its root span.
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

  /** Decides the oldest traces early while the sampler holds more than its limits. */
  private enforceLimits(): void {
    const { maxBytes, maxSpans } = this.options
    if (this.spans <= maxSpans && this.bytes <= maxBytes) return
    for (const trace of this.traces.values()) {
      if (this.spans <= maxSpans && this.bytes <= maxBytes) return
      if (this.decideEarly(trace)) {
        // It holds no spans now. Move it to the end, so that the next search starts with the others.
        this.traces.delete(trace.id)
        this.traces.set(trace.id, trace)
      }
    }
  }

  private decideEarly(trace: Trace): boolean {
    const holding = [...trace.turns].filter((turn) => turn.spans.length > 0)
    const heldOutside = trace.outsideSpans.length > 0
    for (const turn of holding) this.decide(turn, this.reasons.of(turn.spans, undefined), true)
    if (trace.outsideSpans.length > 0) this.decideOutside(trace)
    return holding.length > 0 || heldOutside
  }
}
