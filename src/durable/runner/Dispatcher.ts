/** Gives the turns that can start to the workflow engine, and those that a dead runner left. */
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
  /** Call it when a turn ends or is left: it can be given out again. */
  readonly ended: (key: string) => void
}

/** How many waiting turns are given out at once, beyond those that run. */
const ahead = 100

/** How often turns without a living runner are looked for. */
const sweepInterval = "30 seconds"

/** Starts to give turns out, until the runner leaves or the scope closes. */
export const make = Effect.fnUntraced(function* (
  store: Store["Service"],
  concurrency: number,
  leaving: Deferred.Deferred<void>
): Effect.fn.Return<Dispatcher, never, WorkflowEngine.WorkflowEngine | Scope.Scope> {
  const given = new Set<string>()
  const limit = Math.min(concurrency, 1000) + ahead

  const give = (key: string, how: Effect.Effect<void, never, WorkflowEngine.WorkflowEngine>) =>
    Effect.suspend(() => {
      if (given.has(key) || Deferred.isDoneUnsafe(leaving)) return Effect.void
      given.add(key)
      return how
    })

  const dispatch = Effect.gen(function* () {
    for (const { key } of yield* store.heads(limit)) yield* give(key, DurableTurn.start(key))
  })

  /** The workflow engine runs an unfinished workflow again by itself. It does not resume one that a runner left. */
  const sweep = Effect.gen(function* () {
    const open = yield* store.turns({ status: ["running", "waiting"], ended: false, limit: 100_000 })
    for (const { key } of open)
      yield* give(key, Effect.andThen(DurableTurn.start(key), DurableTurn.resume(key)))
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
  return { ended: (key) => void given.delete(key) }
})
