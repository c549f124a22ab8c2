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

export interface Dispatcher {
  /** Call it when a turn has ended, or the runner no longer runs it: its workflow can start again. */
  readonly ended: (key: string) => void
}

/** How many workflows start before their turns can run: each then starts its turn as soon as another turn has ended. */
const ahead = 100

/** How often the dispatcher looks for turns whose runner has died or stopped. */
const sweepInterval = "30 seconds"

/** Starts to dispatch turns, until the runner leaves or the scope closes. */
export const make = Effect.fnUntraced(function* (
  store: Store["Service"],
  concurrency: number,
  leaving: Deferred.Deferred<void>
): Effect.fn.Return<Dispatcher, never, WorkflowEngine.WorkflowEngine | Scope.Scope> {
  const dispatched = new Set<string>()
  const limit = Math.min(concurrency, 1000) + ahead

  const dispatchOnce = (key: string, start: Effect.Effect<void, never, WorkflowEngine.WorkflowEngine>) =>
    Effect.suspend(() => {
      if (dispatched.has(key) || Deferred.isDoneUnsafe(leaving)) return Effect.void
      dispatched.add(key)
      return start
    })

  const dispatch = Effect.gen(function* () {
    for (const key of yield* store.open.heads(limit)) yield* dispatchOnce(key, DurableTurn.start(key))
  })

  /** The workflow engine runs an unfinished workflow again by itself. It does not resume one that a runner left. */
  const sweep = Effect.gen(function* () {
    for (const key of yield* store.open.claimed)
      yield* dispatchOnce(key, Effect.andThen(DurableTurn.start(key), DurableTurn.resume(key)))
  })

  /** A database that cannot be reached has turns for a later round. */
  const ignoring = <R>(effect: Effect.Effect<void, StorageUnavailable, R>) => Effect.ignore(effect)

  yield* ignoring(sweep)
  yield* Stream.runForEach(store.changes, () => ignoring(dispatch)).pipe(
    Effect.raceFirst(Deferred.await(leaving)),
    Effect.forkScoped
  )
  yield* ignoring(Effect.andThen(sweep, dispatch)).pipe(
    Effect.repeat(Schedule.spaced(sweepInterval)),
    Effect.raceFirst(Deferred.await(leaving)),
    Effect.forkScoped
  )
  return { ended: (key) => void dispatched.delete(key) }
})
