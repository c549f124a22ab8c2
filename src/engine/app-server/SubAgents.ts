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
  slots: Map<string, RunningTurn.RunningTurn>,
  totals: Map<string, string>,
  { event, threadId, turnId }: Started
): RunningTurn.RunningTurn | undefined => {
  if (event._tag !== "TurnStarted" || event.rootTurnId === undefined) return undefined
  const named = [...slots.values()].find((slot) => RunningTurn.turnIdOf(slot) === event.rootTurnId)
  // One that a sub-agent started works for whom that one works for.
  const root = named?.root ?? named
  // A thread that is open here, and idle, is nobody's sub-agent.
  if (root === undefined || root.closed || totals.has(threadId)) return undefined
  const handlers = root.handlers.agent?.({ threadId, turnId })
  if (handlers === undefined) return undefined
  const slot = RunningTurn.make({
    threadId,
    cwd: root.cwd,
    handlers,
    run: root.run,
    clock: root.clock,
    root,
    onEnd: (end) => {
      if (slots.get(threadId) === slot) slots.delete(threadId)
      root.agents.delete(threadId)
      totals.delete(threadId)
      RunningTurn.unwatch(slot)
      handlers.end(end)
    }
  })
  RunningTurn.step(slot, { _tag: "Accepted", turnId })
  slots.set(threadId, slot)
  totals.set(threadId, "")
  root.agents.set(threadId, slot)
  return slot
}

/** How long Codex may take to end the turn of a sub-agent. */
const grace = Duration.seconds(2)

/** Has Codex end the turns of a turn's sub-agents, and what they started. */
export const interrupt = (
  process: AppServerProcess.Process,
  root: RunningTurn.RunningTurn
): Effect.Effect<void> =>
  Effect.forEach(
    [...root.agents.values()],
    (slot) => {
      const { threadId } = slot
      const turnId = RunningTurn.turnIdOf(slot)
      const clean = Effect.ignore(
        process.connection.request("thread/backgroundTerminals/clean", { threadId })
      )
      slot.closed = true
      const ending = Effect.ignore(process.connection.request("turn/interrupt", { threadId, turnId })).pipe(
        Effect.andThen(clean),
        // A shell that was being started when its turn was interrupted is there only when the turn is over.
        Effect.andThen(Effect.timeoutOption(Deferred.await(slot.over), grace)),
        Effect.andThen(clean)
      )
      return Effect.all([ending, RunningTurn.declinePending(slot)], {
        concurrency: "unbounded",
        discard: true
      })
    },
    { discard: true, concurrency: "unbounded" }
  )

/** Nothing of a turn's sub-agents is heard any more; they may go on by themselves. */
export const release = (root: RunningTurn.RunningTurn): Effect.Effect<void> =>
  Effect.suspend(() => {
    const left = [...root.agents.values()]
    for (const slot of left) RunningTurn.end(slot, new CodexError.TurnInterrupted({ by: "codex" }))
    return Effect.forEach(left, RunningTurn.declinePending, { discard: true })
  })
