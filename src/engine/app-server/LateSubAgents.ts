/** Turns of sub-agents that start after the turn that they work for has ended: no caller observes them, so the engine interrupts them. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Engine from "../Engine.ts"
import type * as AppServerSession from "./AppServerSession.ts"
import * as RunningTurn from "./RunningTurn.ts"
import * as SubAgents from "./SubAgents.ts"

/** How many turns and threads to remember: Codex may name a turn long after its end. */
const capacity = 1000

/** The last root turns by id, and the last threads of sub-agents. */
export interface KnownAgents {
  readonly rootTurns: Set<string>
  readonly agentThreads: Set<string>
}

export const make = (): KnownAgents => ({ rootTurns: new Set(), agentThreads: new Set() })

/** Adds a value as the newest one, and removes the oldest one if there are too many. */
const addNewest = (values: Set<string>, value: string): void => {
  values.delete(value)
  values.add(value)
  if (values.size <= capacity) return
  const [oldest] = values
  if (oldest !== undefined) values.delete(oldest)
}

/** Remembers a turn that has started or ended. */
export const remember = ({ agentThreads, rootTurns }: KnownAgents, turn: RunningTurn.RunningTurn): void => {
  if (turn.root !== undefined) addNewest(agentThreads, turn.threadId)
  const chain = RunningTurn.chainOf(turn)
  if (chain !== undefined) addNewest(rootTurns, chain)
}

/** Whether a starting turn that has no caller works for a turn that has ended or is being ended. */
export const isLate = (
  { agentThreads, rootTurns }: KnownAgents,
  runningTurns: ReadonlyMap<string, RunningTurn.RunningTurn>,
  totals: ReadonlyMap<string, string>,
  { event, threadId }: SubAgents.Started
): boolean => {
  // A thread that the caller has open is not a sub-agent.
  if (event._tag !== "TurnStarted" || event.rootTurnId === undefined || totals.has(threadId)) return false
  const root = SubAgents.rootOf(runningTurns, event.rootTurnId)
  return root === undefined
    ? rootTurns.has(event.rootTurnId) || agentThreads.has(threadId)
    : !SubAgents.accepts(root)
}

/** The handlers of a turn whose events are ignored. The router declines the requests of a closed turn. */
const handlers: Engine.Handlers = {
  emit: () => {},
  approve: () => Effect.succeed({ _tag: "Decline", reason: "the turn is interrupted" }),
  callTool: () => Effect.succeed({ success: false, text: "The call was interrupted." })
}

/** Interrupts a late turn of a sub-agent and ends its background terminals. Its requests are declined. */
export const interrupt = (
  { process, runningTurns }: AppServerSession.Session,
  { threadId, turnId }: SubAgents.Started,
  fork: RunningTurn.RunningTurn["fork"],
  clock: Clock.Clock
): void => {
  const forget = () => {
    if (runningTurns.get(threadId) === turn) runningTurns.delete(threadId)
  }
  const turn: RunningTurn.RunningTurn = RunningTurn.make({
    threadId,
    cwd: "/",
    handlers,
    fork,
    clock,
    onEnd: () => {
      forget()
      RunningTurn.unwatch(turn)
    }
  })
  RunningTurn.step(turn, { _tag: "Accepted", turnId })
  turn.closed = true
  runningTurns.set(threadId, turn)
  fork(
    Effect.logWarning(
      "a sub-agent starts a turn after the turn that it works for; interrupting the sub-agent"
    ).pipe(
      Effect.annotateLogs({ threadId, turnId }),
      Effect.andThen(SubAgents.interruptTurn(process, turn)),
      Effect.ensuring(Effect.sync(forget))
    )
  )
}
