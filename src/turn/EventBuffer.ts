/** A buffer of events for one consumer that may be slow. The producer never waits. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type * as Turn from "../domain/Turn.ts"

type Delta = Extract<Turn.EngineEvent, { readonly delta: string }>

const deltaOf = (event: Turn.TurnEvent): Delta | undefined => {
  switch (event._tag) {
    case "MessageDelta":
    case "ReasoningDelta":
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
    const event = merge(before.event, after.event)
    return event === undefined || event._tag === "AgentEvent" || event._tag === "TurnCompleted"
      ? undefined
      : { ...before, event }
  }
  const [first, second] = [deltaOf(before), deltaOf(after)]
  return first === undefined || second === undefined || first._tag !== second._tag
    ? undefined
    : { ...first, delta: first.delta + second.delta }
}

const completedItemOf = (event: Turn.TurnEvent): string | undefined => {
  if (event._tag === "AgentEvent") return completedItemOf(event.event)
  return event._tag === "ItemCompleted" ? event.item.id : undefined
}

export interface EventBuffer<E> {
  readonly offer: (event: Turn.TurnEvent) => void
  /** Ends the stream after the events that it still contains. */
  readonly end: (exit: Exit.Exit<unknown, E>) => void
  readonly stream: Stream.Stream<Turn.TurnEvent, E>
}

/**
 * Makes a buffer. Waiting deltas of one item become one delta, and only the latest progress of a tool call is kept; no
 * other event is merged or dropped. The items of the turn and their text therefore bound its size.
 */
export const make = <E>(): EventBuffer<E> => {
  let waiting: Array<Turn.TurnEvent> = []
  /** The index of the last waiting delta or progress, by item. */
  let deltas = new Map<string, number>()
  let ended: Exit.Exit<unknown, E> | undefined
  const filled = Latch.makeUnsafe(false)

  const take: Pull.Pull<readonly [Turn.TurnEvent, ...Array<Turn.TurnEvent>], E> = Effect.suspend(() => {
    const [first, ...rest] = waiting
    if (first !== undefined) {
      waiting = []
      deltas = new Map()
      return Effect.succeed([first, ...rest] as const)
    }
    if (ended === undefined) {
      filled.closeUnsafe()
      return Effect.andThen(filled.await, take)
    }
    return Exit.isFailure(ended) ? Effect.failCause(ended.cause) : Cause.done()
  })

  return {
    offer: (event) => {
      const delta = deltaOf(event)
      if (delta !== undefined) {
        const index = deltas.get(delta.itemId)
        const previous = index === undefined ? undefined : waiting[index]
        const merged = previous === undefined ? undefined : merge(previous, event)
        if (index !== undefined && merged !== undefined) {
          waiting[index] = merged
          return
        }
        deltas.set(delta.itemId, waiting.length)
      } else if (event._tag === "ToolProgress") {
        // The latest report replaces earlier ones.
        const key = `progress of ${event.callId}`
        const index = deltas.get(key)
        if (index !== undefined) {
          waiting[index] = event
          return
        }
        deltas.set(key, waiting.length)
      } else {
        const done = completedItemOf(event)
        if (done !== undefined) deltas.delete(done)
      }
      waiting.push(event)
      filled.openUnsafe()
    },
    end: (exit) => {
      ended ??= exit
      filled.openUnsafe()
    },
    stream: Stream.fromPull(Effect.succeed(take))
  }
}
