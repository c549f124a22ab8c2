/**
 * Reads turns from files of OTLP JSON lines: first a list of all turns, in memory that does not grow with the files, then the
 * spans of the turns that a caller asks for, which it reads from the files again.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { codeOf } from "../../internal/SystemError.ts"
import * as CallRecords from "./CallRecords.ts"
import * as LineFile from "./LineFile.ts"
import * as OtlpJson from "./OtlpJson.ts"
import * as SpanFacts from "./SpanFacts.ts"
import type { BadLine, ReadReport, TurnSummary, TurnTrace } from "./TraceModel.ts"
import { TurnTable } from "./TurnTable.ts"
import type { TalliedSpan } from "./TurnTally.ts"
import * as TurnTree from "./TurnTree.ts"

/** A file cannot be read. */
export class UnreadableTrace extends Data.TaggedError("UnreadableTrace")<{
  readonly path: string
  /** The code of the system, such as `ENOENT`, or `NotAFile`. */
  readonly code: string
}> {
  override get message(): string {
    const reason = this.code === "NotAFile" ? "not a regular file" : this.code
    return `cannot read "${this.path}" (${reason}); pass files of OTLP JSON lines, gzipped or not`
  }
}

export interface ScanOptions {
  /** The maximum number of turns in the list; beyond it the oldest are left out and counted. 0 for no list. */
  readonly maxTurns?: number | undefined
  /** Receives every span of a turn, once. */
  readonly onSpan?: ((span: TalliedSpan) => void) | undefined
  /** As in `LineFileOptions`. */
  readonly chunkBytes?: number | undefined
}

/** What the first pass found. */
export interface TraceScan {
  /** All turns in order of start, those of sub-agents included. */
  readonly turns: ReadonlyArray<TurnSummary>
  readonly report: ReadReport
  /** Reads the spans of turns by their keys, in the order of the keys. Keys of no turn are left out. */
  readonly read: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<TurnTrace>, UnreadableTrace>
}

const defaultMaxTurns = 50_000
/** The number of bad lines that a report names. */
const maxBadLines = 20
/** The maximum number of spans of a turn that are kept. A turn with more of them shows the first that the files contain. */
const maxSpans = 100_000
/** The maximum number of calls that wait for their records. */
const maxCalls = 50_000

/** Reads all files once. */
export const scan = (
  paths: ReadonlyArray<string>,
  options: ScanOptions = {}
): Effect.Effect<TraceScan, UnreadableTrace> =>
  Effect.gen(function* () {
    const { maxTurns = defaultMaxTurns } = options
    const table = new TurnTable(maxTurns)
    const counts = { spans: 0, records: 0, metricPoints: 0, badSpans: 0, bad: 0 }
    const badLines: Array<BadLine> = []
    const recent = new RecentIds()
    const records = new CallRecords.CallRecords()
    const emit = (span: TalliedSpan) => {
      if (maxTurns > 0) table.add(span)
      options.onSpan?.(span)
    }
    /** Calls of Codex's own traces, whose records may follow. */
    const calls: Array<TalliedSpan> = []
    const emitCalls = () => {
      for (const call of calls.splice(0)) for (const span of tallyCall(call, records)) emit(span)
    }
    const take = (text: string) => {
      const request = OtlpJson.parse(text)
      if (typeof request === "string") return request
      for (const { service, span } of OtlpJson.spansIn(request)) {
        const tallied = tally(span, service)
        if (tallied === undefined) {
          counts.badSpans++
          continue
        }
        if (recent.has(tallied.spanId)) continue
        counts.spans++
        if (CallRecords.isCall(tallied.facts)) calls.push(tallied)
        else emit(tallied)
      }
      for (const record of OtlpJson.recordsIn(request)) {
        counts.records++
        records.add(record)
      }
      if (calls.length > maxCalls) emitCalls()
      counts.metricPoints += OtlpJson.pointsIn(request)
      return undefined
    }
    let bytes = 0
    let lines = 0
    let cutFiles = 0
    for (const path of paths) {
      const read = yield* readFile(path, {
        chunkBytes: options.chunkBytes,
        onDocument: take,
        onBad: (line, reason) => {
          counts.bad++
          if (badLines.length < maxBadLines) badLines.push({ file: path, line, reason })
        }
      })
      bytes += read.bytes
      lines += read.lines
      if (read.cut) cutFiles++
    }
    emitCalls()
    const turns = table.finish()
    return {
      turns,
      report: {
        files: paths.length,
        bytes,
        lines,
        ...counts,
        badLines,
        cutFiles,
        omittedTurns: table.omitted
      },
      read: (keys) => readTurns(paths, turns, records, keys)
    }
  })

const readFile = (path: string, options: LineFile.LineFileOptions) =>
  Effect.tryPromise({
    try: (signal) => LineFile.read(path, { ...options, signal }),
    catch: (error) =>
      new UnreadableTrace({
        path,
        code: error instanceof LineFile.NotAFile ? "NotAFile" : (codeOf(error) ?? "unknown error")
      })
  })

/** Decodes of a span only what the list needs. */
const tally = (span: OtlpJson.JsonObject, service: string | undefined): TalliedSpan | undefined => {
  const traceId = OtlpJson.idOf(span["traceId"], 16)
  const spanId = OtlpJson.idOf(span["spanId"], 8)
  const start = OtlpJson.nanosOf(span["startTimeUnixNano"])
  if (traceId === undefined || spanId === undefined || start === undefined) return undefined
  const end = OtlpJson.nanosOf(span["endTimeUnixNano"]) ?? start
  const attributes = OtlpJson.attributesOf(span["attributes"], SpanFacts.attributeNames)
  const name = typeof span["name"] === "string" ? span["name"] : ""
  return {
    traceId,
    spanId,
    parentId: OtlpJson.idOf(span["parentSpanId"], 8),
    start,
    end: end < start ? start : end,
    failed: OtlpJson.isFailed(span["status"]),
    service,
    attributes,
    facts: SpanFacts.of(name, attributes)
  }
}

/** Returns a call with what its records say: its outcome, its approval and its command. */
const tallyCall = (call: TalliedSpan, records: CallRecords.CallRecords): ReadonlyArray<TalliedSpan> => {
  const change = records.change(call)
  if (change === undefined) return [call]
  const { attributes, below, failed } = change
  return [
    { ...call, failed, attributes },
    ...below.map(({ name, ...span }): TalliedSpan => ({
      ...span,
      traceId: call.traceId,
      service: call.service,
      facts: SpanFacts.of(name, span.attributes),
      isDerived: true
    }))
  ]
}

/** As `tallyCall`, for all spans of a turn that only Codex recorded. */
const withRecords = (
  spans: ReadonlyArray<OtlpJson.DecodedSpan>,
  records: CallRecords.CallRecords
): ReadonlyArray<OtlpJson.DecodedSpan> =>
  spans.flatMap((span) => {
    const change = CallRecords.isCall(SpanFacts.of(span.name, span.attributes))
      ? records.change(span)
      : undefined
    if (change === undefined) return [span]
    const { attributes, below, failed } = change
    return [
      { ...span, failed, attributes },
      ...below.map((derived) => ({ ...derived, traceId: span.traceId, events: [] }))
    ]
  })

/**
 * Remembers the ids of the last spans, because an exporter that gets no answer sends a batch twice. Two generations instead of
 * a queue, so that forgetting costs nothing.
 */
class RecentIds {
  private current = new Set<string>()
  private previous = new Set<string>()

  /** Whether the id is among the last ones. Remembers it. */
  has(id: string): boolean {
    if (this.current.has(id) || this.previous.has(id)) return true
    this.current.add(id)
    if (this.current.size >= 50_000) {
      this.previous = this.current
      this.current = new Set()
    }
    return false
  }
}

/** A span without a turn may belong to any turn of its trace. If a caller asks for more turns of the trace, it is left out. */
const maxSharing = 50

/** Beyond this number of turns nearly every line has one, so that searching each line for all of them costs more than it saves. */
const maxNeedles = 16

const readTurns = (
  paths: ReadonlyArray<string>,
  turns: ReadonlyArray<TurnSummary>,
  records: CallRecords.CallRecords,
  keys: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<TurnTrace>, UnreadableTrace> =>
  Effect.gen(function* () {
    const byKey = new Map(turns.map((turn) => [turn.key, turn]))
    const byParent = Map.groupBy(turns, ({ parentKey }) => parentKey)
    const wanted = keys.flatMap((key) => {
      const turn = byKey.get(key)
      return turn === undefined ? [] : { turn, agents: agentsOf(turn, byParent), found: new FoundSpans() }
    })
    if (wanted.length === 0) return []
    const byTurn = new Map<string, Array<FoundSpans>>()
    const byTrace = new Map<string, Array<FoundSpans>>()
    for (const { agents, found, turn } of wanted) {
      for (const each of [turn, ...agents]) {
        append(byTurn, each.key, found)
        append(byTrace, each.traceId, found)
      }
    }
    const collect = (text: string) => {
      const request = OtlpJson.parse(text)
      if (typeof request === "string") return request
      for (const { span: each } of OtlpJson.spansIn(request)) {
        const span = OtlpJson.spanOf(each)
        if (span === undefined) continue
        const { kind, turnId } = SpanFacts.of(span.name, span.attributes)
        const ofTurn = byTurn.get(turnId ?? span.spanId)
        const ofTrace = turnId === undefined ? byTrace.get(span.traceId) : undefined
        const places = ofTurn ?? ((ofTrace?.length ?? 0) > maxSharing ? undefined : ofTrace)
        for (const found of places ?? []) found.add(span, kind === "turn")
      }
      return undefined
    }
    const needles = needlesOf([...byTrace.keys()], [...byTurn.keys()])
    for (const path of paths)
      yield* readFile(path, {
        onDocument: collect,
        onBad: () => {},
        isWanted:
          needles === undefined ? undefined : (bytes) => needles.some((needle) => bytes.includes(needle))
      })
    return wanted.map(({ agents, found, turn }) =>
      TurnTree.make({
        turn,
        agents,
        spans: turn.recordedBy === "codex" ? withRecords(found.spans, records) : found.spans,
        omittedSpans: found.omitted
      })
    )
  })

/** The spans that were found for one turn. */
class FoundSpans {
  readonly spans: Array<OtlpJson.DecodedSpan> = []
  omitted = 0

  /** Keeps a span if there is room. The span of a turn is always kept: it ends last, and the tree begins with it. */
  add(span: OtlpJson.DecodedSpan, isTurn: boolean): void {
    if (isTurn || this.spans.length < maxSpans) this.spans.push(span)
    else this.omitted++
  }
}

const append = <A>(map: Map<string, Array<A>>, key: string, value: A): void => {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else if (list.at(-1) !== value) list.push(value)
}

/** Returns the turns of the sub-agents of a turn, and of their sub-agents, in order of start. */
export const agentsOf = (
  turn: TurnSummary,
  byParent: ReadonlyMap<string | undefined, ReadonlyArray<TurnSummary>>
): ReadonlyArray<TurnSummary> => {
  const found = new Set<TurnSummary>()
  const pending = [turn]
  for (let at = pending.pop(); at !== undefined; at = pending.pop())
    for (const agent of byParent.get(at.key) ?? []) {
      if (found.has(agent) || agent === turn) continue
      found.add(agent)
      pending.push(agent)
    }
  return [...found].toSorted((a, b) => (BigInt(a.startUnixNano) < BigInt(b.startUnixNano) ? -1 : 1))
}

/** An id that every JSON encoder writes as it is. */
const plainId = /^[\w-]+$/

/**
 * Returns every form in which a line may have the ids: an id of a trace also in capitals or in base64. Returns `undefined` if
 * lines cannot be searched for them.
 */
const needlesOf = (
  traceIds: ReadonlyArray<string>,
  turnKeys: ReadonlyArray<string>
): ReadonlyArray<Buffer> | undefined =>
  traceIds.length + turnKeys.length > maxNeedles || !turnKeys.every((key) => plainId.test(key))
    ? undefined
    : [
        ...traceIds.flatMap((id) => [id, id.toUpperCase(), Buffer.from(id, "hex").toString("base64")]),
        ...turnKeys
      ].map((text) => Buffer.from(text))
