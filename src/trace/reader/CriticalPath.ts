/** Finds what a turn waited for: the chain of spans that determines when it ends. */
import type { PathPart } from "./TraceModel.ts"

/** A span of a tree. Times are nanoseconds; `children` are indices. */
export interface PathNode {
  readonly startNanos: number
  readonly endNanos: number
  readonly children: ReadonlyArray<number>
}

interface Frame {
  readonly node: number
  readonly start: number
  /** The children, the one that ends last first. */
  readonly children: ReadonlyArray<number>
  next: number
  /** The time up to which the path is known. */
  until: number
}

/**
 * Returns the critical path below a root, in order of time. It goes back from the end: at each moment it takes the child that
 * ended last, and the time that no child covers belongs to the span itself. Children that outlive their parent count up to the
 * parent's end. Without recursion, because a trace may be thousands of spans deep.
 */
export const find = (nodes: ReadonlyArray<PathNode>, root: number): ReadonlyArray<PathPart> => {
  const parts: Array<PathPart> = []
  const add = (span: number, from: number, to: number) => {
    if (to > from) parts.push({ span, startNanos: from, durationNanos: to - from })
  }
  const frames: Array<Frame> = []
  const enter = (index: number, from: number, until: number) => {
    const node = nodes[index]
    if (node === undefined) return
    const end = Math.min(node.endNanos, until)
    const children = node.children.toSorted((a, b) => endOf(nodes, b) - endOf(nodes, a))
    frames.push({ node: index, start: Math.max(node.startNanos, from), children, next: 0, until: end })
  }
  enter(root, -Infinity, Infinity)
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const index = frame.children[frame.next]
    const child = index === undefined ? undefined : nodes[index]
    if (index === undefined || child === undefined) {
      add(frame.node, frame.start, frame.until)
      frames.pop()
      continue
    }
    frame.next++
    const end = Math.min(child.endNanos, frame.until)
    const start = Math.max(child.startNanos, frame.start)
    if (end <= start) continue
    add(frame.node, end, frame.until)
    frame.until = start
    enter(index, start, end)
  }
  return parts.toReversed()
}

const endOf = (nodes: ReadonlyArray<PathNode>, index: number): number => nodes[index]?.endNanos ?? 0
