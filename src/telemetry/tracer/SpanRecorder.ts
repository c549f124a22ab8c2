import type { Attributes, SpanContext } from "@opentelemetry/api"
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as EffectTracer from "effect/Tracer"
import * as NodeTimers from "../../internal/NodeTimers.ts"
import * as TraceIds from "../../internal/TraceIds.ts"
import type { SpanGate, SpanWatcher } from "../span/SpanWatcher.ts"
import * as RecordedSpan from "../span/RecordedSpan.ts"

/** Whether a span is recorded and sampled; `attributes` come from the sampler. */
export interface SamplingDecision {
  readonly recorded: boolean
  readonly sampled: boolean
  readonly attributes?: Readonly<Attributes> | undefined
}

/** Decides about a span that starts a trace in this process, given its remote parent if it has one. */
export type Decide = (
  span: { readonly name: string; readonly kind: EffectTracer.SpanKind },
  traceId: string,
  parent: SpanContext | undefined
) => SamplingDecision

const isWatcher = (processor: SpanProcessor): processor is SpanWatcher => "onOpened" in processor

export interface SpanRecorderOptions extends Omit<RecordedSpan.SpanSink, "ended"> {
  readonly decide: Decide
  /** Masks secrets before any processor sees a span. */
  readonly redact: (span: ReadableSpan) => ReadableSpan
  /** Nanoseconds since 1970. */
  readonly now: () => bigint
  /** Makes a gate; `emit` receives the spans that the gate lets through. */
  readonly gate?: ((emit: (span: ReadableSpan) => void) => SpanGate) | undefined
}

type SpanOptions = Parameters<EffectTracer.Tracer["span"]>[0]

const always: SamplingDecision = { recorded: true, sampled: true }
const never: SamplingDecision = { recorded: false, sampled: false }

/** Records every span whose parent is not unsampled. */
export const decideAlways: Decide = () => always

// Spans that never end must not stay in memory: beyond this number the oldest is forgotten.
const maxOpen = 10_000

/** Takes an ended span to `record` it later. Returns whether it took the span. */
export type Holder = (span: ReadableSpan) => boolean

/** Starts spans, tracks the open ones and passes ended ones to the processors. */
export class SpanRecorder {
  private readonly options: SpanRecorderOptions
  private readonly sink: RecordedSpan.SpanSink
  private readonly sinks = new Map<RecordedSpan.SpanSink["instrumentationScope"], RecordedSpan.SpanSink>()
  private readonly open = new Set<RecordedSpan.RecordedSpan>()
  private readonly gate: SpanGate | undefined
  private processors: ReadonlyArray<SpanProcessor> = []
  /** Processors that bypass the gate. */
  private ungated: ReadonlyArray<SpanProcessor> = []
  private watchers: ReadonlyArray<SpanWatcher> = []
  private holders: ReadonlyArray<Holder> = []
  private closed = false

  constructor(options: SpanRecorderOptions) {
    this.options = options
    this.gate = options.gate?.((span) => this.emit(span))
    this.sink = {
      limits: options.limits,
      resource: options.resource,
      instrumentationScope: options.instrumentationScope,
      ended: (span) => this.ended(span)
    }
  }

  /** Starts a span in `scope`, by default in the scope of this recorder. */
  start(options: SpanOptions, scope = this.sink.instrumentationScope): EffectTracer.Span {
    const parent = options.root ? undefined : Option.getOrUndefined(options.parent)
    if (parent instanceof RecordedSpan.PropagatedSpan) {
      return this.make(
        options,
        parent.traceId,
        options.parent,
        this.isAllowed(options, parent) ? always : never,
        scope
      )
    }
    const remote = parent === undefined ? undefined : toContext(parent)
    const traceId = remote?.traceId ?? TraceIds.traceId()
    const decision = this.isAllowed(options, parent) ? this.options.decide(options, traceId, remote) : never
    return this.make(options, traceId, remote === undefined ? Option.none() : options.parent, decision, scope)
  }

  private sinkOf(scope: RecordedSpan.SpanSink["instrumentationScope"]): RecordedSpan.SpanSink {
    if (scope === this.sink.instrumentationScope) return this.sink
    const sink = this.sinks.get(scope) ?? { ...this.sink, instrumentationScope: scope }
    this.sinks.set(scope, sink)
    return sink
  }

  /** Adds a processor; with `everything` it also receives the spans that tail sampling drops. */
  attach(processor: SpanProcessor, everything = false): void {
    if (everything && this.gate !== undefined) this.ungated = [...this.ungated, processor]
    else this.processors = [...this.processors, processor]
    if (isWatcher(processor)) this.watchers = [...this.watchers, processor]
  }

  /** Passes on a span that ended in this process or in another one. */
  record(span: ReadableSpan): void {
    if (this.isUnobserved()) return
    ignoreErrors(() => {
      const seen = this.options.redact(span)
      for (const processor of this.ungated) ignoreErrors(() => processor.onEnd(seen))
      if (this.gate === undefined) this.emit(seen)
      else this.gate.ended(seen)
    })
  }

  private emit(span: ReadableSpan): void {
    for (const processor of this.processors) ignoreErrors(() => processor.onEnd(span))
  }

  /** Removes a processor after passing it the open spans as incomplete, inner spans first. */
  detach(processor: SpanProcessor): void {
    const gate = this.processors.includes(processor) ? this.gate : undefined
    ignoreErrors(() => gate?.flush())
    this.processors = this.processors.filter((other) => other !== processor)
    this.ungated = this.ungated.filter((other) => other !== processor)
    this.watchers = this.watchers.filter((other) => other !== processor)
    const now = this.options.now()
    for (const span of [...this.open].toReversed()) {
      ignoreErrors(() => {
        const seen = this.options.redact(RecordedSpan.incomplete(span, now))
        const shown = gate === undefined ? seen : gate.shown(seen)
        if (shown !== undefined) processor.onEnd(shown)
      })
    }
  }

  /** Ends all open spans and records nothing afterwards. */
  close(): void {
    this.closed = true
    for (const processor of [...this.ungated, ...this.processors]) this.detach(processor)
    const now = this.options.now()
    for (const span of this.open) span.end(now, Exit.interrupt())
  }

  /** Whether no processor receives ended spans. A gate counts as one: it must see the end of each span that it saw start. */
  private isUnobserved(): boolean {
    return this.processors.length === 0 && this.gate === undefined
  }

  private isAllowed(options: SpanOptions, parent: EffectTracer.AnySpan | undefined): boolean {
    return options.sampled && parent?.sampled !== false && !this.closed
  }

  private make(
    options: SpanOptions,
    traceId: string,
    parent: Option.Option<EffectTracer.AnySpan>,
    decision: SamplingDecision,
    scope: RecordedSpan.SpanSink["instrumentationScope"]
  ): EffectTracer.Span {
    if (!decision.recorded) return new RecordedSpan.PropagatedSpan(options, traceId, parent, decision.sampled)
    const span = new RecordedSpan.RecordedSpan(options, traceId, parent, decision.sampled, this.sinkOf(scope))
    for (const key in decision.attributes) span.attribute(key, decision.attributes[key])
    if (this.open.size >= maxOpen) this.dropOldest()
    this.open.add(span)
    if (this.gate !== undefined) ignoreErrors(() => this.gate?.started(span))
    if (this.watchers.length > 0) this.notifyOpened(span)
    return span
  }

  hold(holder: Holder): void {
    this.holders = [...this.holders, holder]
  }

  unhold(holder: Holder): void {
    this.holders = this.holders.filter((other) => other !== holder)
  }

  private isHeld(span: ReadableSpan): boolean {
    for (const holder of this.holders) {
      try {
        if (holder(span)) return true
      } catch {
        // The span is recorded unchanged.
      }
    }
    return false
  }

  private notifyOpened(span: RecordedSpan.RecordedSpan): void {
    const { name, sampled, spanId } = span
    const root = span.parent._tag === "None" || span.parent.value._tag === "ExternalSpan"
    const snapshot = () =>
      span.status._tag === "Ended"
        ? undefined
        : this.options.redact(RecordedSpan.incomplete(span, this.options.now()))
    for (const watcher of this.watchers)
      ignoreErrors(() => watcher.onOpened({ name, spanId, sampled, root, snapshot }))
  }

  private dropOldest(): void {
    for (const span of this.open) {
      this.open.delete(span)
      return
    }
  }

  private ended(span: RecordedSpan.RecordedSpan): void {
    this.open.delete(span)
    for (const watcher of this.watchers) ignoreErrors(() => watcher.onEnded(span.spanId))
    if (this.isUnobserved()) return
    ignoreErrors(() => {
      const finished = RecordedSpan.finished(span)
      if (!this.isHeld(finished)) this.record(finished)
    })
  }
}

const ignoreErrors = (run: () => void): void => {
  try {
    run()
  } catch {
    // A fault of tracing must not affect the traced program.
  }
}

// Parents from another process, or from a tracer that this one replaced.
const toContext = (span: EffectTracer.AnySpan): SpanContext | undefined => {
  const traceId = TraceIds.toTraceId(span.traceId)
  if (traceId === undefined || !TraceIds.isSpanId(span.spanId)) return undefined
  return { traceId, spanId: span.spanId, traceFlags: span.sampled ? 1 : 0, isRemote: true }
}

/** Flushes a processor and shuts it down, within `millis` of real time. Never fails. */
export const shutdownWithin = (processor: Closable, millis: number): Effect.Effect<void> =>
  NodeTimers.settleWithin(async () => {
    try {
      await processor.forceFlush()
    } catch {
      // A processor that cannot be flushed is still shut down.
    }
    await processor.shutdown()
  }, millis)

type Closable = Pick<SpanProcessor, "forceFlush" | "shutdown">
