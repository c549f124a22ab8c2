/** Compares the statistics of two sets of files: what got slower, failed more or was called more, and the opposite. */
import { type GroupKind, groupKinds, type GroupStats, type TraceStats } from "./TraceStatistics.ts"

/** What changed from the first to the second. */
export type ChangeKind =
  | "new"
  | "gone"
  | "slower"
  | "faster"
  | "fails more"
  | "fails less"
  | "more calls"
  | "fewer calls"

export interface GroupChange {
  readonly kind: GroupKind
  readonly name: string
  readonly changes: ReadonlyArray<ChangeKind>
  readonly before?: GroupStats | undefined
  readonly after?: GroupStats | undefined
  /** The number per turn, because the files may have different numbers of turns. */
  readonly perTurnBefore: number
  readonly perTurnAfter: number
}

/** A change by less than a fifth, or by less than 10 ms, is noise. */
const minRatio = 1.2
const minNanos = 10_000_000
/** So is a change of the failures by less than five of a hundred. */
const minFailures = 0.05

const bad: ReadonlySet<ChangeKind> = new Set(["new", "slower", "fails more", "more calls"])

/** Returns all groups of both, the ones that got worse first. Groups without a change have no `changes`. */
export const compare = (before: TraceStats, after: TraceStats): ReadonlyArray<GroupChange> => {
  const keyOf = ({ kind, name }: GroupStats) => `${kind} ${name}`
  const [old, current] = [before, after].map(
    ({ groups }) => new Map(groups.map((group) => [keyOf(group), group]))
  )
  const keys = new Set([...(old?.keys() ?? []), ...(current?.keys() ?? [])])
  return [...keys]
    .flatMap((key) => {
      const [a, b] = [old?.get(key), current?.get(key)]
      const { kind, name } = a ?? b ?? {}
      if (kind === undefined || name === undefined) return []
      const perTurnBefore = (a?.count ?? 0) / Math.max(1, before.turns)
      const perTurnAfter = (b?.count ?? 0) / Math.max(1, after.turns)
      const changes = changesOf(kind, a, b, perTurnBefore, perTurnAfter)
      return [{ kind, name, changes, before: a, after: b, perTurnBefore, perTurnAfter }]
    })
    .toSorted((x, y) => weightOf(y) - weightOf(x) || groupKinds.indexOf(x.kind) - groupKinds.indexOf(y.kind))
}

/** Whether a group got worse in some way. */
export const isWorse = ({ changes }: GroupChange): boolean => changes.some((change) => bad.has(change))

const weightOf = (change: GroupChange): number => (change.changes.length === 0 ? 0 : isWorse(change) ? 2 : 1)

const changesOf = (
  kind: GroupKind,
  a: GroupStats | undefined,
  b: GroupStats | undefined,
  perTurnBefore: number,
  perTurnAfter: number
): ReadonlyArray<ChangeKind> => {
  if (a === undefined) return ["new"]
  if (b === undefined) return ["gone"]
  const grew = (from: number, to: number, least: number) => to - from >= least && to >= from * minRatio
  const isSlower = grew(a.p50Nanos, b.p50Nanos, minNanos) || grew(a.p95Nanos, b.p95Nanos, minNanos)
  const isFaster = grew(b.p50Nanos, a.p50Nanos, minNanos) || grew(b.p95Nanos, a.p95Nanos, minNanos)
  const failures = a.successRate - b.successRate
  // Everything in a group of errors failed, and turns per turn are always one.
  const hasRates = kind !== "error"
  const hasCalls = kind !== "turn" && kind !== "user"
  return [
    ...(isSlower ? (["slower"] as const) : isFaster ? (["faster"] as const) : []),
    ...(hasRates && failures >= minFailures ? (["fails more"] as const) : []),
    ...(hasRates && failures <= -minFailures ? (["fails less"] as const) : []),
    ...(hasCalls && grew(perTurnBefore, perTurnAfter, 0.01) ? (["more calls"] as const) : []),
    ...(hasCalls && grew(perTurnAfter, perTurnBefore, 0.01) ? (["fewer calls"] as const) : [])
  ]
}
