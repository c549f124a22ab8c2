/** Builds the whole of one turn from its decoded spans: the tree, what each span is, and the critical path. */
import { attribute } from "../../semconv/Convention.ts"
import * as KeptSpans from "../../telemetry/native-spans/KeptSpans.ts"
import * as CriticalPath from "./CriticalPath.ts"
import type { DecodedSpan } from "./OtlpJson.ts"
import * as SpanFacts from "./SpanFacts.ts"
import * as TimeParts from "./TimeParts.ts"
import {
  modelVersion,
  type SpanKind,
  type TimeSplit,
  type TurnSpan,
  type TurnSummary,
  type TurnTrace
} from "./TraceModel.ts"

/** A span with its place in the tree. */
interface Node {
  readonly span: DecodedSpan
  readonly facts: SpanFacts.SpanFacts
  readonly children: Array<Node>
}

export interface TurnTreeOptions {
  readonly turn: TurnSummary
  /** The turns of its sub-agents. */
  readonly agents: ReadonlyArray<TurnSummary>
  /** All spans that may belong to the turn, in any order. Spans that do not are left out. */
  readonly spans: Iterable<DecodedSpan>
  /** The number of spans that were left out before. */
  readonly omittedSpans?: number | undefined
}

/** Builds the trace of a turn. */
export const make = ({ agents, omittedSpans = 0, spans, turn }: TurnTreeOptions): TurnTrace => {
  const nodes = toNodes(spans)
  const turnKeys = new Set([turn.key, ...agents.map(({ key }) => key)])
  const roots = findRoots(nodes, turn, turnKeys)
  const origin = BigInt(turn.startUnixNano)
  const shown = flatten(roots, turn)
  const built = shown.map((entry) => toSpan(entry, turn, origin))
  return {
    version: modelVersion,
    turn: turn.time === undefined ? { ...turn, time: splitOf(built, turn.durationNanos) } : turn,
    spans: built,
    criticalPath: pathOf(built, turn),
    omittedSpans,
    agents
  }
}

/** Links every span to its parent. A span that was delivered twice is taken once. */
const toNodes = (spans: Iterable<DecodedSpan>): ReadonlyMap<string, Node> => {
  const nodes = new Map<string, Node>()
  for (const span of spans) {
    const id = idOf(span.traceId, span.spanId)
    if (!nodes.has(id)) nodes.set(id, { span, facts: SpanFacts.of(span.name, span.attributes), children: [] })
  }
  for (const node of nodes.values()) parentOf(nodes, node)?.children.push(node)
  return nodes
}

const idOf = (traceId: string, spanId: string): string => `${traceId} ${spanId}`

const parentOf = (nodes: ReadonlyMap<string, Node>, { span }: Node): Node | undefined =>
  span.parentId === undefined || span.parentId === span.spanId
    ? undefined
    : nodes.get(idOf(span.traceId, span.parentId))

/**
 * Returns the spans of the turn that have no parent in it, the turn's own span first: spans of its own whose parent is missing,
 * and in Codex's own traces those of calls that begin a trace of their own.
 */
const findRoots = (
  nodes: ReadonlyMap<string, Node>,
  turn: TurnSummary,
  turnKeys: ReadonlySet<string>
): ReadonlyArray<Node> => {
  const own = turn.spanId === undefined ? undefined : nodes.get(idOf(turn.traceId, turn.spanId))
  // In Codex's own traces the request that starts a turn contains it, and has its id too.
  const above = new Set<Node>()
  for (let at = own; at !== undefined && !above.has(at); at = parentOf(nodes, at)) above.add(at)
  const reached = new Set<Node>(above)
  const reach = (root: Node) => {
    const pending = [root]
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      reached.add(node)
      for (const child of node.children) if (!reached.has(child)) pending.push(child)
    }
  }
  if (own !== undefined) reach(own)
  const isMember = ({ facts, span }: Node) => turnKeys.has(facts.turnId ?? span.spanId)
  const others: Array<Node> = []
  const addRoot = (node: Node) => {
    others.push(node)
    reach(node)
  }
  const members = [...nodes.values()].filter((node) => !reached.has(node) && isMember(node)).toSorted(byTime)
  for (const node of members) {
    const parent = parentOf(nodes, node)
    if (parent === undefined || above.has(parent) || !isMember(parent)) addRoot(node)
  }
  // Spans whose parents form a cycle are below none of them.
  for (const node of members) if (!reached.has(node)) addRoot(node)
  return own === undefined ? others : [own, ...others]
}

const byTime = ({ span: a }: Node, { span: b }: Node): number => {
  if (a.start !== b.start) return a.start < b.start ? -1 : 1
  if (a.end !== b.end) return a.end > b.end ? -1 : 1
  return a.spanId < b.spanId ? -1 : a.spanId > b.spanId ? 1 : 0
}

interface Flat {
  readonly node: Node
  readonly parent: number | undefined
  readonly depth: number
}

/** Of 500 spans that Codex has of its own work, the few that say something. Their children take their place. */
const isShown = ({ facts, span }: Node): boolean => {
  if (!facts.isRaw || facts.kind !== "codex") return true
  const texts: Record<string, string> = {}
  for (const name of KeptSpans.attributeNames) {
    const value = span.attributes[name]
    if (typeof value === "string") texts[name] = value
  }
  return (
    span.name !== "turn/start" &&
    KeptSpans.isKept({
      traceId: span.traceId,
      spanId: span.spanId,
      parentId: span.parentId,
      name: span.name,
      kind: 0,
      startTime: [0, 0],
      endTime: [0, 0],
      attributes: texts,
      profile: undefined
    })
  )
}

/** Lists the spans below the roots, each before its children. Without recursion: a trace may be thousands of spans deep. */
const flatten = (roots: ReadonlyArray<Node>, turn: TurnSummary): ReadonlyArray<Flat> => {
  const out: Array<Flat> = []
  const seen = new Set<Node>()
  const [first] = roots
  const hasOwn = first?.span.spanId === turn.spanId
  const pending: Array<Flat> = roots
    .map((node, at) =>
      hasOwn && at > 0 ? { node, parent: 0, depth: 1 } : { node, parent: undefined, depth: 0 }
    )
    .toReversed()
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { depth, node, parent } = next
    if (seen.has(node)) continue
    seen.add(node)
    const isHidden = !isShown(node)
    const below = isHidden ? { parent, depth } : { parent: out.length, depth: depth + 1 }
    if (!isHidden) out.push(next)
    for (const child of node.children.toSorted(byTime).toReversed()) pending.push({ node: child, ...below })
  }
  return out
}

const kindOf = ({ facts }: Node, isRoot: boolean, turn: TurnSummary): SpanKind => {
  if (facts.isRaw && turn.recordedBy === "effect-codex") return "codex"
  return facts.kind === "turn" && !isRoot ? "agent" : facts.kind
}

const toSpan = ({ depth, node, parent }: Flat, turn: TurnSummary, origin: bigint): TurnSpan => {
  const { attributes, events, name, spanId } = node.span
  const kind = kindOf(node, spanId === turn.spanId, turn)
  const text = (key: string) => SpanFacts.textOf(attributes, key)
  const hasModel = kind === "model" || kind === "turn" || kind === "agent"
  return {
    id: spanId,
    parent,
    depth,
    kind,
    name,
    startNanos: Number(node.span.start - origin),
    durationNanos: Number(node.span.end - node.span.start),
    failed: node.span.failed,
    incomplete: attributes[attribute.incomplete] === true ? true : undefined,
    turnKey: kind === "agent" ? (node.facts.turnId ?? spanId) : undefined,
    errorType: text(attribute.errorType),
    httpStatus: SpanFacts.numberOf(attributes, attribute.httpStatus),
    model: hasModel ? SpanFacts.modelOf(attributes) : undefined,
    tokens: hasModel ? SpanFacts.tokensOf(attributes) : undefined,
    costUsd: hasModel ? SpanFacts.costOf(attributes) : undefined,
    tool: kind === "tool" ? SpanFacts.toolOf(attributes) : undefined,
    callId: SpanFacts.callOf(attributes),
    server: text(attribute.mcpServer),
    executable: text(attribute.executableName),
    exitCode: SpanFacts.numberOf(attributes, attribute.exitCode),
    approvalKind: text(attribute.approvalKind),
    decision: text(attribute.approvalDecision),
    decidedBy: text(attribute.approvalSource),
    attributes,
    events: events.map((event) => ({
      name: event.name,
      atNanos: Number(event.at - origin),
      attributes: event.attributes
    }))
  }
}

const activities: Partial<Record<SpanKind, TimeParts.WaitCause>> = {
  approval: "approval",
  tool: "tools",
  model: "thinking"
}

/** The spans of the turn itself: those of a sub-agent's turn belong to the call that started it. */
const inTurn = (spans: ReadonlyArray<TurnSpan>): ReadonlyArray<TurnSpan> => {
  const inAgent = Array.from(spans, () => false)
  return spans.filter(({ kind, parent }, at) => {
    inAgent[at] = kind === "agent" || (parent !== undefined && inAgent[parent] === true)
    return inAgent[at] !== true
  })
}

const splitOf = (spans: ReadonlyArray<TurnSpan>, durationNanos: number): TimeSplit =>
  TimeParts.split(
    inTurn(spans).flatMap(({ durationNanos, kind, startNanos }) => {
      const activity = activities[kind]
      return activity === undefined ? [] : [{ activity, startNanos, endNanos: startNanos + durationNanos }]
    }),
    durationNanos
  )

/** Codex's span of the time in which it only waits for a tool, which is on the path itself. */
const blocking = "codex.tool_blocking"

/** Returns the critical path. Codex's spans beside ours show the same work from another side, so they are not on it. */
const pathOf = (spans: ReadonlyArray<TurnSpan>, turn: TurnSummary): TurnTrace["criticalPath"] => {
  if (spans[0]?.id !== turn.spanId) return []
  const nodes = spans.map(({ durationNanos, startNanos }) => ({
    startNanos,
    endNanos: startNanos + durationNanos,
    children: Array.of<number>()
  }))
  const isOnPath = ({ kind, name }: TurnSpan) =>
    kind !== "codex" || (turn.recordedBy === "codex" && name !== blocking)
  for (const [at, span] of spans.entries())
    if (span.parent !== undefined && isOnPath(span)) nodes[span.parent]?.children.push(at)
  return CriticalPath.find(nodes, 0)
}
