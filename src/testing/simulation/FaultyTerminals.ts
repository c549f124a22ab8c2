/** The commands of the faulty engine that continue when their turn ends. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Item from "../../domain/Item.ts"
import type { TerminalPolicy } from "../../domain/TurnOptions.ts"
import type * as Engine from "../../engine/Engine.ts"
import * as FaultyTurn from "./FaultyTurn.ts"

export interface FaultyTerminals {
  readonly of: (threadId: string) => Engine.EngineTerminals
  /** Reports the commands that a turn has left. An interruption ends all commands of the thread. */
  readonly settle: (turn: FaultyTurn.FaultyTurn, policy: TerminalPolicy, isInterrupted: boolean) => void
  /** Ends all commands. */
  readonly clear: () => void
}

export const make = (): FaultyTerminals => {
  const threads = new Map<string, Map<string, Item.CommandExecution>>()
  return {
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
      terminate: (processId) => Effect.sync(() => threads.get(threadId)?.delete(processId) ?? false),
      clean: Effect.sync(() => void threads.delete(threadId))
    }),
    settle: (turn, policy, isInterrupted) => {
      const { threadId } = turn.engineTurn
      if (isInterrupted) threads.delete(threadId)
      const status = isInterrupted || policy === "end" ? "interrupted" : "background"
      for (const item of turn.left.values()) {
        FaultyTurn.emit(turn, { _tag: "ItemCompleted", item: { ...item, status } })
        if (status === "interrupted") continue
        const running = threads.get(threadId) ?? new Map<string, Item.CommandExecution>()
        threads.set(threadId, running.set(item.id, item))
      }
    },
    clear: () => threads.clear()
  }
}
