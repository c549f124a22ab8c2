import type {
  Attributes,
  HrTime,
  Link,
  SpanContext,
  SpanKind,
  SpanStatus,
  TraceState
} from "@opentelemetry/api"
import type { InstrumentationScope } from "@opentelemetry/core"
import type { Resource } from "@opentelemetry/resources"
import type { ReadableSpan, SpanLimits, TimedEvent } from "@opentelemetry/sdk-trace"
import type * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import type * as EffectTracer from "effect/Tracer"
import { attribute, event } from "../../semconv/Convention.ts"
import * as TraceContext from "../../internal/TraceContext.ts"
import * as AttributeValue from "../../redaction/AttributeValue.ts"
import * as ErrorType from "../../semconv/ErrorType.ts"
import * as ExceptionEvent from "../../instrumentation/ExceptionEvent.ts"
import * as TraceIds from "../../internal/TraceIds.ts"

/** The settings that all spans of one pipeline share, and the callback for ended spans. */
export interface SpanSink {
  readonly limits: Required<SpanLimits>
  readonly resource: Resource
  readonly instrumentationScope: InstrumentationScope
  readonly ended: (span: RecordedSpan) => void
}

type Options = Parameters<EffectTracer.Tracer["span"]>[0]

const noAttributes: ReadonlyMap<string, unknown> = new Map()

/** A span that is not recorded: it only passes its ids and the sampling decision on to its children. */
export class PropagatedSpan implements EffectTracer.Span {
  readonly _tag = "Span"
  readonly name: string
  readonly spanId: string
  readonly traceId: string
  readonly parent: Option.Option<EffectTracer.AnySpan>
  readonly annotations: Context.Context<never>
  links: ReadonlyArray<EffectTracer.SpanLink>
  readonly kind: EffectTracer.SpanKind
  readonly sampled: boolean
  status: EffectTracer.SpanStatus

  constructor(
    options: Options,
    traceId: string,
    parent: Option.Option<EffectTracer.AnySpan>,
    sampled: boolean
  ) {
    this.name = options.name
    this.spanId = TraceIds.spanId()
    this.traceId = traceId
    this.parent = parent
    this.annotations = options.annotations
    this.links = options.links
    this.kind = options.kind
    this.sampled = sampled
    this.status = { _tag: "Started", startTime: options.startTime }
  }

  get attributes(): ReadonlyMap<string, unknown> {
    return noAttributes
  }

  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    if (this.status._tag === "Ended") return
    this.status = { _tag: "Ended", startTime: this.status.startTime, endTime, exit }
  }

  attribute(_key: string, _value: unknown): void {}

  event(_name: string, _startTime: bigint, _attributes?: Record<string, unknown>): void {}

  addLinks(_links: ReadonlyArray<EffectTracer.SpanLink>): void {}
}

/** A span that records attributes, events and links, within the limits, until it ends. */
export class RecordedSpan extends PropagatedSpan {
  readonly sink: SpanSink
  readonly recorded: Attributes = {}
  readonly events: Array<TimedEvent> = []
  attributesCount = 0
  droppedAttributesCount = 0
  droppedEventsCount = 0
  droppedLinksCount = 0

  constructor(
    options: Options,
    traceId: string,
    parent: Option.Option<EffectTracer.AnySpan>,
    sampled: boolean,
    sink: SpanSink
  ) {
    super(options, traceId, parent, sampled)
    this.sink = sink
    this.dropLinks()
  }

  override get attributes(): ReadonlyMap<string, unknown> {
    return new Map(Object.entries(this.recorded))
  }

  override end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    if (this.status._tag === "Ended") return
    const exception = ExceptionEvent.ofExit(exit)
    if (exception !== undefined && !this.events.some(({ name }) => name === event.exception)) {
      this.event(event.exception, endTime, exception)
    }
    super.end(endTime, exit)
    this.sink.ended(this)
  }

  override attribute(key: string, value: unknown): void {
    if (this.status._tag === "Ended" || !isKey(key)) return
    const stored = AttributeValue.fromUnknown(value, this.sink.limits.attributeValueLengthLimit)
    if (stored === undefined) return
    if (!Object.hasOwn(this.recorded, key)) {
      if (this.attributesCount >= this.sink.limits.attributeCountLimit) {
        this.droppedAttributesCount++
        return
      }
      this.attributesCount++
    }
    this.recorded[key] = stored
  }

  override event(name: string, startTime: bigint, attributes: Record<string, unknown> = {}): void {
    if (this.status._tag === "Ended" || isLogLine(attributes)) return
    const { attributePerEventCountLimit, attributeValueLengthLimit, eventCountLimit } = this.sink.limits
    const limitedAttributes = limitAttributes(
      attributes,
      attributePerEventCountLimit,
      attributeValueLengthLimit
    )
    this.events.push({ name: name.toWellFormed(), time: toHrTime(startTime), ...limitedAttributes })
    if (this.events.length > eventCountLimit) {
      this.events.shift()
      this.droppedEventsCount++
    }
  }

  override addLinks(links: ReadonlyArray<EffectTracer.SpanLink>): void {
    if (this.status._tag === "Ended") return
    this.links = [...this.links, ...links]
    this.dropLinks()
  }

  private dropLinks(): void {
    const excess = this.links.length - this.sink.limits.linkCountLimit
    if (excess <= 0) return
    this.links = this.links.slice(excess)
    this.droppedLinksCount += excess
  }
}

/** A span in the form of OpenTelemetry. Holds no reference to the Effect span, so that a queue does not retain whole traces. */
export class FinishedSpan implements ReadableSpan {
  readonly name: string
  readonly kind: SpanKind
  readonly parentSpanContext?: SpanContext
  readonly startTime: HrTime
  readonly endTime: HrTime
  readonly status: SpanStatus
  readonly attributes: Attributes
  readonly links: Array<Link>
  readonly events: Array<TimedEvent>
  readonly ended = true
  readonly resource: Resource
  readonly instrumentationScope: InstrumentationScope
  readonly droppedAttributesCount: number
  readonly droppedEventsCount: number
  readonly droppedLinksCount: number
  private readonly context: SpanContext

  constructor(span: RecordedSpan, endTime: bigint, status: SpanStatus, attributes: Attributes) {
    const { limits, resource, instrumentationScope } = span.sink
    const { startTime } = span.status
    this.context = contextOf(span, span.traceId)
    this.name = span.name.toWellFormed()
    this.kind = kinds[span.kind]
    if (span.parent._tag === "Some") this.parentSpanContext = contextOf(span.parent.value, span.traceId)
    this.startTime = toHrTime(startTime)
    // The wall clock can be set back while a span is open, so the end may precede the start.
    this.endTime = endTime > startTime ? toHrTime(endTime) : this.startTime
    this.status = status
    this.attributes = attributes
    this.links = span.links.length === 0 ? [] : toLinks(span.links, limits)
    this.events = span.events.slice()
    this.resource = resource
    this.instrumentationScope = instrumentationScope
    this.droppedAttributesCount = span.droppedAttributesCount
    this.droppedEventsCount = span.droppedEventsCount
    this.droppedLinksCount = span.droppedLinksCount
  }

  spanContext(): SpanContext {
    return this.context
  }

  get duration(): HrTime {
    return hrTimeDifference(this.startTime, this.endTime)
  }
}

/** Finishes an ended span: an error appears by its type, an interruption not at all. */
export const finished = (span: RecordedSpan): FinishedSpan => {
  const { status } = span
  if (status._tag === "Started") return incomplete(span, status.startTime)
  const errorType = ErrorType.fromExit(status.exit)
  if (errorType === undefined) return new FinishedSpan(span, status.endTime, unset, span.recorded)
  if (!Object.hasOwn(span.recorded, attribute.errorType)) span.recorded[attribute.errorType] = errorType
  return new FinishedSpan(span, status.endTime, failed, span.recorded)
}

/** Finishes a span that is still open, marked as incomplete. */
export const incomplete = (span: RecordedSpan, now: bigint): FinishedSpan =>
  new FinishedSpan(span, now, unset, { ...span.recorded, [attribute.incomplete]: true })

const unset: SpanStatus = { code: 0 }
const failed: SpanStatus = { code: 2 }
/** Returns OpenTelemetry's number of a span kind. */
export const kindOf = (kind: EffectTracer.SpanKind): SpanKind => kinds[kind]

const kinds: { readonly [Kind in EffectTracer.SpanKind]: SpanKind } = {
  internal: 0,
  server: 1,
  client: 2,
  producer: 3,
  consumer: 4
}

/** Like `hrTimeDuration` of `@opentelemetry/core`, which must not be loaded before something is exported. */
export const hrTimeDifference = (start: HrTime, end: HrTime): HrTime => {
  const seconds = end[0] - start[0]
  const nanos = end[1] - start[1]
  return nanos < 0 ? [seconds - 1, nanos + 1e9] : [seconds, nanos]
}

const nanosPerSecond = 1_000_000_000n
/** Returns nanoseconds since the epoch as OpenTelemetry's pair of seconds and nanoseconds. */
export const toHrTime = (nanos: bigint): HrTime =>
  nanos > 0n ? [Number(nanos / nanosPerSecond), Number(nanos % nanosPerSecond)] : [0, 0]

/** Wraps the text unparsed: exporters only serialize it. */
export const traceState = (text: string): TraceState => {
  const state: TraceState = {
    serialize: () => text,
    get: (key) =>
      text
        .split(",")
        .find((entry) => entry.trim().startsWith(`${key}=`))
        ?.trim()
        .slice(key.length + 1),
    set: () => state,
    unset: () => state
  }
  return state
}

/** Returns the identity of a span as OpenTelemetry has it. */
export const contextOf = (span: EffectTracer.AnySpan, traceId: string): SpanContext => {
  const context = {
    traceId,
    spanId: span.spanId,
    traceFlags: span.sampled ? 1 : 0,
    isRemote: TraceContext.isRemote(span)
  }
  const state = TraceContext.stateOf(span)
  return state === "" ? context : { ...context, traceState: traceState(state) }
}

/** Whether an attribute may have this key: receivers reject an empty one, and `__proto__` would change the prototype. */
export const isKey = (key: string) => key !== "" && key !== "__proto__"

/** Whether an event is a log line: Effect's default logger adds each to the current span, with message and cause. */
export const isLogLine = (attributes: Record<string, unknown>) =>
  "effect.logLevel" in attributes && "effect.fiberId" in attributes

const limitAttributes = (source: Readonly<Record<string, unknown>>, count: number, length: number) => {
  const attributes: Attributes = {}
  let size = 0
  let droppedAttributesCount = 0
  for (const key of Object.keys(source)) {
    const value = isKey(key) ? AttributeValue.fromProperty(source, key, length) : undefined
    if (value === undefined) continue
    if (size < count) {
      attributes[key] = value
      size++
    } else {
      droppedAttributesCount++
    }
  }
  return { attributes, droppedAttributesCount }
}

const toLinks = (links: ReadonlyArray<EffectTracer.SpanLink>, limits: Required<SpanLimits>): Array<Link> =>
  links.flatMap(({ attributes, span }) => {
    // The ids of a disabled tracer are invalid, and a receiver refuses the whole batch because of them.
    const traceId = TraceIds.toTraceId(span.traceId)
    if (traceId === undefined || !TraceIds.isSpanId(span.spanId)) return []
    const limitedAttributes = limitAttributes(
      attributes,
      limits.attributePerLinkCountLimit,
      limits.attributeValueLengthLimit
    )
    return [{ context: contextOf(span, traceId), ...limitedAttributes }]
  })
