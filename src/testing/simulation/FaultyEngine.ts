/** An engine that fails in every way an engine can, in an order that a seed determines. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as CodexError from "../../domain/CodexError.ts"
import { ItemId, ThreadId, TurnId } from "../../domain/Ids.ts"
import type * as TurnOptions from "../../domain/TurnOptions.ts"
import { text } from "../../domain/TurnOptions.ts"
import * as Engine from "../../engine/Engine.ts"
import * as NotificationHub from "../../engine/NotificationHub.ts"
import * as Scripted from "../Scripted.ts"
import * as ScriptedThreads from "../scripted/ScriptedThreads.ts"
import * as FaultyAgents from "./FaultyAgents.ts"
import * as FaultyLimits from "./FaultyLimits.ts"
import * as FaultyTerminals from "./FaultyTerminals.ts"
import * as FaultyTurn from "./FaultyTurn.ts"
import * as NotificationObserver from "./NotificationObserver.ts"
import * as SeededRandom from "./SeededRandom.ts"

/** The maximum time to stop a turn. After this grace period the real engine kills its process. */
export const interruptGrace = 5000

interface PlayOptions {
  /** Whether a caller has requested the turn. */
  readonly isRequested: boolean
  readonly isReview?: boolean
  readonly terminals?: TurnOptions.TerminalPolicy | undefined
  readonly subAgents?: TurnOptions.SubAgents | undefined
}

/** The faulty engine, which logs to the history. Everything except turns comes from the scripted engine. */
export const layer = (options: FaultyTurn.FaultyEngineOptions): Layer.Layer<Engine.Engine> =>
  Layer.effect(
    Engine.Engine,
    Effect.gen(function* () {
      const { faults, history, seed } = options
      const scripted = yield* Engine.Engine
      const scope = yield* Effect.scope
      const notifications = NotificationHub.make()
      const notify = NotificationObserver.sender(notifications, history)
      const limits = FaultyLimits.make(options, notifications)
      const terminals = FaultyTerminals.make(history)
      let crash = Deferred.makeUnsafe<never, CodexError.EngineExited>()
      const turns = new Map<string, number>()
      const shared = new Map<ThreadId, ScriptedThreads.ScriptedThread>()
      const sharedThread = (id: ThreadId) => {
        const thread = shared.get(id) ?? ScriptedThreads.make()
        shared.set(id, thread)
        return thread
      }

      const crashEngine = Effect.sync(() => {
        history.log(undefined, "the engine crashes")
        terminals.clear()
        const error = new CodexError.EngineExited({ signal: "SIGKILL", stderr: "" })
        const previous = crash
        crash = Deferred.makeUnsafe()
        Deferred.doneUnsafe(previous, Exit.fail(error))
        for (const [id, thread] of shared) {
          thread.goal = undefined
          history.goals.delete(id)
          for (const { onExit } of thread.observers) onExit(error)
        }
      })

      const setGoal = (id: ThreadId, goal: Parameters<typeof ScriptedThreads.setGoal>[1]) => {
        history.log(id, `the goal is ${goal?.status ?? "cleared"}`)
        if (goal === undefined) history.goals.delete(id)
        else history.goals.set(id, goal.status)
        ScriptedThreads.setGoal(sharedThread(id), goal)
      }

      const runTurn = (
        thread: Engine.EngineThread,
        settings: Engine.EngineThreadOptions,
        input: string,
        handlers: Engine.Handlers,
        played: PlayOptions
      ): Effect.Effect<void, CodexError.TurnError> =>
        Effect.suspend(() => {
          const { isRequested, isReview = false, subAgents = "interrupt" } = played
          // Seed each turn by its thread and number, so that its faults do not depend on how turns interleave.
          const number = (turns.get(thread.id) ?? 0) + 1
          turns.set(thread.id, number)
          const name = `${thread.id}.${number}`
          const random = SeededRandom.make(seed, `turn ${name}`)
          const engineTurn = history.begin(thread.id, input, isRequested)
          history.count(isReview ? "reviews" : isRequested ? "requested turns" : "turns of the engine itself")
          const turnId = TurnId.make(`turn-${name}`)
          const agents = FaultyAgents.make(options, thread.id, turnId, settings)
          const turn: FaultyTurn.FaultyTurn = {
            engineTurn,
            handlers: {
              ...handlers,
              // Codex sends a notification before each event, so every event sends one here.
              emit: (event) => {
                notify(thread.id)
                history.count("notifications")
                handlers.emit(event)
              }
            },
            random,
            turnId,
            options: settings,
            settings: options,
            background: SeededRandom.make(seed, `background ${name}`),
            left: new Map(),
            root: {
              isReview,
              startAgent: (name) => agents.start(handlers, name),
              reportLimit: limits.report(name),
              exhaustLimit: limits.exhaust(name, engineTurn),
              goal: () => sharedThread(thread.id).goal,
              setGoal: (goal) => setGoal(thread.id, goal)
            }
          }
          const emitLate = Effect.suspend(() => {
            if (!random.chance(faults.disorder)) return Effect.void
            const item = {
              _tag: "AgentMessage",
              id: ItemId.make(`late-${turnId}`),
              text: "too late"
            } as const
            return Effect.sync(() => handlers.emit({ _tag: "ItemCompleted", item, at: history.now() })).pipe(
              Effect.delay(random.oneOf([1, 50, 1_000])),
              Effect.forkIn(scope),
              Effect.asVoid
            )
          })
          const performed = Effect.andThen(FaultyTurn.play(turn, input, crashEngine), agents.end(subAgents))
          return Effect.raceFirst(performed, Deferred.await(crash)).pipe(
            Effect.onExit((exit) =>
              Effect.gen(function* () {
                yield* agents.end("interrupt")
                const isInterrupted = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
                const hasCrashed = Exit.findErrorOption(exit).pipe(
                  Option.exists(({ _tag }) => _tag === "EngineExited")
                )
                history.count("background commands", turn.left.size)
                terminals.settle(turn, played.terminals ?? "keep", isInterrupted || hasCrashed)
                if (isInterrupted) {
                  history.log(thread.id, `is asked to stop ${turnId}`)
                  const stopTime = random.chance(faults.slowInterrupt) ? interruptGrace : random.below(100)
                  yield* Effect.sleep(stopTime)
                }
                history.end(engineTurn, FaultyTurn.describeExit(exit))
                yield* emitLate
              })
            )
          )
        })

      /** Starts a turn later, if no other turn of the thread runs by then. */
      const startLater = (
        thread: Engine.EngineThread,
        settings: Engine.EngineThreadOptions,
        isDue: (random: SeededRandom.Random) => boolean
      ) =>
        Effect.suspend(() => {
          const name = `${thread.id}.${turns.get(thread.id) ?? 0}`
          const random = SeededRandom.make(seed, `after ${name}`)
          if (!isDue(random)) return Effect.void
          const start = Effect.sync(() => {
            const state = sharedThread(thread.id)
            if (state.running || state.adopted !== undefined) return
            ScriptedThreads.adopt(state, TurnId.make(`adopted-${name}`), (ending, handlers) =>
              play(thread, settings, "", handlers, { ...ending, isRequested: false })
            )
          })
          return start.pipe(
            Effect.delay(random.oneOf([1, 5, 50, 2_000])),
            Effect.forkIn(scope),
            Effect.asVoid
          )
        })

      const play = (
        thread: Engine.EngineThread,
        settings: Engine.EngineThreadOptions,
        input: string,
        handlers: Engine.Handlers,
        options: PlayOptions
      ): Effect.Effect<void, CodexError.TurnError> => {
        const state = sharedThread(thread.id)
        const run = runTurn(thread, settings, input, handlers, options)
        const turn = Effect.ensuring(
          ScriptedThreads.runTurn(state, run, () => {}),
          startLater(
            thread,
            settings,
            (random) => random.chance(faults.adopted) || state.goal?.status === "active"
          )
        )
        return options.isRequested ? Effect.andThen(ScriptedThreads.settled(state), turn) : turn
      }

      /** The goal of a thread. After each turn the engine starts the next one, until the goal ends. */
      const goalsOf = (
        thread: Engine.EngineThread,
        settings: Engine.EngineThreadOptions
      ): Engine.ThreadGoals => ({
        set: ({ objective }) =>
          Effect.suspend(() => {
            history.count("goals")
            setGoal(thread.id, { objective, status: "active", tokensUsed: 0 })
            return startLater(thread, settings, () => true)
          }),
        stop: (how) =>
          Effect.sync(() => {
            const { goal } = sharedThread(thread.id)
            if (goal !== undefined)
              setGoal(thread.id, how === "clear" ? undefined : { ...goal, status: "paused" })
          })
      })

      const makeFaulty = (thread: Engine.EngineThread, settings: Engine.EngineThreadOptions) =>
        Effect.as(
          Effect.andThen(
            terminals.open(thread.id),
            ScriptedThreads.observe(sharedThread(thread.id), settings.observer)
          ),
          {
            ...thread,
            terminals: terminals.of(thread.id),
            goals: settings.goals === true ? goalsOf(thread, settings) : undefined,
            settled: ScriptedThreads.settled(sharedThread(thread.id)),
            turn: (input, { subAgents, terminals }, handlers) =>
              play(thread, settings, text(input), handlers, { isRequested: true, subAgents, terminals }),
            review: (_, handlers) =>
              play(thread, settings, "review", handlers, { isRequested: true, isReview: true }),
            compact: (handlers) => play(thread, settings, "compact", handlers, { isRequested: true })
          } satisfies Engine.EngineThread
        )

      return Engine.Engine.of({
        ...scripted,
        subscribe: notifications.subscribe,
        startThread: (settings) =>
          Effect.flatMap(scripted.startThread(settings), (thread) => makeFaulty(thread, settings)),
        resumeThread: (id, settings) =>
          Effect.flatMap(scripted.resumeThread(ThreadId.make(id), settings), (thread) =>
            makeFaulty(thread, settings)
          ),
        forkThread: (id, settings) =>
          Effect.flatMap(scripted.forkThread(id, settings), (thread) => makeFaulty(thread, settings))
      })
    })
  ).pipe(Layer.provide(Layer.fresh(Scripted.layer)))
