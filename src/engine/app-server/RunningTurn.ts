/** A turn that is running, as the connection sees it. */
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId, TurnId } from "../../domain/Ids.ts"
import type * as Item from "../../domain/Item.ts"
import type * as Engine from "../Engine.ts"
import type * as JsonRpcConnection from "./JsonRpcConnection.ts"
import * as TurnLifecycle from "./TurnLifecycle.ts"

/** How long an interrupted tool or policy is waited for. */
const handlerGrace = Duration.seconds(3)

export interface RunningTurn {
  readonly threadId: ThreadId
  readonly cwd: string
  readonly handlers: Engine.Handlers
  /** Forks in the context of the run that asked for the turn. */
  readonly fork: <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>
  readonly clock: Clock.Clock
  readonly started: Deferred.Deferred<void>
  /** How the turn ends for its caller. */
  readonly outcome: Deferred.Deferred<void, CodexError.TurnError>
  /** Codex runs the turn no more. */
  readonly over: Deferred.Deferred<void>
  readonly items: Map<string, Item.Item>
  /** What was approved, by the item that it is about. */
  readonly approved: Map<string, string>
  /** What Codex asked and nobody has answered yet. */
  readonly pendingRequests: Map<Fiber.Fiber<unknown>, () => void>
  readonly timers: Set<Fiber.Fiber<unknown>>
  /** The turn whose sub-agent this is. */
  readonly root: RunningTurn | undefined
  /** The turns of sub-agents, by their threads. */
  readonly subAgents: Map<string, RunningTurn>
  readonly onEnd: ((end: TurnLifecycle.LifecycleEnd) => void) | undefined
  /** Where the turn stands; changed by `step` alone. */
  state: TurnLifecycle.LifecycleState
  /** Whatever Codex asks, the answer is no. */
  closed: boolean
  /** How many messages came for the thread. */
  messageCount: number
}

export const make = (
  options: Pick<RunningTurn, "threadId" | "cwd" | "handlers" | "fork" | "clock"> &
    Partial<Pick<RunningTurn, "root" | "onEnd">>
): RunningTurn => ({
  root: undefined,
  onEnd: undefined,
  ...options,
  subAgents: new Map(),
  started: Deferred.makeUnsafe(),
  outcome: Deferred.makeUnsafe(),
  over: Deferred.makeUnsafe(),
  items: new Map(),
  approved: new Map(),
  pendingRequests: new Map(),
  timers: new Set(),
  state: TurnLifecycle.initial,
  closed: false,
  messageCount: 0
})

export const isOver = (turn: RunningTurn): boolean => turn.state._tag === "Over"

/** What the caller is told; the turn itself may go on until it is stopped. */
export const fail = (turn: RunningTurn, error: CodexError.TurnError): void => {
  Deferred.doneUnsafe(turn.outcome, Exit.fail(error))
  // Nobody waits for a sub-agent's turn.
  if (turn.root !== undefined) end(turn, error)
}

/** A bug of whoever listens ends his own turn and nothing else. */
export const die = (turn: RunningTurn, defect: unknown): void => {
  Deferred.doneUnsafe(turn.outcome, Exit.die(defect))
}

export const end = (turn: RunningTurn, end: TurnLifecycle.LifecycleEnd): void => {
  step(turn, { _tag: "Resolved", end })
}

/** Takes what was heard; what it means for whoever waits is told to them. */
export const step = (
  turn: RunningTurn,
  input: TurnLifecycle.LifecycleInput
): TurnLifecycle.LifecycleOutput => {
  const [state, output] = TurnLifecycle.step(turn.state, input)
  turn.state = state
  if (state._tag === "Running") Deferred.doneUnsafe(turn.started, Exit.void)
  const { end } = output
  if (end !== undefined) {
    Deferred.doneUnsafe(turn.over, Exit.void)
    Deferred.doneUnsafe(turn.outcome, end === "completed" ? Exit.void : Exit.fail(end))
    turn.onEnd?.(end)
  }
  return output
}

export const turnIdOf = (turn: RunningTurn): TurnId | undefined => TurnLifecycle.turnIdOf(turn.state)

/** Forks what the turn is watched by; it is gone with the turn. */
export const watch = (turn: RunningTurn, effect: Effect.Effect<unknown>): void => {
  if (isOver(turn)) return
  const fiber = turn.fork(effect)
  turn.timers.add(fiber)
  fiber.addObserver(() => turn.timers.delete(fiber))
}

export const unwatch = (turn: RunningTurn): void => {
  for (const fiber of turn.timers) fiber.interruptUnsafe()
}

/** Answers no to everything that is still asked, and ends who is at it; who does not listen is left behind. */
export const declinePending = (turn: RunningTurn): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (turn.pendingRequests.size === 0) return Effect.void
    for (const declineReply of turn.pendingRequests.values()) declineReply()
    return Fiber.interruptAll([...turn.pendingRequests.keys()]).pipe(
      Effect.timeoutOption(handlerGrace),
      Effect.tap((ended) => {
        if (Option.isSome(ended)) return Effect.void
        turn.pendingRequests.clear()
        return Effect.logWarning("a tool or an approval policy ignores its interruption; it is left behind")
      }),
      Effect.asVoid
    )
  })

/** Runs what Codex asked for. Whatever becomes of it, there is one answer: what fails, dies or is interrupted says no. */
export const answerRequest = (
  turn: RunningTurn,
  request: JsonRpcConnection.IncomingRequest,
  handler: Effect.Effect<unknown>,
  declineReply: unknown
): void => {
  const fiber = turn.fork(handler)
  turn.pendingRequests.set(fiber, () => request.reply(declineReply))
  fiber.addObserver((exit) => {
    turn.pendingRequests.delete(fiber)
    request.reply(Exit.isSuccess(exit) ? exit.value : declineReply)
  })
}
