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
  readonly run: <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>
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
  readonly asked: Map<Fiber.Fiber<unknown>, () => void>
  readonly timers: Set<Fiber.Fiber<unknown>>
  /** The turn whose sub-agent this is. */
  readonly root: RunningTurn | undefined
  /** The turns of sub-agents, by their threads. */
  readonly agents: Map<string, RunningTurn>
  readonly onEnd: ((end: TurnLifecycle.LifecycleEnd) => void) | undefined
  /** Where the turn stands; changed by `step` alone. */
  state: TurnLifecycle.LifecycleState
  /** Whatever Codex asks, the answer is no. */
  closed: boolean
  /** How many messages came for the thread. */
  heard: number
}

export const make = (
  options: Pick<RunningTurn, "threadId" | "cwd" | "handlers" | "run" | "clock"> &
    Partial<Pick<RunningTurn, "root" | "onEnd">>
): RunningTurn => ({
  root: undefined,
  onEnd: undefined,
  ...options,
  agents: new Map(),
  started: Deferred.makeUnsafe(),
  outcome: Deferred.makeUnsafe(),
  over: Deferred.makeUnsafe(),
  items: new Map(),
  approved: new Map(),
  asked: new Map(),
  timers: new Set(),
  state: TurnLifecycle.initial,
  closed: false,
  heard: 0
})

export const isOver = (slot: RunningTurn): boolean => slot.state._tag === "Over"

/** What the caller is told; the turn itself may go on until it is stopped. */
export const fail = (slot: RunningTurn, error: CodexError.TurnError): void => {
  Deferred.doneUnsafe(slot.outcome, Exit.fail(error))
  // Nobody waits for a sub-agent's turn.
  if (slot.root !== undefined) end(slot, error)
}

/** A bug of whoever listens ends his own turn and nothing else. */
export const die = (slot: RunningTurn, defect: unknown): void => {
  Deferred.doneUnsafe(slot.outcome, Exit.die(defect))
}

export const end = (slot: RunningTurn, end: TurnLifecycle.LifecycleEnd): void => {
  step(slot, { _tag: "Settled", end })
}

/** Takes what was heard; what it means for whoever waits is told to them. */
export const step = (
  slot: RunningTurn,
  input: TurnLifecycle.LifecycleInput
): TurnLifecycle.LifecycleOutput => {
  const [state, output] = TurnLifecycle.step(slot.state, input)
  slot.state = state
  if (state._tag === "Running") Deferred.doneUnsafe(slot.started, Exit.void)
  const { end } = output
  if (end !== undefined) {
    Deferred.doneUnsafe(slot.over, Exit.void)
    Deferred.doneUnsafe(slot.outcome, end === "completed" ? Exit.void : Exit.fail(end))
    slot.onEnd?.(end)
  }
  return output
}

export const turnIdOf = (slot: RunningTurn): TurnId | undefined => TurnLifecycle.turnIdOf(slot.state)

/** Forks what the turn is watched by; it is gone with the turn. */
export const watch = (slot: RunningTurn, effect: Effect.Effect<unknown>): void => {
  if (isOver(slot)) return
  const fiber = slot.run(effect)
  slot.timers.add(fiber)
  fiber.addObserver(() => slot.timers.delete(fiber))
}

export const unwatch = (slot: RunningTurn): void => {
  for (const fiber of slot.timers) fiber.interruptUnsafe()
}

/** Answers no to everything that is still asked, and ends who is at it; who does not listen is left behind. */
export const declinePending = (slot: RunningTurn): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (slot.asked.size === 0) return Effect.void
    for (const no of slot.asked.values()) no()
    return Fiber.interruptAll([...slot.asked.keys()]).pipe(
      Effect.timeoutOption(handlerGrace),
      Effect.tap((ended) => {
        if (Option.isSome(ended)) return Effect.void
        slot.asked.clear()
        return Effect.logWarning("a tool or an approval policy ignores its interruption; it is left behind")
      }),
      Effect.asVoid
    )
  })

/** Runs what Codex asked for. Whatever becomes of it, there is one answer: what fails, dies or is interrupted says no. */
export const answerRequest = (
  slot: RunningTurn,
  request: JsonRpcConnection.IncomingRequest,
  handler: Effect.Effect<unknown>,
  no: unknown
): void => {
  const fiber = slot.run(handler)
  slot.asked.set(fiber, () => request.reply(no))
  fiber.addObserver((exit) => {
    slot.asked.delete(fiber)
    request.reply(Exit.isSuccess(exit) ? exit.value : no)
  })
}
