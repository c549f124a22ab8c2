/** Adds up all spans of some files: how many turns, calls, commands, approvals and errors, how long they took, how many failed. */
import { attribute } from "../../semconv/Convention.ts"
import { DurationSketch } from "./DurationSketch.ts"
import * as SpanFacts from "./SpanFacts.ts"
import type { TalliedSpan } from "./TurnTally.ts"

/** What a group is about, in the order in which groups are shown. */
export const groupKinds = ["turn", "model", "tool", "command", "approval", "error", "user"] as const
export type GroupKind = (typeof groupKinds)[number]

/**
 * All spans of one kind and name: turns by their agent, model calls by model, tools by name, commands by executable, approvals by
 * kind, failures by class or error type, turns by user.
 */
export interface GroupStats {
  readonly kind: GroupKind
  readonly name: string
  readonly count: number
  readonly failed: number
  /** The share that did not fail, from 0 to 1. */
  readonly successRate: number
  /** The median and the 95th percentile are within 1 %. The duration of an approval is the wait for the decision. */
  readonly p50Nanos: number
  readonly p95Nanos: number
  readonly maxNanos: number
  /** Input and output of model calls and of turns. */
  readonly tokens: number
  /** In US dollars, of model calls and of turns whose price the program knew. */
  readonly costUsd: number
}

/** The statistics of some files. */
export interface TraceStats {
  /** The number of turns. */
  readonly turns: number
  /** In the order of `groupKinds`, the largest count first. */
  readonly groups: ReadonlyArray<GroupStats>
}

class Group {
  readonly durations = new DurationSketch()
  failed = 0
  tokens = 0
  cost = 0
}

/** The maximum number of names of one kind. Further ones count as `(other)`. */
const maxNames = 2000
const otherNames = "(other)"

/** The statistics of the spans of one recorder. */
class Side {
  readonly groups: Readonly<Record<GroupKind, Map<string, Group>>> = {
    turn: new Map(),
    model: new Map(),
    tool: new Map(),
    command: new Map(),
    approval: new Map(),
    error: new Map(),
    user: new Map()
  }
  turns = 0

  add(span: TalliedSpan): void {
    const { attributes, facts } = span
    switch (facts.kind) {
      case "turn":
        this.turns++
        this.count("turn", SpanFacts.textOf(attributes, attribute.agentName) ?? "codex", span)
        this.count("user", SpanFacts.textOf(attributes, attribute.userHash), span)
        return this.addError(span)
      case "model":
        this.count("model", SpanFacts.modelOf(attributes) ?? "(unknown)", span)
        return this.addError(span)
      case "tool":
        this.count("tool", SpanFacts.toolOf(attributes) ?? "(unknown)", span)
        return this.addError(span)
      case "command":
        this.count("command", SpanFacts.textOf(attributes, attribute.executableName) ?? "(unknown)", span)
        return this.addError(span)
      case "approval":
        return this.count(
          "approval",
          SpanFacts.textOf(attributes, attribute.approvalKind) ?? "(unknown)",
          span
        )
      default:
        return
    }
  }

  private addError(span: TalliedSpan): void {
    if (!span.failed) return
    const name =
      SpanFacts.textOf(span.attributes, attribute.errorClass) ??
      SpanFacts.textOf(span.attributes, attribute.errorType)
    this.count("error", name ?? "_OTHER", span)
  }

  private count(kind: GroupKind, name: string | undefined, span: TalliedSpan): void {
    if (name === undefined) return
    const groups = this.groups[kind]
    const key = groups.has(name) || groups.size < maxNames ? name : otherNames
    const group = groups.get(key) ?? new Group()
    groups.set(key, group)
    group.durations.add(Number(span.end - span.start))
    if (kind === "approval" ? SpanFacts.isDeclined(span.attributes) : span.failed) group.failed++
    const tokens = SpanFacts.tokensOf(span.attributes)
    group.tokens += (tokens?.input ?? 0) + (tokens?.output ?? 0)
    group.cost += SpanFacts.costOf(span.attributes) ?? 0
  }
}

/** Receives the spans of a scan. */
export class Statistics {
  private readonly own = new Side()
  private readonly raw = new Side()

  readonly add = (span: TalliedSpan): void => {
    if (span.facts.isRaw) this.raw.add(span)
    else this.own.add(span)
  }

  /** Returns the statistics. What Codex's own exporter sent counts only if the library recorded no turn. */
  finish(): TraceStats {
    const { groups, turns } = this.own.turns > 0 ? this.own : this.raw
    return {
      turns,
      groups: groupKinds.flatMap((kind) =>
        [...groups[kind]]
          .map(([name, group]) => toStats(kind, name, group))
          .toSorted((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
      )
    }
  }
}

const toStats = (kind: GroupKind, name: string, { cost, durations, failed, tokens }: Group): GroupStats => ({
  kind,
  name,
  count: durations.count,
  failed,
  successRate: 1 - failed / durations.count,
  p50Nanos: durations.percentile(0.5),
  p95Nanos: durations.percentile(0.95),
  maxNanos: durations.max,
  tokens,
  // Sums of money differ in their last digits with the order of the files.
  costUsd: Math.round(cost * 1e6) / 1e6
})
