/** The places of the turns that run at the same time. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"

type Granted = Deferred.Deferred<void>

/** The places of a runner. */
export interface Places {
  /** Asks for a place: the result completes when the place belongs to the caller. Turns that had one before come first. */
  readonly request: (hadPlace: boolean) => Granted
  /** Gives a place back, or withdraws the request if it is not granted yet. */
  readonly release: (granted: Granted) => void
}

/** Makes the places of a runner. */
export const makePlaces = (count: number): Places => {
  let free = count
  const starting = new Set<Granted>()
  const continuing = new Set<Granted>()

  const give = () => {
    const [next] = continuing.size > 0 ? continuing : starting
    if (next === undefined) return void free++
    continuing.delete(next)
    starting.delete(next)
    Deferred.doneUnsafe(next, Exit.void)
  }

  return {
    request: (hadPlace) => {
      const granted: Granted = Deferred.makeUnsafe()
      const queue = hadPlace ? continuing : starting
      queue.add(granted)
      if (free > 0) {
        free--
        give()
      }
      return granted
    },
    release: (granted) => {
      if (!starting.delete(granted) && !continuing.delete(granted)) give()
    }
  }
}

/**
 * The place of a running turn; a worker has `concurrency` places. A turn that waits for its engine leaves its place to a
 * turn on another engine. A turn that waits for a person leaves it to any turn.
 */
export interface TurnPlace {
  /** Waits for a place. Does nothing if the turn has one, or waits for a person. */
  readonly enter: Effect.Effect<void>
  /** Gives the place back. Does nothing if the turn has none. */
  readonly leave: Effect.Effect<void>
  /**
   * Leaves the place while an effect waits for a person. When the effect has succeeded, waits until the turn has a place
   * again, unless another request of the turn still waits.
   */
  readonly pause: <A, E, R>(wait: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Returns a place that the turn gives back when the scope closes. */
export const make = (places: Places): Effect.Effect<TurnPlace, never, Scope.Scope> => {
  let place: Granted | undefined
  let hadPlace = false
  let waits = 0
  const leave = Effect.sync(() => {
    if (place === undefined) return
    places.release(place)
    // Answered requests of the turn that wait for the place continue without it.
    Deferred.doneUnsafe(place, Exit.void)
    place = undefined
  })
  /** All requests of the turn that are answered meanwhile wait for the same place. */
  const enter = Effect.suspend(() => {
    if (waits === 0) place ??= places.request(hadPlace)
    hadPlace = true
    return place === undefined ? Effect.void : Deferred.await(place)
  })
  const pause = <A, E, R>(wait: Effect.Effect<A, E, R>) =>
    Effect.tap(
      Effect.acquireUseRelease(
        Effect.suspend(() => {
          waits++
          return leave
        }),
        () => wait,
        () => Effect.sync(() => void waits--)
      ),
      () => enter
    )
  return Effect.acquireRelease(Effect.succeed({ enter, leave, pause }), () => leave)
}
