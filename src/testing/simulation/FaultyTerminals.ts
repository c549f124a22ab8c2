/** The commands of the faulty engine that continue when their turn ends. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Item from "../../domain/Item.ts"
import type { TerminalPolicy } from "../../domain/TurnOptions.ts"
import type * as Engine from "../../engine/Engine.ts"
import * as FaultyTurn from "./FaultyTurn.ts"
import type { RunHistory } from "./History.ts"

export interface FaultyTerminals {
  /** Opens a handle to a thread. The commands of the thread end with the scope of its last handle. */
  readonly open: (threadId: string) => Effect.Effect<void, never, Scope.Scope>
  readonly of: (threadId: string) => Engine.EngineTerminals
  /** Reports the commands that a turn has left. An interruption ends all commands of the thread. */
  readonly settle: (turn: FaultyTurn.FaultyTurn, policy: TerminalPolicy, isInterrupted: boolean) => void
  /** Ends all commands. */
  readonly clear: () => void
}

export const make = (history: Pick<RunHistory, "runningCommands">): FaultyTerminals => {
  const { runningCommands } = history
  const threads = new Map<string, Map<string, Item.CommandExecution>>()
  const handles = new Map<string, number>()
  const end = (threadId: string, id: string) => {
    runningCommands.delete(id)
    return threads.get(threadId)?.delete(id) ?? false
  }
  const endAll = (threadId: string) => {
    for (const id of threads.get(threadId)?.keys() ?? []) runningCommands.delete(id)
    threads.delete(threadId)
  }
  return {
    open: (threadId) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => handles.set(threadId, (handles.get(threadId) ?? 0) + 1)),
          () =>
            Effect.sync(() => {
              const left = (handles.get(threadId) ?? 1) - 1
              handles.set(threadId, left)
              if (left === 0) endAll(threadId)
            })
        )
      ),
    of: (threadId) => ({
      list: Effect.sync(() =>
        Array.from(threads.get(threadId)?.values() ?? [], ({ command, cwd, id }) => ({
          processId: id,
          itemId: id,
          command,
          cwd
        }))
      ),
      watch: Stream.empty,
      terminate: (processId) => Effect.sync(() => end(threadId, processId)),
      clean: Effect.sync(() => endAll(threadId))
    }),
    settle: (turn, policy, isInterrupted) => {
      const { threadId } = turn.engineTurn
      if (isInterrupted) endAll(threadId)
      const status = isInterrupted || policy === "end" ? "interrupted" : "background"
      for (const item of turn.left.values()) {
        FaultyTurn.emit(turn, { _tag: "ItemCompleted", item: { ...item, status } })
        if (status === "interrupted") continue
        const running = threads.get(threadId) ?? new Map<string, Item.CommandExecution>()
        threads.set(threadId, running.set(item.id, item))
        runningCommands.set(item.id, threadId)
      }
    },
    clear: () => {
      threads.clear()
      runningCommands.clear()
    }
  }
}
