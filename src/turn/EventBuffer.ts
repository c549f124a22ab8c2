/** A buffer of events for one consumer that may be slow. The producer never waits. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import * as BoundedContent from "../domain/BoundedContent.ts"
import * as ContentLimits from "../domain/ContentLimits.ts"
import type * as Turn from "../domain/Turn.ts"

type Delta = Extract<Turn.EngineEvent, { readonly delta: string }>

const deltaOf = (event: Turn.TurnEvent): Delta | undefined => {
  switch (event._tag) {
    case "MessageDelta":
    case "ReasoningDelta":
    case "PlanDelta":
    case "OutputDelta":
      return event
    case "AgentEvent":
      return deltaOf(event.event)
    default:
      return undefined
  }
}

/** Returns one event with the text of both, or `undefined` if they cannot be merged. */
const merge = (before: Turn.TurnEvent, after: Turn.TurnEvent): Turn.TurnEvent | undefined => {
  if (before._tag === "AgentEvent" && after._tag === "AgentEvent") {
    const event = mergeDeltas(before.event, after.event)
    return event === undefined ? undefined : { ...before, event }
  }
  return mergeDeltas(before, after)
}

const mergeDeltas = (before: Turn.TurnEvent, after: Turn.TurnEvent): Delta | undefined => {
  const [first, second] = [deltaOf(before), deltaOf(after)]
  return first === undefined || second === undefined || first._tag !== second._tag
    ? undefined
    : { ...first, delta: first.delta + second.delta }
}

/** Returns the key of an item. Items of different sub-agents may have the same id, and an id may have any characters. */
const keyOf = (event: Turn.TurnEvent, itemId: string): string =>
  JSON.stringify(event._tag === "AgentEvent" ? [event.threadId, itemId] : [itemId])

const completedItemOf = (event: Turn.TurnEvent): string | undefined => {
  const inner = event._tag === "AgentEvent" ? event.event : event
  return inner._tag === "ItemCompleted" ? keyOf(event, inner.item.id) : undefined
}

export interface EventBuffer<E> {
  readonly offer: (event: Turn.TurnEvent) => void
  /** Ends the stream after the events that it still contains. */
  readonly end: (exit: Exit.Exit<unknown, E>) => void
  readonly stream: Stream.Stream<Turn.TurnEvent, E>
}

/** A buffer of events with labels, which say where they belong. Only deltas with the same label are merged. */
export interface LabelledBuffer<L, A, E> extends Pick<EventBuffer<E>, "end"> {
  readonly offer: (event: Turn.TurnEvent, label: L) => void
  readonly stream: Stream.Stream<A, E>
}

/** How a buffer combines its events with their labels. */
export interface EventLabels<L, A> {
  readonly join: (event: Turn.TurnEvent, label: L) => A
  /** The label of `EventsOmitted`. */
  readonly omission: L
}

/** What an event takes besides its content. */
const eventBytes = 128

/** Returns the size of an event. The result of the turn counts as nothing, because the caller receives it anyway. */
const sizeOf = (event: Turn.TurnEvent): number => {
  if (event._tag === "TurnCompleted") return eventBytes
  const inner = event._tag === "AgentEvent" ? event.event : event
  if ("delta" in inner) return eventBytes + 2 * inner.delta.length
  return eventBytes + BoundedContent.sizeOf(inner)
}

interface Waiting<L> {
  readonly label: L
  /** `undefined` after it was dropped. */
  event: Turn.TurnEvent | undefined
  bytes: number
  readonly isDelta: boolean
  /** The item whose deltas are merged into this one, or the call whose progress replaces this one. */
  readonly key: string | undefined
}

/** After how many dropped events the list is compacted, if it contains more dropped events than others. */
const minCompacted = 1000

/**
 * Makes a buffer. Waiting deltas of one item become one delta, and only the latest progress of a tool call is kept. No
 * other event is merged or dropped while the events take at most `limit` bytes. Beyond it, the buffer drops the oldest
 * deltas, then the oldest other events, and the consumer receives an `EventsOmitted` first when it reads again.
 */
export const make = <E>(limit?: number): EventBuffer<E> => {
  const { offer, ...buffer } = makeLabelled<undefined, Turn.TurnEvent, E>(unlabelled, limit)
  return { ...buffer, offer: (event) => offer(event, undefined) }
}

const unlabelled: EventLabels<undefined, Turn.TurnEvent> = { join: (event) => event, omission: undefined }

/** The same as `make`, for events with labels. */
export const makeLabelled = <L, A, E>(
  { join, omission }: EventLabels<L, A>,
  limit: number = ContentLimits.defaults.bufferBytes
): LabelledBuffer<L, A, E> => {
  let waiting: Array<Waiting<L>> = []
  /** The last waiting delta or progress, by item. */
  const mergeable = new Map<string, Waiting<L>>()
  let bytes = 0
  /** How many events at the start of `waiting` have been visited to drop deltas, and to drop other events. */
  let visited = { deltas: 0, events: 0 }
  /** How many events in `waiting` are dropped. */
  let holes = 0
  let omitted = { deltas: 0, events: 0, at: 0 }
  let ended: Exit.Exit<unknown, E> | undefined
  const filled = Latch.makeUnsafe(false)

  const takeAll = (): ReadonlyArray<A> => {
    const all: Array<A> = []
    const { at, deltas, events } = omitted
    if (deltas + events > 0) {
      all.push(join({ _tag: "EventsOmitted", deltas, events, at }, omission))
      omitted = { deltas: 0, events: 0, at: 0 }
    }
    for (const { event, label } of waiting) if (event !== undefined) all.push(join(event, label))
    if (waiting.length > 0) {
      waiting = []
      mergeable.clear()
      visited = { deltas: 0, events: 0 }
      bytes = 0
      holes = 0
    }
    return all
  }

  const take: Pull.Pull<readonly [A, ...Array<A>], E> = Effect.suspend(() => {
    const all = takeAll()
    if (Arr.isReadonlyArrayNonEmpty(all)) return Effect.succeed(all)
    if (ended === undefined) {
      filled.closeUnsafe()
      return Effect.andThen(filled.await, take)
    }
    return Exit.isFailure(ended) ? Effect.failCause(ended.cause) : Cause.done()
  })

  const drop = (entry: Waiting<L>) => {
    if (entry.event === undefined) return
    omitted = {
      deltas: omitted.deltas + Number(entry.isDelta),
      events: omitted.events + Number(!entry.isDelta),
      at: Math.max(omitted.at, entry.event.at)
    }
    if (entry.key !== undefined && mergeable.get(entry.key) === entry) mergeable.delete(entry.key)
    bytes -= entry.bytes
    entry.event = undefined
    holes++
  }

  const isFull = () => bytes > limit

  const fit = () => {
    for (; isFull() && visited.deltas < waiting.length; visited.deltas++) {
      const entry = waiting[visited.deltas]
      if (entry?.isDelta === true) drop(entry)
    }
    for (; isFull() && visited.events < waiting.length; visited.events++) {
      const entry = waiting[visited.events]
      if (entry !== undefined && entry.event?._tag !== "TurnCompleted") drop(entry)
    }
    if (holes < minCompacted || holes * 2 < waiting.length) return
    waiting = waiting.filter(({ event }) => event !== undefined)
    visited = { deltas: 0, events: 0 }
    holes = 0
  }

  const add = (event: Turn.TurnEvent, label: L, key: string | undefined) => {
    const entry = { label, event, bytes: sizeOf(event), isDelta: deltaOf(event) !== undefined, key }
    waiting.push(entry)
    if (key !== undefined) mergeable.set(key, entry)
    bytes += entry.bytes
    if (isFull()) fit()
    filled.openUnsafe()
  }

  const replace = (entry: Waiting<L>, event: Turn.TurnEvent, size: number) => {
    bytes += size - entry.bytes
    entry.event = event
    entry.bytes = size
    // What waits for a merge is alive, so it comes after the events that were visited.
    if (isFull()) fit()
  }

  return {
    offer: (event, label) => {
      const delta = deltaOf(event)
      if (delta !== undefined) {
        const key = keyOf(event, delta.itemId)
        const previous = mergeable.get(key)
        const merged = previous?.event === undefined ? undefined : merge(previous.event, event)
        if (previous?.label !== label || merged === undefined) return add(event, label, key)
        return replace(previous, merged, previous.bytes + 2 * delta.delta.length)
      }
      if (event._tag === "ToolProgress") {
        // The latest report replaces earlier ones.
        const key = `progress of ${event.callId}`
        const previous = mergeable.get(key)
        return previous === undefined ? add(event, label, key) : replace(previous, event, sizeOf(event))
      }
      const done = completedItemOf(event)
      if (done !== undefined) mergeable.delete(done)
      add(event, label, undefined)
    },
    end: (exit) => {
      ended ??= exit
      filled.openUnsafe()
    },
    stream: Stream.fromPull(Effect.succeed(take))
  }
}
