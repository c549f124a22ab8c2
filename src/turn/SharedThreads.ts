/** The open threads by id. The handles of a thread share the turns that Codex starts by itself, and the thread's goal. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Budget from "../domain/Budget.ts"
import * as CodexError from "../domain/CodexError.ts"
import type * as Goal from "../domain/Goal.ts"
import type { ThreadId, TurnId } from "../domain/Ids.ts"
import type * as Turn from "../domain/Turn.ts"
import type * as Engine from "../engine/Engine.ts"
import type * as ToolHost from "../tool/ToolHost.ts"
import * as StructuredOutput from "./StructuredOutput.ts"
import * as ThreadMembers from "./ThreadMembers.ts"
import * as TurnAttempts from "./TurnAttempts.ts"
import type * as TurnRunner from "./TurnRunner.ts"

/** A handle of a thread, with the context in which it was opened. */
export interface SharingHandle extends TurnAttempts.ThreadTurns {
  readonly shared: SharedThread
  /** The turns that the handle has started and that run. */
  readonly turns: Set<HandleTurn>
  /** Whether the turns that run when the handle closes go on. */
  isDetached: boolean
  readonly services: Context.Context<never>
}

/** A turn that runs, or that waits for its next attempt. */
export interface HandleTurn extends TurnAttempts.CurrentTurn {
  /** The id of the turn, once it is known. */
  turnId: TurnId | undefined
  /** When the turn started, in milliseconds since the epoch, once it is known. */
  startedAt: number | undefined
  /** Completes when the turn has started or ended. */
  readonly started: Deferred.Deferred<void>
  /** How the turn ends, after all attempts, for other callers that observe it. */
  readonly result: Deferred.Deferred<Turn.Turn, CodexError.TurnError>
  readonly ended: Deferred.Deferred<void>
  /** Other callers that receive the events of the turn. */
  readonly watchers: Set<TurnWatcher>
}

/** A caller that receives the events of a turn, and its end. */
export interface TurnWatcher {
  readonly offer: (event: Turn.TurnEvent) => void
  readonly end: (exit: Exit.Exit<void, CodexError.TurnError>) => void
}

/** What is to be known about the turns that Codex starts by itself. */
export interface AdoptedTurnListener {
  /** A turn has ended, with its error if it did not complete. A turn that dies has no result. */
  readonly onTurnEnd: (turn: Turn.Turn | undefined, error: CodexError.TurnError | undefined) => void
  readonly onGoal: (goal: Goal.Goal | undefined) => void
  /** A budget allows no further turn. The goal is being paused. */
  readonly onExhausted: (error: CodexError.BudgetExceeded) => void
  /** The goal is no longer being paused. */
  readonly onPaused: () => void
  /** The engine has ended. */
  readonly onExit: (error: CodexError.TurnError) => void
}

export interface SharedThread {
  /** The id by which the other handles of the thread find it. */
  id: ThreadId
  readonly members: ThreadMembers.ThreadMembers<SharingHandle>
  /** The turns that run and that Codex has started by itself: one, or two while the first one ends. */
  readonly adopted: Set<HandleTurn>
  /** The turns that the handles have requested, one for each handle: the first runs, and the others wait for it. */
  readonly requested: Set<HandleTurn>
  /** The requested turns with a key, by their keys, from the request to their end. */
  readonly keyed: Map<string, HandleTurn>
  readonly listeners: Set<AdoptedTurnListener>
  goal: Goal.Goal | undefined
  /** Whether the goal is being paused because a budget is exhausted. */
  isPausing: boolean
}

export type SharedThreads = Map<ThreadId, SharedThread>

export const make = (): SharedThreads => new Map()

/** Makes a thread without handles. */
export const makeShared = (id: ThreadId): SharedThread => ({
  id,
  members: ThreadMembers.make(),
  adopted: new Set(),
  requested: new Set(),
  keyed: new Map(),
  listeners: new Set(),
  goal: undefined,
  isPausing: false
})

const newest = ({ members }: SharedThread): SharingHandle | undefined => [...members.open].at(-1)

/** Returns tools that run in the newest open handle. Each handle counts its calls of the turn. */
const newestTools = (shared: SharedThread, first: SharingHandle): ToolHost.ToolHost => ({
  ...first.context.tools,
  turn: (hooks) => {
    const calls = new Map<SharingHandle, ToolHost.Call>()
    return (call) =>
      Effect.suspend(() => {
        const handle = newest(shared) ?? first
        const run = calls.get(handle) ?? handle.context.tools.turn(hooks)
        calls.set(handle, run)
        return run(call)
      })
  }
})

/** Returns the context of a turn without a caller: the newest handle that is open decides and answers. */
const contextOf = (shared: SharedThread, first: SharingHandle): TurnRunner.ThreadContext => ({
  ...first.context,
  policy: (request) => Effect.suspend(() => (newest(shared) ?? first).context.policy(request)),
  tools: newestTools(shared, first)
})

const interrupted = new CodexError.TurnInterrupted({ by: "caller" })

/** Ends the running turns that Codex has started by itself. Does not wait for their ends. */
const stopAdopted = ({ adopted }: SharedThread): void => {
  for (const { attempt, interrupted: waiting } of adopted)
    Deferred.doneUnsafe(attempt ?? waiting, Exit.fail(interrupted))
}

/** Waits for the ends of the turns that Codex has started by itself, telemetry included. */
export const awaitAdopted = ({ adopted }: SharedThread): Effect.Effect<void> =>
  Effect.suspend(() => Effect.forEach([...adopted], ({ ended }) => Deferred.await(ended), { discard: true }))

/** Ends an active goal, so that Codex starts no further turn for it. `isRequested`: a goal that it may not have reported. */
const stopGoal = (
  shared: SharedThread,
  goals: Engine.ThreadGoals | undefined,
  how: "clear" | "pause",
  isRequested = false
): Effect.Effect<void> =>
  Effect.suspend(() =>
    goals === undefined || (!isRequested && shared.goal?.status !== "active") ? Effect.void : goals.stop(how)
  )

/**
 * Pauses an active goal because a budget allows no further turn. The turn that runs continues, and is interrupted only if it
 * exceeds the budget. A turn that Codex starts before it receives the request fails and is interrupted.
 */
const pauseExhausted =
  (shared: SharedThread, goals: Engine.ThreadGoals) =>
  (error: CodexError.BudgetExceeded): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (shared.isPausing || shared.goal?.status !== "active") return Effect.void
      shared.isPausing = true
      for (const { onExhausted } of shared.listeners) onExhausted(error)
      return Effect.ensuring(
        stopGoal(shared, goals, "pause"),
        Effect.sync(() => {
          shared.isPausing = false
          for (const { onPaused } of shared.listeners) onPaused()
        })
      )
    })

/**
 * Ends the turns that Codex has started by itself and keeps it from starting more. Waits until they have ended.
 * `isGoalRequested`: the request of a goal is on its way, and Codex may not have reported the goal.
 */
export const interrupt = (
  shared: SharedThread,
  { goals }: Engine.EngineThread,
  how: "clear" | "pause",
  isGoalRequested = false
): Effect.Effect<void> =>
  Effect.suspend(() => {
    // Before the turn ends: Codex pauses the goal of an interrupted turn, and a paused goal must still be cleared.
    const hasGoal = isGoalRequested || shared.goal?.status === "active"
    stopAdopted(shared)
    return stopGoal(shared, goals, how, hasGoal).pipe(
      // Codex may have started another turn before it received the request.
      Effect.andThen(Effect.sync(() => stopAdopted(shared))),
      Effect.andThen(awaitAdopted(shared))
    )
  })

export const makeTurn = (turnId?: TurnId): HandleTurn => ({
  turnId,
  startedAt: undefined,
  attempt: undefined,
  interrupted: Deferred.makeUnsafe(),
  started: Deferred.makeUnsafe(),
  result: Deferred.makeUnsafe(),
  ended: Deferred.makeUnsafe(),
  isLeft: false,
  live: undefined,
  watchers: new Set()
})

/** Follows the events of a turn. */
export const observeTurn = (running: HandleTurn, event: Turn.TurnEvent): void => {
  for (const { offer } of running.watchers) offer(event)
  if (event._tag !== "TurnStarted") return
  running.turnId = event.turnId
  running.startedAt = event.at
  Deferred.doneUnsafe(running.started, Exit.void)
}

/** Returns an exit without interruptions, which concern the fiber that ran the turn and not the callers that observe it. */
const resultOf = <A>(exit: Exit.Exit<A, CodexError.TurnError>): Exit.Exit<void, CodexError.TurnError> =>
  Exit.isSuccess(exit)
    ? Exit.void
    : Exit.fail(Option.getOrElse(Exit.findErrorOption(exit), () => interrupted))

/** Passes the end of a turn to the callers that observe it. */
export const endTurn = (
  running: HandleTurn,
  exit: Exit.Exit<readonly [Turn.Turn, unknown], CodexError.TurnError>
): void => {
  Deferred.doneUnsafe(
    running.result,
    Exit.isSuccess(exit)
      ? Exit.succeed(exit.value[0])
      : Exit.fail(Option.getOrElse(Exit.findErrorOption(exit), () => interrupted))
  )
  Deferred.doneUnsafe(running.started, Exit.void)
  for (const { end } of running.watchers) end(resultOf(exit))
  Deferred.doneUnsafe(running.ended, Exit.void)
}

/** Ends a turn with an error, and waits for its end. */
export const stopTurn = (
  { attempt, ended, interrupted: waiting }: HandleTurn,
  error: CodexError.TurnError
): Effect.Effect<void> => Effect.andThen(Deferred.fail(attempt ?? waiting, error), Deferred.await(ended))

/** Has the turns of a handle go on when it closes. Fails if the engine ends them with this process. */
export const detach = (handle: SharingHandle): Effect.Effect<void, CodexError.InvalidRequest> =>
  Effect.suspend((): Effect.Effect<void, CodexError.InvalidRequest> => {
    const { detach } = handle.engine
    if (detach === undefined)
      return Effect.fail(
        new CodexError.InvalidRequest({
          reason: "Rejected",
          method: "thread/detach",
          detail:
            "the turns of this codex end with this process; to leave turns running, run codex behind a socket and connect with AppServer.layerSocket"
        })
      )
    handle.isDetached = true
    return detach
  })

/** Whether threads leave their turns running, like the option `onScopeClose: "detach"`, if their engine can. */
export const LeavesTurns = Context.Reference<boolean>("effect-codex/turn/LeavesTurns", {
  defaultValue: () => false
})

const left = new CodexError.TurnInterrupted({ by: "detach" })

/** Leaves a turn running in the engine, and waits until this process no longer observes it. */
const leaveTurn = (running: HandleTurn): Effect.Effect<void> =>
  Effect.suspend(() => {
    running.isLeft = true
    return stopTurn(running, left)
  })

/** Interrupts a turn that a handle has requested, and waits for its end. */
export const interruptRequested = (running: HandleTurn): Effect.Effect<void> => stopTurn(running, interrupted)

/** Leaves the turns of a handle that closes, and, if it is the last one, those that Codex has started by itself. */
const leave = (shared: SharedThread, handle: SharingHandle, isLast: boolean): Effect.Effect<void> =>
  Effect.suspend(() => {
    const turns = new Set([...handle.turns, ...(isLast ? shared.adopted : [])])
    return Effect.forEach(turns, leaveTurn, { concurrency: "unbounded", discard: true })
  })

/** Runs a turn that Codex has started by itself, with the telemetry and in the context of the newest handle. */
const adopt = (shared: SharedThread, handle: SharingHandle, turn: Engine.AdoptedTurn): void => {
  const running = makeTurn(turn.turnId)
  shared.adopted.add(running)
  const adopted = TurnAttempts.run(
    handle,
    running,
    {
      request: { _tag: "Adopted", turn },
      // A turn that outlives its handles has the limits of the caller that started it, or that finds it by its key.
      options: handle.isDetached ? { timeout: Duration.infinity } : {},
      output: StructuredOutput.none,
      publish: (event) => observeTurn(running, event)
    },
    contextOf(shared, handle)
  )
  const fiber = adopted.pipe(
    Effect.exit,
    // The turn of a goal that this library ends is not the goal's last: Codex would go on after the next turn.
    Effect.tap((exit) =>
      Exit.isFailure(exit) && !running.isLeft ? stopGoal(shared, handle.engine.goals, "pause") : Effect.void
    ),
    Effect.tap((exit) =>
      Effect.sync(() => {
        shared.adopted.delete(running)
        const error = Exit.isSuccess(exit)
          ? undefined
          : Option.getOrElse(Exit.findErrorOption(exit), () => interrupted)
        const turn = Exit.isSuccess(exit) ? exit.value[0] : error?.turn
        for (const { onTurnEnd } of shared.listeners) onTurnEnd(turn, error)
      })
    ),
    Effect.onExit((exit) =>
      Effect.sync(() => {
        shared.adopted.delete(running)
        endTurn(running, Exit.isSuccess(exit) ? exit.value : Exit.fail(interrupted))
      })
    )
  )
  Effect.runForkWith(handle.services)(fiber)
  // The last handle has closed while Codex started the turn.
  if (shared.members.open.size === 0) stopAdopted(shared)
}

/** A handle that is about to open. */
export interface Opening {
  readonly observer: Engine.ThreadObserver
  /** Adds the handle to its thread until the scope closes. Then the last handle ends what Codex has started by itself. */
  readonly open: (
    engine: Engine.EngineThread,
    context: TurnRunner.ThreadContext,
    budget: Budget.Budget
  ) => Effect.Effect<SharingHandle, never, Scope.Scope>
}

/** Prepares to open a handle: Codex may start a turn before it has replied that the thread is open. */
export const opening = (
  threads: SharedThreads,
  isDetached: (engine: Engine.EngineThread) => boolean = () => false
): Opening => {
  let handle: SharingHandle | undefined
  const waiting: Array<(handle: SharingHandle) => void> = []
  const whenOpen = (act: (handle: SharingHandle) => void) => {
    if (handle === undefined) waiting.push(act)
    else act(handle)
  }
  return {
    observer: {
      onTurn: (turn) => whenOpen((handle) => adopt(handle.shared, newest(handle.shared) ?? handle, turn)),
      onGoal: (goal) =>
        whenOpen(({ services, shared }) => {
          // The engine calls the observer of each handle.
          if (shared.goal === goal) return
          shared.goal = goal
          const at = Context.get(services, Clock.Clock).currentTimeMillisUnsafe()
          ThreadMembers.publishGoal(shared.members, goal, at)
          for (const { onGoal } of shared.listeners) onGoal(goal)
        }),
      onRestart: (id) =>
        whenOpen(({ shared }) => {
          if (threads.get(shared.id) === shared) threads.delete(shared.id)
          shared.id = id
          threads.set(id, shared)
        }),
      onExit: (error) =>
        whenOpen(({ shared }) => {
          shared.goal = undefined
          for (const { onExit } of shared.listeners) onExit(error)
        })
    },
    open: (engine, context, budget) =>
      Effect.acquireRelease(
        Effect.contextWith((services: Context.Context<never>) =>
          Effect.sync(() => {
            const shared: SharedThread = threads.get(engine.id) ?? makeShared(engine.id)
            threads.set(engine.id, shared)
            const opened: SharingHandle = {
              engine,
              context,
              budget,
              services,
              shared,
              isDetached: isDetached(engine),
              turns: new Set(),
              members: shared.members,
              onExhausted: engine.goals === undefined ? undefined : pauseExhausted(shared, engine.goals),
              activity: ThreadMembers.makeActivity(services),
              spent: Budget.zero,
              model: undefined,
              hasFallenBack: false
            }
            ThreadMembers.join(shared.members, opened)
            handle = opened
            for (const act of waiting.splice(0)) act(opened)
            return opened
          })
        ),
        (opened) =>
          Effect.suspend(() => {
            const { activity, engine, shared } = opened
            shared.members.open.delete(opened)
            const isLast = shared.members.open.size === 0
            if (isLast && threads.get(shared.id) === shared) threads.delete(shared.id)
            const ending = isLast ? interrupt(shared, engine, "pause") : Effect.void
            return Effect.ensuring(
              opened.isDetached ? leave(shared, opened, isLast) : ending,
              Effect.sync(() => ThreadMembers.closeActivity(activity))
            )
          })
      )
  }
}
