/** Splits the time of a turn by what its spans did, for turns whose own span does not say it. */
import type { TimeSplit } from "./TraceModel.ts"

/** What a turn may wait for. At a moment at which several are true, the first of this list counts. */
const order = ["approval", "tools", "thinking"] as const
export type WaitCause = (typeof order)[number]

export interface Interval {
  readonly activity: WaitCause
  readonly startNanos: number
  readonly endNanos: number
}

/** Returns the split of the time from 0 to `durationNanos`. */
export const split = (intervals: ReadonlyArray<Interval>, durationNanos: number): TimeSplit => {
  const edges = intervals
    .map(({ activity, endNanos, startNanos }) => ({
      activity,
      from: Math.max(0, startNanos),
      to: Math.min(durationNanos, endNanos)
    }))
    .filter(({ from, to }) => to > from)
    .flatMap(({ activity, from, to }) => [
      { at: from, activity, step: 1 },
      { at: to, activity, step: -1 }
    ])
    .toSorted((a, b) => a.at - b.at)
  const open = { approval: 0, tools: 0, thinking: 0 }
  const spent = { approval: 0, tools: 0, thinking: 0 }
  let before = 0
  for (const { activity, at, step } of edges) {
    const current = order.find((each) => open[each] > 0)
    if (current !== undefined) spent[current] += at - before
    before = at
    open[activity] += step
  }
  const overhead = durationNanos - spent.approval - spent.tools - spent.thinking
  return {
    thinkingNanos: spent.thinking,
    toolsNanos: spent.tools,
    approvalNanos: spent.approval,
    overheadNanos: overhead
  }
}
