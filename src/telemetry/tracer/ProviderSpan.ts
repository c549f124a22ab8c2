/**
 * Effect spans in a tracer provider of the program. Names, attributes, events and links are masked as they are written,
 * because the library does not see the span again before the program's processors do.
 */
import type {
  AttributeValue,
  Context,
  Link,
  Span as OtelSpan,
  SpanContext,
  Tracer as OtelTracer
} from "@opentelemetry/api"
import * as EffectContext from "effect/Context"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as EffectTracer from "effect/Tracer"
import { externalSpan } from "effect/Tracer"
import * as ExceptionEvent from "../../instrumentation/ExceptionEvent.ts"
import * as TraceContext from "../../internal/TraceContext.ts"
import * as TraceIds from "../../internal/TraceIds.ts"
import * as AttributeValues from "../../redaction/AttributeValue.ts"
import type * as Redaction from "../../redaction/Redaction.ts"
import { attribute, event } from "../../semconv/Convention.ts"
import * as ErrorType from "../../semconv/ErrorType.ts"
import * as RecordedSpan from "../span/RecordedSpan.ts"
import type { OtelContexts } from "./OtelContext.ts"

type Api = typeof import("@opentelemetry/api")
type Options = Parameters<EffectTracer.Tracer["span"]>[0]

export class ProviderSpan implements EffectTracer.Span {
  readonly _tag = "Span"
  readonly name: string
  readonly spanId: string
  readonly traceId: string
  readonly parent: Option.Option<EffectTracer.AnySpan>
  readonly annotations: EffectContext.Context<never>
  readonly kind: EffectTracer.SpanKind
  readonly sampled: boolean
  readonly attributes = new Map<string, unknown>()
  readonly otelSpan: OtelSpan
  links: ReadonlyArray<EffectTracer.SpanLink>
  status: EffectTracer.SpanStatus
  private readonly redaction: Redaction.Redaction

  constructor(
    options: Options,
    parent: Option.Option<EffectTracer.AnySpan>,
    otelSpan: OtelSpan,
    redaction: Redaction.Redaction
  ) {
    const { spanId, traceFlags, traceId, traceState } = otelSpan.spanContext()
    this.name = options.name
    this.spanId = spanId
    this.traceId = traceId
    this.parent = parent
    this.annotations =
      parent._tag === "Some"
        ? options.annotations
        : TraceContext.withState(options.annotations, traceState?.serialize() ?? "")
    this.kind = options.kind
    this.sampled = (traceFlags & 1) === 1
    this.otelSpan = otelSpan
    this.links = options.links
    this.status = { _tag: "Started", startTime: options.startTime }
    this.redaction = redaction
  }

  attribute(key: string, value: unknown): void {
    if (this.status._tag === "Ended" || !RecordedSpan.isKey(key)) return
    this.attributes.set(key, value)
    for (const [name, masked] of Object.entries(toAttributes({ [key]: value }, this.redaction)))
      this.otelSpan.setAttribute(name, masked)
  }

  event(name: string, startTime: bigint, attributes: Record<string, unknown> = {}): void {
    if (this.status._tag === "Ended" || RecordedSpan.isLogLine(attributes)) return
    this.otelSpan.addEvent(
      this.redaction.text(name.toWellFormed()),
      toAttributes(attributes, this.redaction),
      RecordedSpan.toHrTime(startTime)
    )
  }

  addLinks(links: ReadonlyArray<EffectTracer.SpanLink>): void {
    if (this.status._tag === "Ended") return
    this.links = [...this.links, ...links]
    this.otelSpan.addLinks(toLinks(links, this.redaction))
  }

  /** Ends the span. It records the type of an error. It records nothing for an interruption. */
  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    const { startTime, _tag } = this.status
    if (_tag === "Ended") return
    const errorType = ErrorType.fromExit(exit)
    if (errorType !== undefined) {
      const exception = ExceptionEvent.ofExit(exit)
      if (exception !== undefined) this.event(event.exception, endTime, exception)
      if (!this.attributes.has(attribute.errorType)) this.attribute(attribute.errorType, errorType)
      this.otelSpan.setStatus({ code: 2 })
    }
    this.status = { _tag: "Ended", startTime, endTime, exit }
    // The wall clock can be set back while a span is open.
    this.otelSpan.end(RecordedSpan.toHrTime(endTime > startTime ? endTime : startTime))
  }
}

const toAttributes = (
  source: Readonly<Record<string, unknown>>,
  redaction: Redaction.Redaction
): Record<string, AttributeValue> => {
  const values: Record<string, AttributeValue> = {}
  for (const key of Object.keys(source)) {
    // Redaction comes first, and the provider cuts texts: a rule does not recognise a secret that was cut before.
    const value = RecordedSpan.isKey(key) ? AttributeValues.fromProperty(source, key, Infinity) : undefined
    if (value !== undefined) values[key] = value
  }
  const masked: Record<string, AttributeValue> = {}
  for (const [key, value] of Object.entries(redaction.attributes(values)))
    if (value !== undefined) masked[redaction.text(key)] = value
  return masked
}

const toLinks = (links: ReadonlyArray<EffectTracer.SpanLink>, redaction: Redaction.Redaction): Array<Link> =>
  links.flatMap(({ attributes, span }) => {
    const traceId = TraceIds.toTraceId(span.traceId)
    return traceId === undefined || !TraceIds.isSpanId(span.spanId)
      ? []
      : [
          {
            context: RecordedSpan.contextOf(span, traceId),
            attributes: toAttributes(attributes, redaction)
          }
        ]
  })

/** Returns an Effect span for a span that the program started with OpenTelemetry. */
const toParent = ({ spanId, traceFlags, traceId, traceState }: SpanContext): EffectTracer.AnySpan =>
  externalSpan({
    traceId,
    spanId,
    sampled: (traceFlags & 1) === 1,
    annotations: TraceContext.withState(EffectContext.empty(), traceState?.serialize() ?? "")
  })

export interface ProviderSpans {
  readonly api: Api
  readonly contexts: OtelContexts
  readonly redaction: Redaction.Redaction
}

/**
 * Returns a function that starts spans with a tracer of the program. A span without a parent in Effect is a child of
 * OpenTelemetry's active span.
 */
export const make = ({ api, contexts, redaction }: ProviderSpans) => {
  const { trace } = api

  /** The context below the parent of a span, with the values of the active context, such as baggage. */
  const baseOf = (parent: EffectTracer.AnySpan | undefined, active: Context): Context => {
    if (parent === undefined) return active
    if (parent instanceof ProviderSpan) return contexts.enter(parent, active)
    const traceId = TraceIds.toTraceId(parent.traceId)
    return traceId === undefined || !TraceIds.isSpanId(parent.spanId)
      ? active
      : trace.setSpanContext(active, RecordedSpan.contextOf(parent, traceId))
  }

  return (tracer: OtelTracer, options: Options): EffectTracer.Span => {
    const active = api.context.active()
    const parent = options.root ? undefined : Option.getOrUndefined(options.parent)
    const base = options.root ? trace.deleteSpan(active) : baseOf(parent, active)
    const outer = trace.getSpanContext(base)
    const otelSpan = options.sampled
      ? tracer.startSpan(
          redaction.text(options.name.toWellFormed()),
          {
            kind: RecordedSpan.kindOf(options.kind),
            startTime: RecordedSpan.toHrTime(options.startTime),
            links: toLinks(options.links, redaction)
          },
          base
        )
      : trace.wrapSpanContext({
          traceId: outer?.traceId ?? TraceIds.traceId(),
          spanId: TraceIds.spanId(),
          traceFlags: 0
        })
    const span = new ProviderSpan(
      options,
      parent === undefined && outer !== undefined ? Option.some(toParent(outer)) : options.parent,
      otelSpan,
      redaction
    )
    contexts.started(span, base)
    return span
  }
}
