/** Events for one consumer that may be slow: never full, never waited for, and never longer than it has to be. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type * as Turn from "../Turn.ts"

type Delta = Extract<Turn.Event, { readonly delta: string }>

const isDelta = (event: Turn.Event): event is Delta =>
  event._tag === "MessageDelta" || event._tag === "ReasoningDelta" || event._tag === "OutputDelta"

export interface Mailbox<E> {
  readonly offer: (event: Turn.Event) => void
  /** Says how it ends; what was offered before is still delivered. */
  readonly end: (exit: Exit.Exit<unknown, E>) => void
  readonly stream: Stream.Stream<Turn.Event, E>
}

/**
 * Deltas of one item that nobody has taken yet become one; no other event is ever merged or lost. What waits is
 * therefore bounded by the items of the turn and their text.
 */
export const make = <E>(): Mailbox<E> => {
  let waiting: Array<Turn.Event> = []
  /** Where the last untaken delta of an item stands, by item. */
  let deltas = new Map<string, number>()
  let ended: Exit.Exit<unknown, E> | undefined
  const filled = Latch.makeUnsafe(false)

  const take: Pull.Pull<readonly [Turn.Event, ...Array<Turn.Event>], E> = Effect.suspend(() => {
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
      if (isDelta(event)) {
        const index = deltas.get(event.itemId)
        const previous = index === undefined ? undefined : waiting[index]
        if (index !== undefined && previous?._tag === event._tag) {
          waiting[index] = { ...previous, delta: previous.delta + event.delta }
          return
        }
        deltas.set(event.itemId, waiting.length)
      } else if (event._tag === "ItemCompleted") {
        deltas.delete(event.item.id)
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
