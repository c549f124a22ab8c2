/** Watches the database for what other processes want from the turns that this runner runs: answers and interruptions. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"
import type { Store } from "../store/Store.ts"

/** A turn that this runner runs. */
interface RunningTurn {
  readonly epoch: number
  /** Somebody wants the turn to end. */
  readonly onInterrupt: Effect.Effect<void>
  /** Another runner has taken the turn over. */
  readonly onLost: Effect.Effect<void>
}

interface Waiter {
  changed: Deferred.Deferred<void>
}

export interface TurnWatch {
  /** Watches a turn until the scope closes. Each function is called at most once. */
  readonly turn: (key: string, turn: RunningTurn) => Effect.Effect<void, never, Scope.Scope>
  /**
   * Watches an approval until the scope closes. Returns a function whose result completes when the approval may be decided
   * from now on: call it, then read the approval.
   */
  readonly approval: (id: string) => Effect.Effect<() => Deferred.Deferred<void>, never, Scope.Scope>
}

/** How often the runner checks that it still owns its turns. */
const ownership = "5 seconds"

/** Starts to watch, until the scope closes. One query answers for all turns of the runner. */
export const make = Effect.fnUntraced(function* (store: Store["Service"], runner: string) {
  const turns = new Map<string, RunningTurn>()
  const approvals = new Map<string, Waiter>()
  const interrupted = new Set<RunningTurn>()
  const scope = yield* Effect.scope
  const fork = (effect: Effect.Effect<void>) => Effect.forkIn(effect, scope, { startImmediately: true })

  const interruptions = Effect.gen(function* () {
    if (turns.size === 0) return
    for (const { epoch, key } of yield* store.open.interrupted(runner)) {
      const turn = turns.get(key)
      if (turn === undefined || turn.epoch !== epoch || interrupted.has(turn)) continue
      interrupted.add(turn)
      yield* fork(turn.onInterrupt)
    }
  })

  const answers = Effect.gen(function* () {
    if (approvals.size === 0) return
    for (const id of yield* store.approvals.answered) {
      const waiter = approvals.get(id)
      if (waiter !== undefined) Deferred.doneUnsafe(waiter.changed, Exit.void)
    }
  })

  const check = Effect.andThen(interruptions, answers)

  const ownerships = Effect.gen(function* () {
    if (turns.size === 0) return
    // Turns that are claimed while the query runs are not among them.
    const watched = [...turns]
    const owned = new Map((yield* store.open.ownedBy(runner)).map(({ epoch, key }) => [key, epoch]))
    for (const [key, turn] of watched) {
      if (owned.get(key) === turn.epoch) continue
      // The turn may have ended meanwhile.
      if (turns.get(key) === turn) yield* fork(turn.onLost)
    }
  })

  /** A database that cannot be reached answers later. */
  const ignoring = (effect: Effect.Effect<void, StorageUnavailable>) => Effect.ignore(effect)

  yield* Stream.runForEach(store.changes, () => ignoring(check)).pipe(Effect.forkScoped)
  yield* ignoring(ownerships).pipe(Effect.repeat(Schedule.spaced(ownership)), Effect.forkScoped)

  return {
    turn: (key, turn) =>
      Effect.andThen(
        Effect.acquireRelease(
          Effect.sync(() => void turns.set(key, turn)),
          () =>
            Effect.sync(() => {
              if (turns.get(key) === turn) turns.delete(key)
              interrupted.delete(turn)
            })
        ),
        ignoring(interruptions)
      ),
    approval: (id) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const waiter: Waiter = { changed: Deferred.makeUnsafe() }
          approvals.set(id, waiter)
          return waiter
        }),
        (waiter) =>
          Effect.sync(() => {
            if (approvals.get(id) === waiter) approvals.delete(id)
          })
      ).pipe(
        Effect.map((waiter) => () => {
          if (Deferred.isDoneUnsafe(waiter.changed)) waiter.changed = Deferred.makeUnsafe()
          return waiter.changed
        })
      )
  } satisfies TurnWatch
})
