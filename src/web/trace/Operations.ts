/** Adds up the spans of two turns by name. */
import type { SpanKind, TurnSpan } from "../../trace/reader/TraceModel.ts"

export interface OperationTotal {
  readonly count: number
  readonly failed: number
  readonly nanos: number
}

export interface OperationPair {
  readonly name: string
  readonly kind: SpanKind
  readonly left?: OperationTotal
  readonly right?: OperationTotal
}

const totals = (spans: ReadonlyArray<TurnSpan>): ReadonlyMap<string, OperationTotal> => {
  const found = new Map<string, OperationTotal>()
  for (const span of spans) {
    if (span.kind === "turn") continue
    const { count, failed, nanos } = found.get(span.name) ?? { count: 0, failed: 0, nanos: 0 }
    found.set(span.name, {
      count: count + 1,
      failed: failed + (span.failed ? 1 : 0),
      nanos: nanos + span.durationNanos
    })
  }
  return found
}

/** Returns each operation with its totals on both sides, the largest difference first. */
export const compareOperations = (
  left: ReadonlyArray<TurnSpan>,
  right: ReadonlyArray<TurnSpan>
): ReadonlyArray<OperationPair> => {
  const kinds = new Map([...right, ...left].map((span) => [span.name, span.kind]))
  const [a, b] = [totals(left), totals(right)]
  const change = ({ left, right }: OperationPair) => Math.abs((right?.nanos ?? 0) - (left?.nanos ?? 0))
  return [...new Set([...a.keys(), ...b.keys()])]
    .map((name): OperationPair => {
      const [before, after] = [a.get(name), b.get(name)]
      return {
        name,
        kind: kinds.get(name) ?? "other",
        ...(before === undefined ? {} : { left: before }),
        ...(after === undefined ? {} : { right: after })
      }
    })
    .toSorted((x, y) => change(y) - change(x))
}
