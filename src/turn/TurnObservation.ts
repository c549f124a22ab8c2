/** Observes the running turn of a thread. Any program may have started the turn. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Budget from "../domain/Budget.ts"
import * as CodexError from "../domain/CodexError.ts"
import * as ContentLimits from "../domain/ContentLimits.ts"
import type { TurnId } from "../domain/Ids.ts"
import * as Turn from "../domain/Turn.ts"
import * as TurnState from "../domain/TurnState.ts"
import * as EventBuffer from "./EventBuffer.ts"
import * as SharedThreads from "./SharedThreads.ts"

/**
 * A running turn, as a program sees it that has not started it.
 * @since 0.1.0
 * @category models
 */
export interface TurnObservation {
  readonly turnId: TurnId
  /**
   * The turn so far, from its start: its items, usage, time and cost. A call that runs is an item with the status
   * `inProgress`. After the end of the turn, its result.
   */
  readonly snapshot: Effect.Effect<Turn.Turn>
  /** What the turn has used so far, with its sub-agents, as budgets count it. */
  readonly spent: Effect.Effect<Budget.BudgetUsage>
  /**
   * The events of the turn from the moment at which the stream runs, as of `Thread.stream`: the last one is `TurnCompleted`,
   * and the stream fails with the error of the turn. A consumer that stops early does not affect the turn.
   */
  readonly events: Stream.Stream<Turn.TurnEvent, CodexError.TurnError>
  /** Waits for the end of the turn. Interrupting the effect does not affect the turn. */
  readonly await: Effect.Effect<Turn.Turn, CodexError.TurnError>
  /** Interrupts the turn, for all its observers, and waits for its end. */
  readonly interrupt: Effect.Effect<void>
}

const noTurnRunning = new CodexError.InvalidRequest({
  reason: "NoTurnRunning",
  method: "thread/attach",
  detail: "no turn is running"
})

const eventsOf = (running: SharedThreads.HandleTurn): TurnObservation["events"] =>
  Stream.unwrap(
    Effect.gen(function* () {
      const { bufferBytes } = yield* ContentLimits.Current
      const { end, offer, stream } = EventBuffer.make<CodexError.TurnError>(bufferBytes)
      const watcher = { offer, end }
      yield* Effect.acquireRelease(
        Effect.sync(() => running.watchers.add(watcher)),
        () => Effect.sync(() => running.watchers.delete(watcher))
      )
      if (Deferred.isDoneUnsafe(running.result))
        end(Exit.asVoid(yield* Effect.exit(Deferred.await(running.result))))
      return stream
    })
  )

/** Returns the running turn of a thread. Fails if there is none. */
export const make = ({
  engine,
  services,
  shared
}: SharedThreads.SharingHandle): Effect.Effect<TurnObservation, CodexError.InvalidRequest> =>
  Effect.suspend(() => {
    const running = [...shared.adopted, ...shared.requested].findLast(
      ({ result, turnId }) => turnId !== undefined && !Deferred.isDoneUnsafe(result)
    )
    const turnId = running?.turnId
    if (running === undefined || turnId === undefined) return Effect.fail(noTurnRunning)
    let last: Turn.Turn | undefined
    /** Between two attempts, the turn so far is the last attempt. */
    const snapshot = Effect.sync(() => {
      const empty = TurnState.initial(
        engine.id,
        Context.get(services, Clock.Clock).currentTimeMillisUnsafe(),
        Turn.noUsage
      )
      last = running.live?.snapshot() ?? last ?? TurnState.snapshot(empty, empty.time.at, new Set())
      return last
    })
    const soFar = Effect.suspend(() =>
      Deferred.isDoneUnsafe(running.result)
        ? Effect.catch(Deferred.await(running.result), ({ turn }) =>
            turn === undefined ? snapshot : Effect.succeed(turn)
          )
        : snapshot
    )
    // The turn then has the items that it had before this process saw it.
    return Effect.as(Deferred.await(running.started), {
      turnId,
      snapshot: soFar,
      spent: Effect.map(soFar, ({ time }) => ({
        ...(running.live?.spent() ?? Budget.zero),
        timeMillis: time.totalMillis
      })),
      events: eventsOf(running),
      await: Deferred.await(running.result),
      interrupt: SharedThreads.interruptRequested(running)
    })
  })
