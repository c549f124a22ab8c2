/**
 * What the replayed handles of a thread share: the running turn, and what happens that the program does not request. It
 * happens after the same actions of the program as in the recording, and after the same time.
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as CodexError from "../../domain/CodexError.ts"
import type * as Goal from "../../domain/Goal.ts"
import type * as Terminal from "../../domain/Terminal.ts"
import type * as TurnOptions from "../../domain/TurnOptions.ts"
import type * as Engine from "../../engine/Engine.ts"
import type * as CassetteFormat from "./CassetteFormat.ts"
import type * as Replay from "./Replay.ts"

/** A steering input that waits for its recorded outcome. */
export interface Steer {
  readonly input: TurnOptions.TurnInput
  readonly done: Deferred.Deferred<void, CodexError.RequestError>
}

/** Something that happens without a request. */
export interface PendingEvent {
  readonly due: CassetteFormat.Due
  /** Whether it starts a turn. */
  readonly startsTurn: boolean
  readonly happen: Effect.Effect<void>
}

type Listener = Queue.Queue<Terminal.TerminalEvent, Cause.Done>

export interface ReplayedThread {
  /** The inputs with which the program steers the running turn. */
  steers: Queue.Queue<Steer> | undefined
  /** The observers of the open handles, oldest first. */
  readonly observers: Set<Engine.ThreadObserver>
  /** Adds what happens without a request while a handle is open. */
  readonly add: (pending: ReadonlyArray<PendingEvent>) => void
  /** Counts an action, as `CassetteFormat.Due` lists them, and forks what follows from it. */
  readonly act: Effect.Effect<void>
  /** Passes a turn that the engine starts by itself to the newest handle. */
  readonly adopt: (turn: Engine.AdoptedTurn) => void
  /** Runs a turn that the program requests. A turn that the engine starts by itself waits for its end. */
  readonly runRequested: <A, E>(turn: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** Waits until no turn runs or is about to start that the engine starts by itself. */
  readonly settled: Effect.Effect<void>
  readonly goal: (goal: Goal.Goal | undefined) => void
  readonly exit: (error: CodexError.TurnError) => void
  readonly terminal: (event: Terminal.TerminalEvent) => Effect.Effect<void>
  /** The events of the background terminals, until the scope of the replay closes. */
  readonly watch: Stream.Stream<Terminal.TerminalEvent>
}

/** Makes a thread whose events stop with this scope. */
export const make = (replay: Replay.Replay, scope: Scope.Scope): ReplayedThread => {
  let actions = 0
  let waiting: ReadonlyArray<PendingEvent> = []
  /** Turns that are about to start or run. Each completes with its end. */
  const starting = new Map<PendingEvent, Deferred.Deferred<void>>()
  const running = new Set<Deferred.Deferred<void>>()
  /** Turns that the program has requested and that run. */
  const requested = new Set<Deferred.Deferred<void>>()
  const observers = new Set<Engine.ThreadObserver>()
  const listeners = new Set<Listener>()

  /** Waits until the thread runs no turn. */
  const idle: Effect.Effect<void> = Effect.suspend(() => {
    const [next] = [...running, ...requested]
    return next === undefined ? Effect.void : Effect.andThen(Deferred.await(next), idle)
  })

  const play = (due: ReadonlyArray<PendingEvent>): Effect.Effect<void> =>
    Effect.gen(function* () {
      let waited = 0
      for (const pending of due) {
        yield* replay.sleep(pending.due.wait - waited)
        waited = Math.max(waited, pending.due.wait)
        // Codex may start a turn before the recorder counts the end of the previous one as an action. The handle learns of
        // that end first, also with instant timing.
        if (pending.startsTurn) yield* Effect.andThen(idle, Effect.yieldNow)
        yield* pending.happen
        const started = starting.get(pending)
        starting.delete(pending)
        if (started !== undefined) yield* Deferred.succeed(started, undefined)
      }
    })

  const settled: Effect.Effect<void> = Effect.suspend(() => {
    const [next] = [...starting.values(), ...running]
    return next === undefined ? Effect.void : Effect.andThen(Deferred.await(next), settled)
  })

  const fork = Effect.suspend(() => {
    const due = waiting
      .filter(({ due }) => due.after <= actions)
      .toSorted((a, b) => a.due.after - b.due.after || a.due.wait - b.due.wait)
    if (due.length === 0) return Effect.void
    waiting = waiting.filter((pending) => !due.includes(pending))
    for (const pending of due) if (pending.startsTurn) starting.set(pending, Deferred.makeUnsafe())
    return Effect.asVoid(Effect.forkIn(play(due), scope, { startImmediately: true }))
  })

  return {
    steers: undefined,
    observers,
    add: (pending) => void (waiting = [...waiting, ...pending]),
    act: Effect.suspend(() => {
      actions++
      return fork
    }),
    adopt: ({ run, turnId }) => {
      const newest = [...observers].at(-1)
      if (newest === undefined) return
      const ended = Deferred.makeUnsafe<void>()
      running.add(ended)
      newest.onTurn({
        turnId,
        run: (options, handlers) =>
          Effect.ensuring(
            run(options, handlers),
            Effect.sync(() => {
              running.delete(ended)
              Deferred.doneUnsafe(ended, Exit.void)
            })
          )
      })
    },
    runRequested: (turn) =>
      Effect.suspend(() => {
        const ended = Deferred.makeUnsafe<void>()
        requested.add(ended)
        return Effect.ensuring(
          turn,
          Effect.sync(() => {
            requested.delete(ended)
            Deferred.doneUnsafe(ended, Exit.void)
          })
        )
      }),
    settled,
    goal: (goal) => {
      for (const { onGoal } of observers) onGoal(goal)
    },
    exit: (error) => {
      for (const { onExit } of observers) onExit(error)
    },
    terminal: (event) =>
      Effect.map(Clock.currentTimeMillis, (at) => {
        for (const listener of listeners) Queue.offerUnsafe(listener, { ...event, at })
      }),
    watch: Stream.unwrap(
      Effect.gen(function* () {
        const listener: Listener = yield* Queue.unbounded<Terminal.TerminalEvent, Cause.Done>()
        listeners.add(listener)
        yield* Effect.addFinalizer(() => Effect.sync(() => listeners.delete(listener)))
        return Stream.fromQueue(listener)
      })
    )
  }
}
