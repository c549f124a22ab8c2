/** The turns that a reader has found so far: at most a number of them, the newest. */
import * as SpanFacts from "./SpanFacts.ts"
import { type TalliedSpan, TurnTally } from "./TurnTally.ts"
import type { TurnSummary } from "./TraceModel.ts"

/** A turn as the library recorded it, and as Codex's own exporter did. */
interface Entry {
  own: TurnTally | undefined
  raw: TurnTally | undefined
}

const startOf = ({ own, raw }: Entry): bigint => own?.start ?? raw?.start ?? 0n

/** The number of turns that were dropped last, whose further spans make no new entry. */
const maxDropped = 20_000

export class TurnTable {
  private readonly maxTurns: number
  private readonly entries = new Map<string, Entry>()
  /** The keys of turns by the span of a call that may start a sub-agent. */
  private readonly callers = new Map<string, string>()
  private readonly dropped = new Set<string>()
  private horizon = 0n
  omitted = 0

  constructor(maxTurns: number) {
    this.maxTurns = maxTurns
  }

  add(span: TalliedSpan): void {
    const { facts } = span
    const key = facts.turnId ?? (facts.kind === "turn" ? span.spanId : undefined)
    if (key === undefined) return
    const entry = this.entries.get(key) ?? this.open(key, span)
    if (entry === undefined) return
    const side = facts.isRaw ? "raw" : "own"
    const tally = (entry[side] ??= new TurnTally(span))
    tally.add(span)
    if (facts.kind === "tool" && SpanFacts.startsAgents(SpanFacts.toolOf(span.attributes)))
      this.callers.set(callerId(span.traceId, span.spanId), key)
    if (this.entries.size > this.maxTurns * 1.25) this.dropOldest()
  }

  private open(key: string, span: TalliedSpan): Entry | undefined {
    if (this.dropped.has(key)) return undefined
    if (span.start < this.horizon) {
      this.drop(key)
      return undefined
    }
    const entry: Entry = { own: undefined, raw: undefined }
    this.entries.set(key, entry)
    return entry
  }

  private drop(key: string): void {
    this.omitted++
    this.dropped.add(key)
    if (this.dropped.size <= maxDropped) return
    for (const oldest of this.dropped) {
      this.dropped.delete(oldest)
      return
    }
  }

  private dropOldest(): void {
    const byStart = [...this.entries].toSorted(([, a], [, b]) => compare(startOf(a), startOf(b)))
    const surplus = byStart.slice(0, Math.max(0, byStart.length - this.maxTurns))
    for (const [key, entry] of surplus) {
      this.entries.delete(key)
      this.drop(key)
      this.horizon = startOf(entry)
    }
    for (const [call, key] of this.callers) if (!this.entries.has(key)) this.callers.delete(call)
  }

  /** Returns the list, in order of start. */
  finish(): ReadonlyArray<TurnSummary> {
    if (this.entries.size > this.maxTurns) this.dropOldest()
    const agents = new Map<string, number>()
    const parents = new Map<string, string>()
    for (const [key, { own }] of this.entries) {
      const traceId = own?.parentTraceId
      const parent =
        traceId === undefined ? undefined : this.callers.get(callerId(traceId, own?.parentSpanId ?? ""))
      if (parent === undefined || parent === key) continue
      parents.set(key, parent)
      agents.set(parent, (agents.get(parent) ?? 0) + 1)
    }
    return [...this.entries]
      .toSorted(([x, a], [y, b]) => compare(startOf(a), startOf(b)) || (x < y ? -1 : 1))
      .flatMap(([key, { own, raw }]) => {
        const tally = own ?? raw
        const recordedBy = own === undefined ? "codex" : "effect-codex"
        return tally === undefined
          ? []
          : tally.summary({ key, recordedBy, parentKey: parents.get(key), agents: agents.get(key) ?? 0 })
      })
  }
}

const callerId = (traceId: string, spanId: string): string => `${traceId} ${spanId}`

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)
