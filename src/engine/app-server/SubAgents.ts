/** Sub-agents: threads that the agent of a turn started, whose turns belong to it. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as CodexError from "../../domain/CodexError.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import * as RunningTurn from "./RunningTurn.ts"
import type * as Translate from "./Translate.ts"

type Started = Extract<Translate.TurnNotification, { readonly _tag: "Event" }>

/** The slot of a sub-agent's turn that has just begun, below the turn that it was begun for; none for anybody else's. */
export const attach = (
  runningTurns: Map<string, RunningTurn.RunningTurn>,
  totals: Map<string, string>,
  { event, threadId, turnId }: Started
): RunningTurn.RunningTurn | undefined => {
  if (event._tag !== "TurnStarted" || event.rootTurnId === undefined) return undefined
  const owner = [...runningTurns.values()].find(
    (runningTurn) => RunningTurn.turnIdOf(runningTurn) === event.rootTurnId
  )
  // One that a sub-agent started works for whom that one works for.
  const root = owner?.root ?? owner
  // A thread that is open here, and idle, is nobody's sub-agent.
  if (root === undefined || root.closed || totals.has(threadId)) return undefined
  const handlers = root.handlers.agent?.({ threadId, turnId })
  if (handlers === undefined) return undefined
  const runningTurn = RunningTurn.make({
    threadId,
    cwd: root.cwd,
    handlers,
    fork: root.fork,
    clock: root.clock,
    root,
    onEnd: (end) => {
      if (runningTurns.get(threadId) === runningTurn) runningTurns.delete(threadId)
      root.subAgents.delete(threadId)
      totals.delete(threadId)
      RunningTurn.unwatch(runningTurn)
      handlers.end(end)
    }
  })
  RunningTurn.step(runningTurn, { _tag: "Accepted", turnId })
  runningTurns.set(threadId, runningTurn)
  totals.set(threadId, "")
  root.subAgents.set(threadId, runningTurn)
  return runningTurn
}

/** How long Codex may take to end the turn of a sub-agent. */
const interruptGrace = Duration.seconds(2)

/** Has Codex end the turns of a turn's sub-agents, and what they started. */
export const interrupt = (
  process: AppServerProcess.Process,
  root: RunningTurn.RunningTurn
): Effect.Effect<void> =>
  Effect.forEach(
    [...root.subAgents.values()],
    (runningTurn) => {
      const { threadId } = runningTurn
      const turnId = RunningTurn.turnIdOf(runningTurn)
      const clean = Effect.ignore(
        process.connection.request("thread/backgroundTerminals/clean", { threadId })
      )
      runningTurn.closed = true
      const ending = Effect.ignore(process.connection.request("turn/interrupt", { threadId, turnId })).pipe(
        Effect.andThen(clean),
        // A shell that was being started when its turn was interrupted is there only when the turn is over.
        Effect.andThen(Effect.timeoutOption(Deferred.await(runningTurn.over), interruptGrace)),
        Effect.andThen(clean)
      )
      return Effect.all([ending, RunningTurn.declinePending(runningTurn)], {
        concurrency: "unbounded",
        discard: true
      })
    },
    { discard: true, concurrency: "unbounded" }
  )

/** Nothing of a turn's sub-agents is heard any more; they may go on by themselves. */
export const release = (root: RunningTurn.RunningTurn): Effect.Effect<void> =>
  Effect.suspend(() => {
    const remaining = [...root.subAgents.values()]
    for (const runningTurn of remaining)
      RunningTurn.end(runningTurn, new CodexError.TurnInterrupted({ by: "codex" }))
    return Effect.forEach(remaining, RunningTurn.declinePending, { discard: true })
  })
