/**
 * Joins Codex's spans to our traces. It emits a span when all its ancestors are known. Codex's spans end and arrive from
 * the inside out, so most wait for the end of their turn. Dropped ancestors are skipped on the way up.
 */
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"
import { attribute, operation } from "../../semconv/Convention.ts"
import { HeldChatSpans } from "./HeldChatSpans.ts"
import * as KeptSpans from "./KeptSpans.ts"
import type { NativeSpan } from "./OtlpTraceJson.ts"

/** A reference to a parent span. */
export interface SpanRef {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}

export interface SpanJoinerOptions {
  /** Receives a kept span of Codex and its parent. */
  readonly emit: (span: NativeSpan, parent: SpanRef) => void
  /** Receives a released span of ours. */
  readonly release: (span: ReadableSpan) => void
  /** Receives the number of spans without a parent in our traces. */
  readonly dropped: (n: number) => void
}

interface Turn {
  readonly ref: SpanRef
  readonly calls: Map<string, SpanRef>
  readonly chats: HeldChatSpans
  /** End time of the turn in this process. */
  endedAt: number | undefined
}

interface Pending {
  readonly span: NativeSpan
  readonly since: number
}

/** How long a span waits for its ancestors, after its arrival and after the end of its turn, in milliseconds. */
export const waitMillis = 2000

// A turn has some 500 spans. The joiner remembers the name and three ids of each.
const maxTurns = 500
const maxLinks = 20_000
const maxPending = 5_000
const maxDepth = 200

/** Returns a span with only what is needed to find ancestors. */
const withoutAttributes = (span: NativeSpan): NativeSpan => ({
  ...span,
  attributes: nothing,
  profile: undefined
})
const nothing = {}

type Place = SpanRef | "later" | "nowhere"

export class SpanJoiner {
  private readonly options: SpanJoinerOptions
  private readonly turns = new Map<string, Turn>()
  /** The most recent spans of Codex by id. */
  private readonly seen = new Map<string, NativeSpan>()
  private readonly placed = new Map<string, SpanRef>()
  private pending: Array<Pending> = []

  constructor(options: SpanJoinerOptions) {
    this.options = options
  }

  /** Whether a span waits, so that `tick` must be called later. */
  get hasPending(): boolean {
    if (this.pending.length > 0) return true
    for (const { chats } of this.turns.values()) if (chats.size > 0) return true
    return false
  }

  turnStarted(turnId: string, ref: SpanRef): void {
    if (this.turns.has(turnId)) return
    this.turns.set(turnId, { ref, calls: new Map(), chats: new HeldChatSpans(), endedAt: undefined })
    if (this.turns.size <= maxTurns) return
    for (const [oldest, { chats }] of this.turns) {
      for (const span of chats.release(Infinity)) this.options.release(span)
      this.turns.delete(oldest)
      return
    }
  }

  turnEnded(turnId: string, now: number): void {
    const turn = this.turns.get(turnId)
    if (turn !== undefined) turn.endedAt = now
  }

  toolStarted(turnId: string, callId: string, ref: SpanRef): void {
    this.turns.get(turnId)?.calls.set(callId, ref)
  }

  /** Holds a `chat` span of ours until its measurement arrives. Returns false if the span is not held. */
  hold(span: ReadableSpan, now: number): boolean {
    if (span.attributes[attribute.operationName] !== operation.chat) return false
    const turnId = span.attributes[attribute.turnId]
    const turn = typeof turnId === "string" ? this.turns.get(turnId) : undefined
    if (turn === undefined || !turn.chats.add(span, now)) return false
    this.release(turn, -Infinity)
    return true
  }

  /** Takes a batch of spans of Codex. */
  receive(spans: ReadonlyArray<NativeSpan>, now: number): void {
    for (const span of spans) {
      this.seen.set(span.spanId, KeptSpans.isKept(span) ? span : withoutAttributes(span))
      this.evict(this.seen, maxLinks)
    }
    for (const span of spans) {
      if (KeptSpans.isSampling(span)) this.addMeasurement(span, spans)
      if (KeptSpans.isKept(span)) this.pending.push({ span, since: now })
    }
    for (const turn of this.turns.values()) this.release(turn, -Infinity)
    this.placePending(now)
    const excess = this.pending.length - maxPending
    if (excess > 0) this.dropFirst(excess)
  }

  /** Places the spans that have waited long enough, below the nearest known ancestor or the turn. */
  tick(now: number): void {
    for (const turn of this.turns.values()) this.release(turn, now - waitMillis)
    this.placePending(now)
  }

  /** Places all waiting spans now. */
  flush(): void {
    for (const turn of this.turns.values()) this.release(turn, Infinity)
    this.placePending(Infinity)
  }

  private addMeasurement(span: NativeSpan, batch: ReadonlyArray<NativeSpan>): void {
    const turnId = KeptSpans.turnOf(span)
    const turn = turnId === undefined ? undefined : this.turns.get(turnId)
    if (turn === undefined) return
    // Both spans are in one attempt. The HTTP request ends first, so it may be in an earlier batch.
    const attempt = span.parentId ?? span.spanId
    const sent = [...batch, ...this.pending.map((pending) => pending.span)].find(
      (other) => KeptSpans.isRequest(other) && this.attemptOf(other) === attempt
    )
    const { endTime, startTime } = span
    turn.chats.addMeasurement({ attempt, endTime, startTime: sent?.startTime ?? startTime })
  }

  /** Returns the id of the attempt that contains an HTTP request. */
  private attemptOf(span: NativeSpan): string | undefined {
    let at = span
    for (let steps = 0; steps < 4; steps++) {
      const parent = at.parentId === undefined ? undefined : this.seen.get(at.parentId)
      // The attempt ends after its tools have run, so only its id may be known yet.
      if (parent === undefined || KeptSpans.isAttempt(parent)) break
      at = parent
    }
    return at.parentId
  }

  private release(turn: Turn, before: number): void {
    if (turn.chats.size === 0) return
    for (const span of turn.chats.release(before)) this.options.release(span)
  }

  private placePending(now: number): void {
    const waiting: Array<Pending> = []
    let lost = 0
    for (const pending of this.pending) {
      const place = this.place(pending.span, this.isDue(pending, now), maxDepth)
      if (place === "later") waiting.push(pending)
      else if (place === "nowhere") lost++
    }
    this.pending = waiting
    if (lost > 0) this.options.dropped(lost)
  }

  private isDue({ since, span }: Pending, now: number): boolean {
    if (now - since < waitMillis) return false
    const turn = this.turnOf(span)
    if (turn !== undefined) return turn.endedAt !== undefined && now - turn.endedAt >= waitMillis
    // In code mode, nested tool spans have a trace of their own: the span may belong to any turn.
    for (const { endedAt } of this.turns.values()) if (endedAt === undefined && now !== Infinity) return false
    return true
  }

  private turnOf(span: NativeSpan): Turn | undefined {
    const turnId = KeptSpans.turnOf(span)
    const named = turnId === undefined ? undefined : this.turns.get(turnId)
    if (named !== undefined) return named
    let found: Turn | undefined
    for (const turn of this.turns.values()) {
      if (turn.ref.traceId !== span.traceId) continue
      // If a trace has several turns, prefer the running one.
      if (found === undefined || found.endedAt !== undefined) found = turn
    }
    return found
  }

  /** Returns the parent of a kept span, and emits the span once, after its kept ancestors. */
  private place(span: NativeSpan, due: boolean, depth: number): Place {
    const above = this.parentOf(span, due, depth)
    if (above === "later" || above === "nowhere") return above
    if (!this.placed.has(span.spanId)) {
      this.placed.set(span.spanId, { ...above, spanId: span.spanId })
      this.evict(this.placed, maxLinks)
      this.seen.set(span.spanId, withoutAttributes(span))
      this.options.emit(span, above)
    }
    return above
  }

  private parentOf(span: NativeSpan, due: boolean, depth: number): Place {
    const call = this.callOf(span)
    if (call !== undefined) return call
    const own = this.turnOf(span)
    const otherwise: Place = due ? (own?.ref ?? "nowhere") : "later"
    if (KeptSpans.isRequest(span) && own !== undefined) {
      const chat = own.chats.chatByAttempt.get(this.attemptOf(span) ?? "")
      if (chat !== undefined) return { ...own.ref, spanId: chat }
      // Our `chat` span for this request may not have ended yet.
      if (!due) return "later"
    }
    let at = span
    for (let steps = 0; steps < depth; steps++) {
      const { parentId } = at
      if (parentId === undefined) return own !== undefined && due ? own.ref : otherwise
      if (KeptSpans.isEntry(at)) return own === undefined ? otherwise : { ...own.ref, spanId: parentId }
      const placed = this.placed.get(parentId)
      if (placed !== undefined) return placed
      const parent = this.seen.get(parentId)
      if (parent === undefined) return otherwise
      if (KeptSpans.isKept(parent)) {
        const above = this.place(parent, due, depth - steps - 1)
        return above === "later" || above === "nowhere" ? above : (this.placed.get(parentId) ?? otherwise)
      }
      at = parent
    }
    return otherwise
  }

  private callOf(span: NativeSpan): SpanRef | undefined {
    const callId = KeptSpans.callOf(span)
    const turnId = KeptSpans.turnOf(span)
    if (callId === undefined || turnId === undefined) return undefined
    return this.turns.get(turnId)?.calls.get(callId)
  }

  private dropFirst(n: number): void {
    this.pending.splice(0, n)
    this.options.dropped(n)
  }

  private evict(map: Map<string, unknown>, limit: number): void {
    if (map.size <= limit) return
    for (const key of map.keys()) {
      map.delete(key)
      return
    }
  }
}
