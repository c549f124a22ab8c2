/** One app-server process, the threads that are loaded on it and the turns that run on it. */
import type * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as Goal from "../../domain/Goal.ts"
import * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as Engine from "../Engine.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import type * as RawRequests from "./RawRequests.ts"
import type * as CommandExec from "./CommandExec.ts"
import * as BackgroundTerminals from "./BackgroundTerminals.ts"
import * as RunningTurn from "./RunningTurn.ts"
import * as LeftTurns from "./LeftTurns.ts"
import type * as LoadSettings from "./LoadSettings.ts"
import * as SubAgents from "./SubAgents.ts"
import * as WireSettings from "./WireSettings.ts"

/** A handle of a loaded thread. */
export interface ThreadHolder {
  readonly observer: Engine.ThreadObserver | undefined
  /** Whether the thread has goals. */
  readonly goals: boolean
  /** The turns that Codex has started by itself and that wait for the handle to open, which runs them. */
  readonly unclaimed: Map<RunningTurn.RunningTurn, Engine.AdoptedTurn>
  /** Whether closing the handle leaves running what runs on the thread. */
  isDetached: boolean
  /** The working directory of the thread. */
  cwd: () => string
}

/** A thread that is loaded on a process and shared by its handles. */
export interface LoadedThread {
  /** The open handles, oldest first. */
  readonly holders: Set<ThreadHolder>
  /** The settings in force, as Codex last reported them. */
  settings: WireSettings.Reported | undefined
  /** The handle whose settings are in force. Any other handle sends its own settings with its next turn. */
  settingsOwner: object | undefined
  /** The summary in force before a handle first set another one; its value is unknown unless Codex has reported it. */
  summaryBefore: { readonly value: string | undefined } | undefined
  /** The settings that Codex read when it loaded the thread. */
  loadSettings: LoadSettings.LoadSettings | undefined
  /** The instructions that the model received last. `undefined` if they are unknown. */
  instructions: string | undefined
  goal: Goal.Goal | undefined
  /** Completes when the turn starts that Codex is about to start for the goal. */
  nextTurn: Deferred.Deferred<void> | undefined
  /** Codex treats a second `turn/start` as a steer of the first, so turns of all handles run one at a time. */
  readonly turns: Semaphore.Semaphore
}

export interface Session {
  readonly process: AppServerProcess.Process
  readonly rawRequests: RawRequests.RawRequests
  /** The running turns by thread id. */
  readonly runningTurns: Map<string, RunningTurn.RunningTurn>
  /** The last reported token total of each open thread, by thread id. */
  readonly usageTotals: Map<string, string>
  /** The commands that the program runs without a thread. */
  readonly commands: CommandExec.RunningCommands
  /** The running commands of all threads. */
  readonly terminals: BackgroundTerminals.Registry
  readonly loadedThreads: Map<string, LoadedThread>
  readonly scope: Scope.Closeable
}

export const loadedThread = (
  { loadedThreads, usageTotals }: Pick<Session, "loadedThreads" | "usageTotals">,
  threadId: ThreadId
): LoadedThread => {
  const known = loadedThreads.get(threadId)
  if (known !== undefined) return known
  const loaded: LoadedThread = {
    holders: new Set(),
    settings: undefined,
    settingsOwner: undefined,
    summaryBefore: undefined,
    loadSettings: undefined,
    instructions: undefined,
    goal: undefined,
    nextTurn: undefined,
    turns: Semaphore.makeUnsafe(1)
  }
  loadedThreads.set(threadId, loaded)
  usageTotals.set(threadId, "")
  return loaded
}

/** Records the settings that Codex reports with `thread/settings/updated`. */
export const recordSettings = (loadedThreads: ReadonlyMap<string, LoadedThread>, params: unknown): void => {
  const update = WireSettings.fromUpdate(params, (threadId) => loadedThreads.get(threadId)?.settings)
  const loaded = update === undefined ? undefined : loadedThreads.get(update.threadId)
  if (update !== undefined && loaded !== undefined) loaded.settings = update.settings
}

/** Passes the turns that a closing handle has not run to the newest other handle, or interrupts them. */
const passOn = (
  { process }: Session,
  { holders }: LoadedThread,
  { isDetached, unclaimed }: ThreadHolder
): Effect.Effect<void> =>
  Effect.forEach(
    [...unclaimed],
    ([turn, adopted]) => {
      const next = [...holders].findLast(({ observer }) => observer !== undefined)
      if (next?.observer !== undefined) {
        next.unclaimed.set(turn, adopted)
        return Effect.sync(() => next.observer?.onTurn(adopted))
      }
      if (isDetached) return LeftTurns.leave(turn, Effect.succeed(true))
      return Effect.ensuring(
        SubAgents.interruptTurn(process, turn),
        Effect.sync(() => RunningTurn.end(turn, new CodexError.TurnInterrupted({ by: "caller" })))
      )
    },
    { discard: true }
  )

/**
 * Adds a holder to a thread for the lifetime of the scope. When the last holder leaves, the thread's background terminals
 * end and Codex unloads the thread.
 */
export const acquire = (
  session: Session,
  threadId: ThreadId,
  holder: ThreadHolder
): Effect.Effect<LoadedThread, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const loaded = loadedThread(session, threadId)
      loaded.holders.add(holder)
      return loaded
    }),
    (loaded) => {
      loaded.holders.delete(holder)
      const { process, runningTurns, terminals } = session
      const unsubscribe = Effect.suspend(() => {
        if (loaded.holders.size > 0) return Effect.void
        session.loadedThreads.delete(threadId)
        session.usageTotals.delete(threadId)
        // Codex would run them until the process ends (openai/codex#42717).
        const ending = holder.isDetached
          ? Effect.void
          : BackgroundTerminals.endAll(process, terminals, threadId)
        const left = runningTurns.get(threadId)
        return ending.pipe(
          Effect.andThen(Effect.sync(() => terminals.forget(threadId))),
          Effect.andThen(
            left?.isLeft === true
              ? LeftTurns.forget(process, runningTurns, left)
              : LeftTurns.unsubscribe(process, threadId)
          )
        )
      })
      /** The other handles adopt a turn that this one has left. */
      const handOver = Effect.suspend(() => {
        const left = runningTurns.get(threadId)
        if (left?.isLeft !== true) return Effect.void
        return Effect.andThen(
          LeftTurns.forget(process, runningTurns, left),
          Effect.ignore(process.connection.request("thread/resume", { threadId, excludeTurns: true }))
        )
      })
      return Effect.andThen(
        passOn(session, loaded, holder),
        // The last holder waits for its interrupted turn to end. Other holders do not wait.
        Effect.suspend(() => (loaded.holders.size > 0 ? handOver : loaded.turns.withPermits(1)(unsubscribe)))
      )
    }
  )
