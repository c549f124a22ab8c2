/**
 * Joins Codex's spans to our traces. It emits a span when all its ancestors are known. Codex's spans end and arrive from
 * the inside out, so most wait for the end of their turn. Dropped ancestors are skipped on the way up.
 */
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import * as Steps from "../../internal/Steps.ts"
import { attribute, operation } from "../../semconv/Convention.ts"
import { HeldChatSpans } from "./HeldChatSpans.ts"
import * as KeptSpans from "./KeptSpans.ts"
import type { NativeSpan } from "./KeptSpans.ts"

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

/** The turns of a trace: those that run, in order of start, and the last that started. */
interface TraceTurns {
  readonly running: Set<Turn>
  last: Turn
}

// A turn has some 500 spans. The joiner remembers the name and three ids of each. A span has at most some 4 kB of
// attributes, and only the pending ones have them, so all together take some 40 MB at most.
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
  private readonly traces = new Map<string, TraceTurns>()
  /** The most recent tool calls by turn and call. */
  private readonly calls = new Map<string, SpanRef>()
  private running = 0
  private pending: Array<Pending> = []
  /** The rest of the batch that is being received. */
  private receiving: Iterator<void> | undefined
  /** The rest of the placing that has begun. */
  private placing: Iterator<void> | undefined

  constructor(options: SpanJoinerOptions) {
    this.options = options
  }

  /** Whether a span waits, so that `tick` must be called later. */
  get hasPending(): boolean {
    if (this.pending.length > 0 || this.placing !== undefined) return true
    for (const { chats } of this.turns.values()) if (chats.size > 0) return true
    return false
  }

  turnStarted(turnId: string, ref: SpanRef): void {
    if (this.turns.has(turnId)) return
    const turn: Turn = { ref, chats: new HeldChatSpans(), endedAt: undefined }
    this.turns.set(turnId, turn)
    this.running++
    const known = this.traces.get(ref.traceId)
    if (known === undefined) this.traces.set(ref.traceId, { running: new Set([turn]), last: turn })
    else {
      known.running.add(turn)
      known.last = turn
    }
    if (this.turns.size <= maxTurns) return
    for (const [oldest, turn] of this.turns) {
      this.release(turn, Infinity)
      this.turns.delete(oldest)
      this.stopped(turn)
      if (this.traces.get(turn.ref.traceId)?.last === turn) this.traces.delete(turn.ref.traceId)
      return
    }
  }

  turnEnded(turnId: string, now: number): void {
    const turn = this.turns.get(turnId)
    if (turn === undefined) return
    this.stopped(turn)
    turn.endedAt = now
  }

  private stopped(turn: Turn): void {
    if (turn.endedAt === undefined) this.running--
    this.traces.get(turn.ref.traceId)?.running.delete(turn)
  }

  toolStarted(turnId: string, callId: string, ref: SpanRef): void {
    if (!this.turns.has(turnId)) return
    this.calls.set(`${turnId} ${callId}`, ref)
    this.evict(this.calls, maxLinks)
  }

  /** Holds a `chat` span of ours until its measurement arrives. Returns false if the span is not held. */
  hold(span: ReadableSpan, now: number): boolean {
    if (span.attributes[attribute.operationName] !== operation.chat) return false
    const turnId = span.attributes[attribute.turnId]
    const turn = typeof turnId === "string" ? this.turns.get(turnId) : undefined
    const released = turn?.chats.add(span, now)
    if (released === undefined) return false
    for (const span of released) this.options.release(span)
    return true
  }

  /** Takes a batch of spans of Codex. */
  receive(spans: ReadonlyArray<NativeSpan>, now: number): void {
    Steps.finish(this.receiveSteps(spans, now))
  }

  /**
   * The same in small steps: the caller may let other work run between them. The work is linear in the number of spans. The
   * caller takes all steps of a batch before those of the next one.
   */
  receiveSteps(spans: ReadonlyArray<NativeSpan>, now: number): Iterable<void> & Iterator<void> {
    const steps = this.receiveBatch(spans, now)
    this.receiving = steps
    return steps
  }

  private *receiveBatch(spans: ReadonlyArray<NativeSpan>, now: number): Generator<void> {
    let hasMeasurement = false
    for (const span of spans) {
      this.seen.set(span.spanId, KeptSpans.isKept(span) ? span : withoutAttributes(span))
      this.evict(this.seen, maxLinks)
      hasMeasurement ||= KeptSpans.isSampling(span)
      yield
    }
    const measured = hasMeasurement ? yield* this.measure(spans) : []
    for (const span of spans) {
      if (KeptSpans.isKept(span)) this.pending.push({ span, since: now })
      yield
    }
    for (const turn of measured) {
      this.release(turn, -Infinity)
      yield
    }
    yield* this.placeSteps(now)
    const excess = this.pending.length - maxPending
    if (excess > 0) this.dropFirst(excess)
    this.receiving = undefined
  }

  /** Places the spans that have waited long enough, below the nearest known ancestor or the turn. */
  tick(now: number): void {
    for (const turn of this.turns.values()) this.release(turn, now - waitMillis)
    // A batch that is being placed places these spans too.
    if (this.placing === undefined) Steps.finish(this.placeSteps(now))
  }

  /**
   * Places all waiting spans now. Takes the steps of a batch that is being received first: a `chat` span that is released
   * between its measurement and its request would lose the request.
   */
  flush(): void {
    if (this.receiving !== undefined) Steps.finish(this.receiving)
    if (this.placing !== undefined) Steps.finish(this.placing)
    for (const turn of this.turns.values()) this.release(turn, Infinity)
    Steps.finish(this.placeSteps(Infinity))
  }

  /** Adds the measurements in a batch, and returns the turns that have one. */
  private *measure(batch: ReadonlyArray<NativeSpan>): Generator<void, ReadonlySet<Turn>> {
    // A measurement and its HTTP request are in one attempt. The request ends first, so it may be in an earlier batch.
    const sent = new Map<string, NativeSpan>()
    const add = (span: NativeSpan) => {
      const attempt = KeptSpans.isRequest(span) ? this.attemptOf(span) : undefined
      if (attempt !== undefined && !sent.has(attempt)) sent.set(attempt, span)
    }
    for (const span of batch) {
      add(span)
      yield
    }
    for (const { span } of this.pending) {
      add(span)
      yield
    }
    const measured = new Set<Turn>()
    for (const span of batch) {
      yield
      const turnId = KeptSpans.isSampling(span) ? KeptSpans.turnOf(span) : undefined
      const turn = turnId === undefined ? undefined : this.turns.get(turnId)
      if (turn === undefined) continue
      const attempt = span.parentId ?? span.spanId
      const { endTime, startTime } = span
      turn.chats.addMeasurement({ attempt, endTime, startTime: sent.get(attempt)?.startTime ?? startTime })
      measured.add(turn)
    }
    return measured
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

  private placeSteps(now: number): Iterable<void> & Iterator<void> {
    const steps = this.placePending(now)
    this.placing = steps
    return steps
  }

  private *placePending(now: number): Generator<void> {
    const all = this.pending
    const waiting: Array<Pending> = []
    let lost = 0
    this.pending = []
    for (const pending of all) {
      const place = this.place(pending.span, this.isDue(pending, now), maxDepth)
      if (place === "later") waiting.push(pending)
      else if (place === "nowhere") {
        lost++
        this.forgetAttributes(pending.span)
      }
      yield
    }
    this.pending = [...waiting, ...this.pending]
    this.placing = undefined
    if (lost > 0) this.options.dropped(lost)
  }

  /** Keeps of a span that no longer waits only what is needed to find ancestors. */
  private forgetAttributes(span: NativeSpan): void {
    if (this.seen.get(span.spanId) === span) this.seen.set(span.spanId, withoutAttributes(span))
  }

  private isDue({ since, span }: Pending, now: number): boolean {
    if (now - since < waitMillis) return false
    const turn = this.turnOf(span)
    if (turn !== undefined) return turn.endedAt !== undefined && now - turn.endedAt >= waitMillis
    // In code mode, nested tool spans have a trace of their own: the span may belong to any turn.
    return this.running === 0 || now === Infinity
  }

  private turnOf(span: NativeSpan): Turn | undefined {
    const turnId = KeptSpans.turnOf(span)
    const named = turnId === undefined ? undefined : this.turns.get(turnId)
    if (named !== undefined) return named
    const ofTrace = this.traces.get(span.traceId)
    // If a trace has several turns, prefer the running one.
    for (const turn of ofTrace?.running ?? []) return turn
    return ofTrace?.last
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
    return this.calls.get(`${turnId} ${callId}`)
  }

  private dropFirst(n: number): void {
    for (const { span } of this.pending.splice(0, n)) this.forgetAttributes(span)
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
