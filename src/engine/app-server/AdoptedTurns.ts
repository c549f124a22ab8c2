/** Turns that Codex starts by itself on an open thread, for example for a goal: the newest handle adopts them. */
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as Turn from "../../domain/Turn.ts"
import type * as Engine from "../Engine.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import type * as AppServerSession from "./AppServerSession.ts"
import type * as Goals from "./Goals.ts"
import * as LateSubAgents from "./LateSubAgents.ts"
import type * as MessageRouter from "./MessageRouter.ts"
import * as RunningTurn from "./RunningTurn.ts"
import type * as SubAgents from "./SubAgents.ts"
import * as TurnDriver from "./TurnDriver.ts"

/** What runs the handlers of a turn: its caller's handlers and context. */
interface Caller {
  readonly handlers: Engine.Handlers
  readonly fork: RunningTurn.RunningTurn["fork"]
}

/** Returns handlers that keep events and requests until the turn has a caller. */
const waitForCaller = (fork: RunningTurn.RunningTurn["fork"]) => {
  const events: Array<Turn.EngineEvent> = []
  const known = Deferred.makeUnsafe<Engine.Handlers>()
  let caller: Caller | undefined
  const handlers: Engine.Handlers = {
    emit: (event) => (caller === undefined ? void events.push(event) : caller.handlers.emit(event)),
    approve: (request) => Effect.flatMap(Deferred.await(known), ({ approve }) => approve(request)),
    callTool: (call) => Effect.flatMap(Deferred.await(known), ({ callTool }) => callTool(call)),
    agent: (turn) => caller?.handlers.agent?.(turn)
  }
  return {
    handlers,
    fork: <A>(effect: Effect.Effect<A>): Fiber.Fiber<A> =>
      caller === undefined ? fork(effect) : caller.fork(effect),
    setCaller: (next: Caller) => {
      for (const event of events.splice(0)) next.handlers.emit(event)
      caller = next
      Deferred.doneUnsafe(known, Exit.succeed(next.handlers))
    }
  }
}

/** From which age on a turn has started before this client learned of it. */
const lateMillis = 1000

/** Passes the starting turn of an open thread to the newest handle. Returns `undefined` if no handle adopts turns. */
const adopt = (
  session: AppServerSession.Session,
  { event, threadId, turnId }: SubAgents.Started,
  fork: RunningTurn.RunningTurn["fork"],
  clock: Clock.Clock
): RunningTurn.RunningTurn | undefined => {
  const loaded = session.loadedThreads.get(threadId)
  const holder = [...(loaded?.holders ?? [])].findLast(({ observer }) => observer !== undefined)
  if (loaded === undefined || holder?.observer === undefined) return undefined
  const { process, runningTurns, terminals } = session
  const waiting = waitForCaller(fork)
  const cwd = holder.cwd()
  const runningTurn = RunningTurn.make({
    threadId,
    cwd,
    handlers: {
      ...waiting.handlers,
      emit: (event) => {
        waiting.handlers.emit(event)
        // The summary may not contain the instructions of a handle.
        if (event._tag === "ItemCompleted" && event.item._tag === "ContextCompaction")
          loaded.instructions = undefined
      }
    },
    fork: waiting.fork,
    clock,
    adopted: true,
    rootTurnId: event._tag === "TurnStarted" ? event.rootTurnId : undefined,
    onEnd: () => {
      claim()
      if (runningTurns.get(threadId) === runningTurn) runningTurns.delete(threadId)
    }
  })
  const claim = () => {
    for (const { unclaimed } of loaded.holders) unclaimed.delete(runningTurn)
  }
  RunningTurn.step(runningTurn, { _tag: "Accepted", turnId })
  runningTurns.set(threadId, runningTurn)
  const now = clock.currentTimeMillisUnsafe()
  const adopted: Engine.AdoptedTurn = {
    turnId,
    // The history has whole seconds. A turn that Codex starts now is reported within a few milliseconds.
    ...(event.at > 0 && now - event.at > lateMillis ? { startedAt: event.at } : {}),
    run: (options, handlers) =>
      Effect.suspend(() => {
        claim()
        return TurnDriver.runAdopted(
          { threadId, cwd, process, runningTurns, terminals },
          runningTurn,
          options,
          (fork) => waiting.setCaller({ handlers, fork })
        )
      })
  }
  holder.unclaimed.set(runningTurn, adopted)
  holder.observer.onTurn(adopted)
  return runningTurn
}

/** How long Codex may take from the end of a goal's turn to the start of the next one. */
const continuationTime = Duration.seconds(1)

/** Records that a turn of a thread has completed: if the thread pursues a goal, Codex is about to start the next one. */
const onCompleted = (session: AppServerSession.Session, threadId: ThreadId): void => {
  const loaded = session.loadedThreads.get(threadId)
  if (loaded?.goal?.status !== "active" || ![...loaded.holders].some(({ goals }) => goals)) return
  loaded.nextTurn ??= Deferred.makeUnsafe()
}

/** Records that a turn of a thread has started, or that no further turn will. */
const onContinued = (session: AppServerSession.Session, threadId: ThreadId): void => {
  const loaded = session.loadedThreads.get(threadId)
  if (loaded?.nextTurn === undefined) return
  Deferred.doneUnsafe(loaded.nextTurn, Exit.void)
  loaded.nextTurn = undefined
}

/** Records the goal of a thread and passes it to the observers of the thread. */
export const onGoal = (session: AppServerSession.Session, { goal, threadId }: Goals.GoalChange): void => {
  const loaded = session.loadedThreads.get(threadId)
  if (loaded === undefined) return
  loaded.goal = goal
  if (goal?.status !== "active") onContinued(session, threadId)
  for (const { observer } of loaded.holders) observer?.onGoal(goal)
}

/** Passes the end of the process to the observers of all threads. */
const onExit = (session: AppServerSession.Session, error: AppServerProcess.ProcessEnd): void => {
  for (const { holders, nextTurn } of session.loadedThreads.values()) {
    if (nextTurn !== undefined) Deferred.doneUnsafe(nextTurn, Exit.void)
    for (const { observer } of holders) observer?.onExit(error)
  }
}

/** Returns the hooks of a process whose session may not have started yet. */
export const hooks = (
  session: () => AppServerSession.Session | undefined,
  fork: RunningTurn.RunningTurn["fork"],
  clock: Clock.Clock
): MessageRouter.ThreadHooks => {
  const whenStarted =
    <A>(act: (session: AppServerSession.Session, value: A) => void) =>
    (value: A) => {
      const started = session()
      if (started !== undefined) act(started, value)
    }
  return {
    adopt: (turn) => {
      const started = session()
      return started === undefined ? undefined : adopt(started, turn, fork, clock)
    },
    onLate: whenStarted((started, turn) => LateSubAgents.interrupt(started, turn, fork, clock)),
    onStarted: whenStarted(onContinued),
    onCompleted: whenStarted(onCompleted),
    onGoal: whenStarted(onGoal),
    onExit: whenStarted(onExit)
  }
}

/**
 * Waits until no turn runs that Codex started by itself, and none is about to start. A `turn/start` before that would be
 * added to the running turn as more input.
 */
export const settled = (session: AppServerSession.Session, threadId: ThreadId): Effect.Effect<void> =>
  Effect.suspend(() => {
    const runningTurn = session.runningTurns.get(threadId)
    if (runningTurn?.adopted === true && !RunningTurn.isOver(runningTurn))
      return Effect.andThen(Deferred.await(runningTurn.over), settled(session, threadId))
    const loaded = session.loadedThreads.get(threadId)
    if (loaded?.nextTurn === undefined) return Effect.void
    return Deferred.await(loaded.nextTurn).pipe(
      Effect.timeoutOption(continuationTime),
      Effect.andThen(
        Effect.suspend(() => {
          onContinued(session, threadId)
          return settled(session, threadId)
        })
      )
    )
  })
