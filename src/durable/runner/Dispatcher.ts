/** Starts the workflows of the turns that can start, and resumes those of turns whose runner has died or stopped. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"
import type { Store } from "../store/Store.ts"
import * as DurableTurn from "./DurableTurn.ts"

export interface DispatcherOptions {
  readonly store: Store["Service"]
  /** How many turns run at the same time. */
  readonly concurrency: number
  /** Completes when the runner leaves its turns. It then dispatches nothing more. */
  readonly leaving: Deferred.Deferred<void>
  /** Whether the workflow of a turn runs on this runner. */
  readonly isHere: (key: string) => boolean
}

/** How many workflows start before their turns can run: each then starts its turn as soon as another turn has ended. */
const ahead = 100

/** How often the dispatcher looks for turns that a runner has left, and for turns that no change has announced. */
const sweepInterval = "5 seconds"

/**
 * How often the dispatcher resumes every turn that does not run here, because a runner that lost the database could not
 * write that it left a turn. Rare, because each turn costs some queries, also one that runs well on another runner.
 */
const fullSweepInterval = "2 minutes"

/** Starts to dispatch turns, until the runner leaves or the scope closes. */
export const run = Effect.fnUntraced(function* ({
  concurrency,
  isHere,
  leaving,
  store
}: DispatcherOptions): Effect.fn.Return<void, never, WorkflowEngine.WorkflowEngine | Scope.Scope> {
  /**
   * The turns that the database lists as ready to start and that the workflow engine has already. Another runner may run a
   * turn, so a turn stays here until the database no longer lists it.
   */
  const started = new Set<string>()
  const limit = Math.min(concurrency, 1000) + ahead

  /** Gives a turn to the workflow engine. An engine that fails, because it loses its database, gets the turn again later. */
  const give = (key: string, effect: Effect.Effect<void, never, WorkflowEngine.WorkflowEngine>) =>
    Effect.suspend(() => (isHere(key) || Deferred.isDoneUnsafe(leaving) ? Effect.void : effect)).pipe(
      Effect.catchCause((cause) =>
        Effect.andThen(
          Effect.sync(() => started.delete(key)),
          Effect.logWarning("the workflow engine did not take a durable turn", cause)
        )
      )
    )

  const dispatch = Effect.gen(function* () {
    const heads = new Set(yield* store.open.heads(limit))
    for (const key of started) if (!heads.has(key)) started.delete(key)
    for (const key of heads) {
      if (started.has(key)) continue
      started.add(key)
      yield* give(key, DurableTurn.start(key))
    }
  })

  /** The workflow engine runs an unfinished workflow again by itself. It does not resume one that a runner left. */
  const resume = (keys: ReadonlyArray<string>) =>
    Effect.forEach(
      keys,
      (key) => give(key, Effect.andThen(DurableTurn.start(key), DurableTurn.resume(key))),
      {
        discard: true
      }
    )

  const sweep = Effect.flatMap(store.open.left, resume)

  // A runner can leave a turn that waits for a place, before it has claimed the turn.
  const fullSweep = Effect.andThen(
    Effect.flatMap(store.open.claimed, resume),
    Effect.flatMap(store.open.heads(limit), resume)
  )

  /** A database that cannot be reached has turns for a later round. */
  const ignoring = <R>(effect: Effect.Effect<void, StorageUnavailable, R>) => Effect.ignore(effect)

  const untilLeaving = <R>(effect: Effect.Effect<unknown, never, R>) =>
    effect.pipe(Effect.raceFirst(Deferred.await(leaving)), Effect.forkScoped)

  yield* ignoring(fullSweep)
  yield* untilLeaving(Stream.runForEach(store.changes, () => ignoring(dispatch)))
  yield* untilLeaving(
    ignoring(Effect.andThen(sweep, dispatch)).pipe(Effect.repeat(Schedule.spaced(sweepInterval)))
  )
  yield* untilLeaving(
    ignoring(fullSweep).pipe(Effect.delay(fullSweepInterval), Effect.repeat(Schedule.forever))
  )
})
