/** Turns that this client leaves running, for another client that attaches to them. */
import * as Effect from "effect/Effect"
import * as CodexError from "../../domain/CodexError.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import * as RunningTurn from "./RunningTurn.ts"

/**
 * Leaves a turn. The policies and tools of this client end without a reply, so that Codex asks the next client. The turn stays
 * known until `forget`: requests that arrive before must have no reply either. Without its start, there is no turn to leave.
 */
export const leave = (turn: RunningTurn.RunningTurn, accepted: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.flatMap(accepted, (hasStarted) =>
    Effect.suspend(() => {
      if (!hasStarted) return Effect.void
      turn.isLeft = true
      const all = [turn, ...turn.subAgents.values()]
      for (const each of all) RunningTurn.unwatch(each)
      return Effect.forEach(all, RunningTurn.declinePending, { concurrency: "unbounded", discard: true })
    })
  )

/** Stops to receive what happens on a thread. */
export const unsubscribe = (
  { connection }: Pick<AppServerProcess.Process, "connection">,
  threadId: string
): Effect.Effect<void> =>
  Effect.ignore(connection.request("thread/unsubscribe", { threadId }, { timeout: "1 second" }))

/** Forgets a turn that was left, and its sub-agents, after Codex sends nothing more about them. */
export const forget = (
  process: Pick<AppServerProcess.Process, "connection">,
  runningTurns: Map<string, RunningTurn.RunningTurn>,
  turn: RunningTurn.RunningTurn
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const agents = [...turn.subAgents.values()]
    return Effect.forEach([turn, ...agents], ({ threadId }) => unsubscribe(process, threadId), {
      concurrency: 16,
      discard: true
    }).pipe(
      Effect.andThen(
        Effect.sync(() => {
          for (const each of [...agents, turn]) {
            RunningTurn.end(each, new CodexError.TurnInterrupted({ by: "detach" }))
            if (runningTurns.get(each.threadId) === each) runningTurns.delete(each.threadId)
          }
        })
      )
    )
  })
