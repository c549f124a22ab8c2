/** The places of the turns that run at the same time. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Semaphore from "effect/Semaphore"

/**
 * The place of a turn among those that run at the same time. A turn that waits for its engine leaves its place to a turn on
 * another engine.
 */
export interface TurnPlace {
  /** Waits for a place. Does nothing if the turn has one. */
  readonly enter: Effect.Effect<void>
  /** Gives the place back. Does nothing if the turn has none. */
  readonly leave: Effect.Effect<void>
}

/** Returns a place that the turn gives back when the scope closes. */
export const make = (places: Semaphore.Semaphore): Effect.Effect<TurnPlace, never, Scope.Scope> => {
  let isIn = false
  const leave = Effect.suspend(() => {
    if (!isIn) return Effect.void
    isIn = false
    return places.release(1)
  })
  const enter = Effect.uninterruptibleMask((restore) =>
    isIn
      ? Effect.void
      : Effect.map(restore(places.take(1)), () => {
          isIn = true
        })
  )
  return Effect.acquireRelease(Effect.succeed({ enter, leave }), () => leave)
}
