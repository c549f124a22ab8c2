/** What a scripted engine does on a thread without a request: goals, their turns, and sub-agents that outlive a turn. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as CodexError from "../../domain/CodexError.ts"
import type * as Goal from "../../domain/Goal.ts"
import { ThreadId, TurnId } from "../../domain/Ids.ts"
import type * as Engine from "../../engine/Engine.ts"
import type { ScriptedStep, ScriptedTurn } from "./ScriptedTurn.ts"

/** A turn that the engine starts by itself, without a goal. */
export interface QueuedTurn {
  readonly input: string
  /** What the turn plays; `undefined`: the next steps of the script. */
  readonly steps: ReadonlyArray<ScriptedStep> | undefined
}

/** What the handles of a scripted thread share. */
export interface ScriptedThread {
  /** The observers of the open handles, oldest first. */
  readonly observers: Set<Engine.ThreadObserver>
  goal: Goal.Goal | undefined
  /** Completes with the turn that the engine has started by itself. */
  adopted: Deferred.Deferred<void> | undefined
  /** Whether a turn runs. */
  running: boolean
  /** The turns that the engine starts by itself after the current turn, the next one first. */
  readonly queued: Array<QueuedTurn>
}

export const make = (): ScriptedThread => ({
  observers: new Set(),
  goal: undefined,
  adopted: undefined,
  running: false,
  queued: []
})

/** Adds the observer of a handle until the scope closes. */
export const observe = (
  thread: ScriptedThread,
  observer: Engine.ThreadObserver | undefined
): Effect.Effect<void, never, Scope.Scope> =>
  observer === undefined
    ? Effect.void
    : Effect.acquireRelease(
        Effect.sync(() => void thread.observers.add(observer)),
        () => Effect.sync(() => void thread.observers.delete(observer))
      )

export const setGoal = (thread: ScriptedThread, goal: Goal.Goal | undefined): void => {
  thread.goal = goal
  for (const { onGoal } of thread.observers) onGoal(goal)
}

/** A turn for a goal, which has no input of its own. */
const goalTurn: QueuedTurn = { input: "", steps: undefined }

/** Runs a turn, and then starts the next turn of the queue, or for the goal if the turn has completed. */
export const runTurn = (
  thread: ScriptedThread,
  turn: Effect.Effect<void, CodexError.TurnError>,
  startNext: (next: QueuedTurn) => void
): Effect.Effect<void, CodexError.TurnError> =>
  Effect.suspend(() => {
    thread.running = true
    return Effect.onExit(turn, (exit) =>
      Effect.sync(() => {
        thread.running = false
        const next = thread.queued.shift()
        if (next !== undefined) startNext(next)
        else if (Exit.isSuccess(exit) && thread.goal?.status === "active") startNext(goalTurn)
      })
    )
  })

/** Starts a turn of its own, as Codex does, and passes it to the newest handle. */
export const adopt = (
  thread: ScriptedThread,
  turnId: TurnId,
  run: (
    options: Pick<Engine.EngineTurnOptions, "subAgents" | "terminals">,
    handlers: Engine.Handlers
  ) => Effect.Effect<void, CodexError.TurnError>
): void => {
  const newest = [...thread.observers].at(-1)
  if (newest === undefined) return
  const over = Deferred.makeUnsafe<void>()
  thread.adopted = over
  newest.onTurn({
    turnId,
    run: (options, handlers) =>
      Effect.ensuring(
        run(options, handlers),
        Effect.sync(() => endAdopted(thread, over))
      )
  })
}

/** Ends a turn that the engine has started by itself. */
export const endAdopted = (thread: ScriptedThread, over: Deferred.Deferred<void>): void => {
  if (thread.adopted === over) thread.adopted = undefined
  Deferred.doneUnsafe(over, Exit.void)
}

/** Waits until the engine runs no turn that it has started by itself. */
export const settled = (thread: ScriptedThread): Effect.Effect<void> =>
  Effect.suspend(() =>
    thread.adopted === undefined
      ? Effect.void
      : Effect.andThen(Deferred.await(thread.adopted), settled(thread))
  )

/** Makes the goals of a thread, if it has goals. */
export const goals = (
  thread: ScriptedThread,
  options: Engine.EngineThreadOptions,
  startNext: (next: QueuedTurn) => void
): Engine.ThreadGoals | undefined =>
  options.goals !== true
    ? undefined
    : {
        set: (goal) =>
          Effect.sync(() => {
            setGoal(thread, {
              objective: goal.objective,
              status: "active",
              tokensUsed: 0,
              ...(goal.tokenBudget === undefined ? {} : { tokenBudget: goal.tokenBudget })
            })
            if (!thread.running) startNext(goalTurn)
          }),
        stop: (how) =>
          Effect.sync(() => {
            if (thread.goal === undefined) return
            setGoal(thread, how === "clear" ? undefined : { ...thread.goal, status: "paused" })
          })
      }

/** The sub-agents of one turn. */
export interface ScriptedAgents {
  readonly start: (turn: ScriptedTurn, steps: ReadonlyArray<ScriptedStep>) => Effect.Effect<void>
  /** Ends the sub-agents that still work, or waits for them. */
  readonly end: (mode: "interrupt" | "await") => Effect.Effect<void>
}

const endOf = (exit: Exit.Exit<void, CodexError.TurnError>): "completed" | CodexError.TurnError =>
  Exit.isSuccess(exit)
    ? "completed"
    : (exit.cause.reasons.find(Cause.isFailReason)?.error ?? new CodexError.TurnInterrupted({ by: "codex" }))

export const makeAgents = (turnId: TurnId): ScriptedAgents => {
  const working = new Set<Fiber.Fiber<void>>()
  let count = 0
  return {
    start: (turn, steps) =>
      Effect.gen(function* () {
        const name = `${turnId}_agent_${++count}`
        const agent = { threadId: ThreadId.make(name), turnId: TurnId.make(`${name}_turn`) }
        const handlers = turn.handlers.agent?.(agent)
        if (handlers === undefined) return
        const at = yield* Clock.currentTimeMillis
        handlers.emit({ _tag: "TurnStarted", ...agent, rootTurnId: turnId, at })
        const playing = Effect.forEach(steps, (step) => step.play({ ...turn, ...agent, handlers }), {
          discard: true
        })
        const fiber = yield* playing.pipe(
          Effect.exit,
          Effect.onExit((exit) =>
            Effect.sync(() => handlers.end(Exit.isSuccess(exit) ? endOf(exit.value) : endOf(exit)))
          ),
          Effect.asVoid,
          Effect.forkDetach({ startImmediately: true })
        )
        working.add(fiber)
        fiber.addObserver(() => working.delete(fiber))
      }),
    end: (mode) =>
      Effect.suspend(() =>
        mode === "await" ? Effect.asVoid(Fiber.awaitAll(working)) : Fiber.interruptAll(working)
      )
  }
}
