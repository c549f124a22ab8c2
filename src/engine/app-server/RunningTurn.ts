/** The state of a running turn that the connection updates. */
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as CodexError from "../../domain/CodexError.ts"
import * as GracefulInterrupt from "../../internal/GracefulInterrupt.ts"
import type { ThreadId, TurnId } from "../../domain/Ids.ts"
import type * as Item from "../../domain/Item.ts"
import type * as Review from "../../domain/Review.ts"
import type * as Engine from "../Engine.ts"
import * as CallIds from "./CallIds.ts"
import type * as JsonRpcConnection from "./JsonRpcConnection.ts"
import * as OpenItems from "./OpenItems.ts"
import * as TurnLifecycle from "./TurnLifecycle.ts"

/** How long to wait for an interrupted tool or approval policy. */
const handlerGrace = Duration.seconds(3)

export interface RunningTurn {
  readonly threadId: ThreadId
  readonly cwd: string
  readonly handlers: Engine.Handlers
  /** Forks an effect in the context of the caller that runs the turn. */
  readonly fork: <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>
  readonly clock: Clock.Clock
  readonly started: Deferred.Deferred<void>
  /** The outcome for the caller. */
  readonly outcome: Deferred.Deferred<void, CodexError.TurnError>
  /** Completes when the turn has ended in Codex. */
  readonly over: Deferred.Deferred<void>
  readonly openItems: OpenItems.OpenItems
  readonly callIds: CallIds.CallIds
  /** The ids of the MCP tool calls whose approval Codex has requested. */
  readonly askedCalls: Set<string>
  /** The approved arguments, by item id. */
  readonly approved: Map<string, string>
  /** The handlers of unanswered requests from Codex, each with the function that declines its request. */
  readonly pendingRequests: Map<Fiber.Fiber<unknown>, () => void>
  readonly watchers: Set<Fiber.Fiber<unknown>>
  /** For a sub-agent's turn: the turn that it works for. */
  readonly root: RunningTurn | undefined
  /** The first turn of the chain that led to this turn, if it is another one. Sub-agents of this turn name it. */
  readonly rootTurnId: TurnId | undefined
  /** Whether Codex started the turn by itself. */
  readonly adopted: boolean
  /** The running turns of sub-agents, by thread id. */
  readonly subAgents: Map<string, RunningTurn>
  readonly onEnd: ((end: TurnLifecycle.LifecycleEnd) => void) | undefined
  /** The commands that Codex had not completed when the turn ended, by item id. */
  readonly leftCommands: Map<string, Item.CommandExecution>
  /** The threads of sub-agents whose turns have left commands. */
  readonly leftThreads: Set<ThreadId>
  /** Called when Codex completes one of `leftCommands`. */
  onLeftCommand: ((item: Item.CommandExecution) => void) | undefined
  /** The lifecycle state; only `step` changes it. */
  state: TurnLifecycle.LifecycleState
  /** The result of a code review, once the model has sent it. `undefined` if the turn is not a review. */
  review: { result: Review.Review | undefined } | undefined
  /** Whether the turn has ended and its sub-agents end. A sub-agent that starts later is interrupted. */
  endsSubAgents: boolean
  /** Whether this client has left the turn, which goes on. Codex asks the next client, so requests stay without a reply. */
  isLeft: boolean
  /** Whether every further request of Codex is declined. */
  closed: boolean
  /** How many messages have arrived for the thread. */
  messageCount: number
}

export const make = (
  options: Pick<RunningTurn, "threadId" | "cwd" | "handlers" | "fork" | "clock"> &
    Partial<Pick<RunningTurn, "root" | "rootTurnId" | "adopted" | "onEnd">>
): RunningTurn => ({
  root: undefined,
  rootTurnId: undefined,
  adopted: false,
  onEnd: undefined,
  ...options,
  subAgents: new Map(),
  leftCommands: new Map(),
  leftThreads: new Set(),
  onLeftCommand: undefined,
  started: Deferred.makeUnsafe(),
  outcome: Deferred.makeUnsafe(),
  over: Deferred.makeUnsafe(),
  openItems: OpenItems.make(options.root?.openItems),
  callIds: CallIds.make(),
  askedCalls: new Set(),
  approved: new Map(),
  pendingRequests: new Map(),
  watchers: new Set(),
  state: TurnLifecycle.initial,
  review: undefined,
  endsSubAgents: false,
  isLeft: false,
  closed: false,
  messageCount: 0
})

/** Whether this client has left the turn, or the turn that it works for. */
export const isLeft = ({ isLeft, root }: RunningTurn): boolean => isLeft || root?.isLeft === true

export const isOver = (turn: RunningTurn): boolean => turn.state._tag === "Over"

/** Returns the time of an event. Codex uses the same clock in whole milliseconds; within one millisecond our clock is more precise. */
export const timeOf = (
  { adopted, clock }: Pick<RunningTurn, "adopted" | "clock">,
  codexMs?: number
): number => {
  const now = Number(clock.currentTimeNanosUnsafe()) / 1e6
  if (codexMs === undefined || codexMs >= Math.floor(now)) return now
  // A turn that this client finds later has its true times. Otherwise an old time means that one of the clocks was set.
  return adopted || now - codexMs <= 5000 ? codexMs : now
}

/** Fails the turn for its caller. In Codex the turn continues until it is interrupted. */
export const fail = (turn: RunningTurn, error: CodexError.TurnError): void => {
  Deferred.doneUnsafe(turn.outcome, Exit.fail(error))
  // A sub-agent's turn has no caller that would interrupt it.
  if (turn.root !== undefined) end(turn, error)
}

/** Ends the caller's turn with a defect of its own event handler; other turns continue. */
export const die = (turn: RunningTurn, defect: unknown): void => {
  Deferred.doneUnsafe(turn.outcome, Exit.die(defect))
}

export const end = (turn: RunningTurn, end: TurnLifecycle.LifecycleEnd): void => {
  step(turn, { _tag: "Resolved", end })
}

/** Advances the lifecycle and completes the deferreds that depend on the new state. */
export const step = (
  turn: RunningTurn,
  input: TurnLifecycle.LifecycleInput
): TurnLifecycle.LifecycleOutput => {
  const [state, output] = TurnLifecycle.step(turn.state, input)
  turn.state = state
  if (state._tag === "Running") Deferred.doneUnsafe(turn.started, Exit.void)
  const { end } = output
  if (end !== undefined) {
    for (const item of turn.openItems.items.values()) {
      if (item._tag === "CommandExecution") turn.leftCommands.set(item.id, item)
    }
    if (turn.leftCommands.size > 0) turn.root?.leftThreads.add(turn.threadId)
    // The driver may continue synchronously, and needs the commands.
    Deferred.doneUnsafe(turn.over, Exit.void)
    Deferred.doneUnsafe(turn.outcome, end === "completed" ? Exit.void : Exit.fail(end))
    turn.openItems.clear()
    turn.onEnd?.(end)
  }
  return output
}

/** Records the completion of a command that the turn left: the event comes after the end of the turn. */
export const completeLeftCommand = (turn: RunningTurn, item: Item.Item): void => {
  if (item._tag !== "CommandExecution" || !turn.leftCommands.has(item.id)) return
  turn.leftCommands.set(item.id, item)
  turn.onLeftCommand?.(item)
}

export const turnIdOf = (turn: RunningTurn): TurnId | undefined => TurnLifecycle.turnIdOf(turn.state)

/** Returns the id by which sub-agents of the turn name the chain of turns that they work for. */
export const chainOf = (turn: RunningTurn): TurnId | undefined => turn.rootTurnId ?? turnIdOf(turn)

/** Forks an effect that watches the turn; it is interrupted when the turn is released. */
export const watch = (turn: RunningTurn, effect: Effect.Effect<unknown>): void => {
  if (isOver(turn)) return
  const fiber = turn.fork(effect)
  turn.watchers.add(fiber)
  fiber.addObserver(() => turn.watchers.delete(fiber))
}

export const unwatch = (turn: RunningTurn): void => {
  for (const fiber of turn.watchers) fiber.interruptUnsafe()
}

/** Declines all pending server requests and interrupts their handlers. A handler that ignores interruption for 3 s is abandoned. */
export const declinePending = (turn: RunningTurn): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (turn.pendingRequests.size === 0) return Effect.void
    for (const decline of turn.pendingRequests.values()) decline()
    return GracefulInterrupt.interruptWithin(
      [...turn.pendingRequests.keys()],
      handlerGrace,
      Effect.suspend(() => {
        turn.pendingRequests.clear()
        return Effect.logWarning("a tool or an approval policy ignores its interruption; it is abandoned")
      })
    )
  })

/** Runs the handler of a request and sends exactly one reply: its result, or the declining reply if it fails, dies or is interrupted. */
export const answerRequest = (
  turn: RunningTurn,
  request: JsonRpcConnection.IncomingRequest,
  handler: Effect.Effect<unknown>,
  declineReply: unknown
): void => {
  const fiber = turn.fork(handler)
  const decline = () => {
    if (!isLeft(turn)) request.reply(declineReply)
  }
  turn.pendingRequests.set(fiber, decline)
  fiber.addObserver((exit) => {
    turn.pendingRequests.delete(fiber)
    if (Exit.isSuccess(exit)) request.reply(exit.value)
    else decline()
  })
}
