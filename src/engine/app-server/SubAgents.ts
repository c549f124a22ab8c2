/** Sub-agents: threads that the agent of a turn starts. Their turns belong to that turn. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as CodexError from "../../domain/CodexError.ts"
import type { TurnId } from "../../domain/Ids.ts"
import * as TimeSlices from "../../internal/TimeSlices.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import * as RunningTurn from "./RunningTurn.ts"
import type * as Translate from "./Translate.ts"

export type Started = Extract<Translate.TurnNotification, { readonly _tag: "Event" }>

/** Returns the running turn of a caller that a sub-agent's turn works for. `rootTurnId` is the turn that the sub-agent names. */
export const rootOf = (
  runningTurns: ReadonlyMap<string, RunningTurn.RunningTurn>,
  rootTurnId: TurnId
): RunningTurn.RunningTurn | undefined => {
  // The turns of callers start before their sub-agents, so this finds them first however many sub-agents there are.
  for (const runningTurn of runningTurns.values()) {
    // A sub-agent of a sub-agent works for the same root turn.
    if (RunningTurn.chainOf(runningTurn) === rootTurnId) return runningTurn.root ?? runningTurn
  }
  return undefined
}

/** Whether a sub-agent that starts now can still work for the turn. */
export const accepts = (root: RunningTurn.RunningTurn): boolean => !root.closed && !root.endsSubAgents

/** Attaches the starting turn of a sub-agent to the turn that it works for. Returns `undefined` if the turn is not a sub-agent's. */
export const attach = (
  runningTurns: Map<string, RunningTurn.RunningTurn>,
  totals: Map<string, string>,
  { event, threadId, turnId }: Started
): RunningTurn.RunningTurn | undefined => {
  if (event._tag !== "TurnStarted" || event.rootTurnId === undefined) return undefined
  // A thread that the caller has open is not a sub-agent.
  if (totals.has(threadId)) return undefined
  const root = rootOf(runningTurns, event.rootTurnId)
  if (root === undefined || !accepts(root)) return undefined
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

/** How long Codex may take to end a sub-agent's turn. */
const interruptGrace = Duration.seconds(2)

/** Interrupts the turn of a sub-agent in Codex and ends its background terminals. */
export const interruptTurn = (
  process: AppServerProcess.Process,
  runningTurn: RunningTurn.RunningTurn
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { threadId } = runningTurn
    const turnId = RunningTurn.turnIdOf(runningTurn)
    const clean = Effect.ignore(process.connection.request("thread/backgroundTerminals/clean", { threadId }))
    runningTurn.closed = true
    const ending = Effect.ignore(process.connection.request("turn/interrupt", { threadId, turnId })).pipe(
      Effect.andThen(clean),
      // A shell that was starting during the interruption is listed only after the turn ends, so clean again.
      Effect.andThen(Effect.timeoutOption(Deferred.await(runningTurn.over), interruptGrace)),
      Effect.andThen(clean)
    )
    return Effect.all([ending, RunningTurn.declinePending(runningTurn)], {
      concurrency: "unbounded",
      discard: true
    })
  })

/** Interrupts the turns of a turn's sub-agents in Codex and ends their background terminals. */
export const interrupt = (
  process: AppServerProcess.Process,
  root: RunningTurn.RunningTurn
): Effect.Effect<void> =>
  Effect.forEach([...root.subAgents.values()], (runningTurn) => interruptTurn(process, runningTurn), {
    discard: true,
    concurrency: "unbounded"
  })

/** The same as `interrupt`, for a limited time: Codex may not answer. */
export const interruptWithin = (
  process: AppServerProcess.Process,
  root: RunningTurn.RunningTurn,
  grace: Duration.Duration
): Effect.Effect<void> =>
  Effect.suspend(() => {
    // A sub-agent that starts from now on would miss the interruption.
    root.endsSubAgents = true
    return root.subAgents.size === 0
      ? Effect.void
      : Effect.asVoid(Effect.timeoutOption(interrupt(process, root), grace))
  })

/** Waits until no sub-agent of a turn works. */
export const awaitAll = (root: RunningTurn.RunningTurn): Effect.Effect<void> =>
  Effect.suspend(() => {
    const [first] = root.subAgents.values()
    return first === undefined ? Effect.void : Effect.andThen(Deferred.await(first.over), awaitAll(root))
  })

/** Detaches a turn's sub-agents that are still known: later events are ignored and requests declined. */
export const release = (root: RunningTurn.RunningTurn): Effect.Effect<void> =>
  Effect.suspend(() => {
    const remaining = [...root.subAgents.values()]
    return Effect.andThen(
      TimeSlices.run(endSteps(remaining)),
      Effect.forEach(remaining, RunningTurn.declinePending, { discard: true })
    )
  })

/** Ends turns, one in each step: a turn may have thousands of sub-agents. */
function* endSteps(turns: ReadonlyArray<RunningTurn.RunningTurn>): Generator<void> {
  for (const turn of turns) {
    RunningTurn.end(turn, new CodexError.TurnInterrupted({ by: "codex" }))
    yield
  }
}
