/** The turns that this process has run last, from their spans, which it keeps in bounded memory: a trace without files. */
import type { Attributes } from "@opentelemetry/api"
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace"
import type { DecodedSpan } from "./OtlpJson.ts"
import * as SpanFacts from "./SpanFacts.ts"
import type { AttributeValue, SpanAttributes, TurnTrace } from "./TraceModel.ts"
import { agentsOf } from "./TraceReader.ts"
import { TurnTable } from "./TurnTable.ts"
import * as TurnTree from "./TurnTree.ts"

/** What is kept at most. The spans that ended first go first. */
export interface RecentTurnsOptions {
  readonly maxSpans: number
  /** Roughly, by the length of the texts in the spans. */
  readonly maxBytes: number
}

export const defaultLimits: RecentTurnsOptions = { maxSpans: 20_000, maxBytes: 32 * 1024 * 1024 }

export interface RecentTurns {
  /** Receives the spans, masked as for an exporter. */
  readonly processor: SpanProcessor
  /** Returns the trace of the turn with this id, if a span of it is kept. */
  readonly read: (turnId: string) => TurnTrace | undefined
  /** The number of spans that are kept. */
  readonly size: () => number
}

interface KeptSpan extends DecodedSpan {
  readonly service: string | undefined
  readonly facts: SpanFacts.SpanFacts
  readonly bytes: number
}

const nanos = ([seconds, nanos]: readonly [number, number]): bigint =>
  BigInt(seconds) * 1_000_000_000n + BigInt(nanos)

const valueOf = (value: Attributes[string]): AttributeValue => {
  if (Array.isArray(value)) return value.map((item) => item ?? null)
  return value === undefined || typeof value === "object" ? null : value
}

const attributesOf = (attributes: Attributes = {}): SpanAttributes =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, valueOf(value)]))

const lengthOf = (attributes: SpanAttributes): number =>
  Object.entries(attributes).reduce(
    (sum, [name, value]) =>
      sum +
      name.length +
      (typeof value === "string" ? value.length : Array.isArray(value) ? 16 * value.length : 8),
    0
  )

/** What a span needs besides its texts. */
const baseBytes = 400

const keep = (span: ReadableSpan): KeptSpan => {
  const { spanId, traceId } = span.spanContext()
  const attributes = attributesOf(span.attributes)
  const events = span.events.map((event) => ({
    name: event.name,
    at: nanos(event.time),
    attributes: attributesOf(event.attributes)
  }))
  const service = span.resource.attributes["service.name"]
  const texts = [attributes, ...events.map((event) => event.attributes)].map(lengthOf)
  return {
    traceId,
    spanId,
    parentId: span.parentSpanContext?.spanId,
    name: span.name,
    start: nanos(span.startTime),
    end: nanos(span.endTime),
    failed: span.status.code === 2,
    attributes,
    events,
    service: typeof service === "string" ? service : undefined,
    facts: SpanFacts.of(span.name, attributes),
    bytes: baseBytes + 2 * texts.reduce((sum, length) => sum + length, 0)
  }
}

/** The turns of the kept spans are fewer than the spans, so the table never drops one. */
const turnsOf = (spans: Iterable<KeptSpan>, maxSpans: number) => {
  const table = new TurnTable(maxSpans)
  for (const span of spans) table.add(span)
  return table.finish()
}

/** Makes the memory, empty. */
export const make = ({ maxBytes, maxSpans }: RecentTurnsOptions = defaultLimits): RecentTurns => {
  const spans = new Set<KeptSpan>()
  let bytes = 0
  const add = (span: KeptSpan): void => {
    spans.add(span)
    bytes += span.bytes
    for (const oldest of spans) {
      if (spans.size <= maxSpans && bytes <= maxBytes) return
      spans.delete(oldest)
      bytes -= oldest.bytes
    }
  }
  return {
    processor: {
      onStart: () => {},
      onEnd: (span) => add(keep(span)),
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve()
    },
    read: (turnId) => {
      const turns = turnsOf(spans, maxSpans)
      const turn = turns.find((each) => each.turnId === turnId)
      if (turn === undefined) return undefined
      const agents = agentsOf(
        turn,
        Map.groupBy(turns, ({ parentKey }) => parentKey)
      )
      const traces = new Set([turn, ...agents].map(({ traceId }) => traceId))
      return TurnTree.make({ turn, agents, spans: [...spans].filter(({ traceId }) => traces.has(traceId)) })
    },
    size: () => spans.size
  }
}
