/**
 * Adds up the spans of one turn while a file is read: everything that a list shows, without keeping a span. The result is the
 * same for every order of the spans.
 */
import { attribute } from "../../semconv/Convention.ts"
import * as SpanFacts from "./SpanFacts.ts"
import type { SpanAttributes, TimeSplit, TurnStatus, TurnSummary } from "./TraceModel.ts"

/** A span as a first pass decodes it. */
export interface TalliedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly start: bigint
  readonly end: bigint
  readonly failed: boolean
  readonly service: string | undefined
  readonly attributes: SpanAttributes
  readonly facts: SpanFacts.SpanFacts
  /** The span is not in the files: it follows from log records. */
  readonly isDerived?: true | undefined
}

/** The fields of a list entry that the turn's own span has. */
type OwnFields = Omit<
  TurnSummary,
  | "key"
  | "parentKey"
  | "recordedBy"
  | "modelCalls"
  | "toolCalls"
  | "commands"
  | "approvals"
  | "retries"
  | "agents"
  | "errors"
  | "spans"
>

const nanosOfMillis = (millis: number): number => Math.round(millis * 1e6)

const timeOf = (attributes: SpanAttributes): TimeSplit | undefined => {
  const thinking = SpanFacts.numberOf(attributes, attribute.timeThinking)
  const tools = SpanFacts.numberOf(attributes, attribute.timeTools)
  const approval = SpanFacts.numberOf(attributes, attribute.timeApproval)
  const overhead = SpanFacts.numberOf(attributes, attribute.timeOverhead)
  if (thinking === undefined || tools === undefined || approval === undefined || overhead === undefined)
    return undefined
  return {
    thinkingNanos: nanosOfMillis(thinking),
    toolsNanos: nanosOfMillis(tools),
    approvalNanos: nanosOfMillis(approval),
    overheadNanos: nanosOfMillis(overhead)
  }
}

const statuses: ReadonlySet<unknown> = new Set([
  "completed",
  "failed",
  "interrupted"
] satisfies Array<TurnStatus>)
const isStatus = (value: unknown): value is TurnStatus => statuses.has(value)

const statusOf = ({ attributes, facts, failed }: TalliedSpan): TurnStatus => {
  const status = attributes[attribute.turnStatus]
  if (isStatus(status)) return status
  if (failed) return "failed"
  if (attributes[attribute.incomplete] === true) return "unknown"
  return facts.isRaw || status === undefined ? "completed" : "unknown"
}

const ownFieldsOf = (span: TalliedSpan): OwnFields => {
  const { attributes } = span
  const text = (name: string) => SpanFacts.textOf(attributes, name)
  return {
    turnId: span.facts.turnId,
    threadId: SpanFacts.threadOf(attributes),
    traceId: span.traceId,
    spanId: span.spanId,
    startUnixNano: String(span.start),
    durationNanos: Number(span.end - span.start),
    status: statusOf(span),
    incomplete: attributes[attribute.incomplete] === true ? true : undefined,
    model: SpanFacts.modelOf(attributes),
    provider: text(attribute.providerName),
    service: span.service,
    source: text(attribute.source),
    workflow: text(attribute.workflow),
    group: text(attribute.group),
    user: text(attribute.userHash),
    errorClass: text(attribute.errorClass),
    errorType: text(attribute.errorType),
    retryable:
      typeof attributes[attribute.errorRetryable] === "boolean"
        ? attributes[attribute.errorRetryable] === true
        : undefined,
    tokens: SpanFacts.tokensOf(attributes),
    costUsd: SpanFacts.costOf(attributes),
    time: timeOf(attributes)
  }
}

/** Calls of one sort. */
class Calls {
  count = 0
  failed = 0

  add(failed: boolean): void {
    this.count++
    if (failed) this.failed++
  }
}

/** The maximum number of different error types that one turn keeps. Further ones count as `_OTHER`. */
const maxErrorTypes = 50

export class TurnTally {
  private traceId: string
  private firstId: string
  private turn: OwnFields | undefined
  private turnStart = 0n
  private parent: string | undefined
  private first: bigint
  private last: bigint
  private threadId: string | undefined
  private service: string | undefined
  private readonly model = new Calls()
  private readonly tool = new Calls()
  private readonly command = new Calls()
  private readonly approvals = { count: 0, declined: 0, waitNanos: 0 }
  private readonly errors = new Map<string, number>()
  private retries = 0
  spans = 0

  constructor(span: TalliedSpan) {
    this.traceId = span.traceId
    this.firstId = span.spanId
    this.service = span.service
    this.first = span.start
    this.last = span.end
  }

  /** When the turn began, or else its first span. */
  get start(): bigint {
    return this.turn === undefined ? this.first : this.turnStart
  }

  /** Whether the turn's own span was found. */
  get hasTurn(): boolean {
    return this.turn !== undefined
  }

  /** The span above the turn: the call that started it, if it is the turn of a sub-agent. */
  get parentSpanId(): string | undefined {
    return this.parent
  }

  get parentTraceId(): string | undefined {
    return this.turn?.traceId
  }

  add(span: TalliedSpan): void {
    const { attributes, facts } = span
    if (span.isDerived !== true) this.spans++
    if (span.start < this.first || (span.start === this.first && span.spanId < this.firstId)) {
      this.first = span.start
      this.firstId = span.spanId
      this.traceId = span.traceId
      this.service = span.service
    }
    if (span.end > this.last) this.last = span.end
    this.threadId ??= SpanFacts.threadOf(attributes)
    switch (facts.kind) {
      case "turn":
        return this.addTurn(span)
      case "model":
        this.model.add(span.failed)
        return this.addError(span)
      case "tool":
        this.tool.add(span.failed)
        return this.addError(span)
      case "command":
        this.command.add(span.failed)
        return this.addError(span)
      case "approval":
        this.approvals.count++
        if (SpanFacts.isDeclined(attributes)) this.approvals.declined++
        this.approvals.waitNanos += Number(span.end - span.start)
        return
      case "retry":
        this.retries++
        return
      default:
        return
    }
  }

  /** A turn that was recorded twice is the one that began first, whatever the order of the lines. */
  private addTurn(span: TalliedSpan): void {
    const isLater =
      this.turn !== undefined &&
      (span.start > this.turnStart ||
        (span.start === this.turnStart && span.spanId > (this.turn.spanId ?? "")))
    if (isLater) return
    this.turn = ownFieldsOf(span)
    this.turnStart = span.start
    this.parent = span.parentId
  }

  private addError({ attributes, failed }: TalliedSpan): void {
    if (!failed) return
    const type = SpanFacts.textOf(attributes, attribute.errorType) ?? "_OTHER"
    const known = this.errors.has(type) || this.errors.size < maxErrorTypes
    const key = known ? type : "_OTHER"
    this.errors.set(key, (this.errors.get(key) ?? 0) + 1)
  }

  /** Returns the list entry. */
  summary(place: Pick<TurnSummary, "key" | "recordedBy" | "parentKey" | "agents">): TurnSummary {
    const calls = ({ count, failed }: Calls) => ({ count, failed })
    return {
      ...place,
      ...(this.turn ?? {
        turnId: place.key,
        threadId: this.threadId,
        traceId: this.traceId,
        service: this.service,
        startUnixNano: String(this.first),
        durationNanos: Number(this.last - this.first),
        status: "unknown"
      }),
      modelCalls: calls(this.model),
      toolCalls: calls(this.tool),
      commands: calls(this.command),
      approvals: { ...this.approvals },
      retries: this.retries,
      errors: Object.fromEntries([...this.errors].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))),
      spans: this.spans
    }
  }
}
