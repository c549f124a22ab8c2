/** One process and what runs on it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import type * as RunningTurn from "./RunningTurn.ts"

/** One conversation on a process, however many hold it. */
interface LoadedThread {
  holders: number
  /** Codex takes a second `turn/start` for a steer of the first: one at a time, whoever asks. */
  readonly turns: Semaphore.Semaphore
}

export interface Session {
  readonly process: AppServerProcess.Process
  /** The turns that run, by their thread. */
  readonly runningTurns: Map<string, RunningTurn.RunningTurn>
  /** What each open thread is known to have used. */
  readonly usageTotals: Map<string, string>
  readonly loadedThreads: Map<string, LoadedThread>
  readonly scope: Scope.Closeable
}

export const loadedThread = (
  { loadedThreads, usageTotals }: Pick<Session, "loadedThreads" | "usageTotals">,
  threadId: ThreadId
): LoadedThread => {
  const known = loadedThreads.get(threadId)
  if (known !== undefined) return known
  const conversation = { holders: 0, turns: Semaphore.makeUnsafe(1) }
  loadedThreads.set(threadId, conversation)
  usageTotals.set(threadId, "")
  return conversation
}

/** Makes one more holder of a conversation; with the last one Codex lets go of it. */
export const acquire = (
  session: Session,
  threadId: ThreadId
): Effect.Effect<LoadedThread, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const conversation = loadedThread(session, threadId)
      conversation.holders++
      return conversation
    }),
    (conversation) => {
      conversation.holders--
      const unsubscribe = Effect.suspend(() => {
        if (conversation.holders > 0) return Effect.void
        session.loadedThreads.delete(threadId)
        session.usageTotals.delete(threadId)
        const { connection } = session.process
        return Effect.ignore(connection.request("thread/unsubscribe", { threadId }, { timeout: "1 second" }))
      })
      // A turn that is being interrupted is heard to its end, one of another holder is not waited for.
      return conversation.holders > 0 ? Effect.void : conversation.turns.withPermits(1)(unsubscribe)
    }
  )
