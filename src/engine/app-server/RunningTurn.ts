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
import type * as Connection from "./JsonRpcConnection.ts"
import * as Lifecycle from "./TurnLifecycle.ts"

/** How long an interrupted tool or policy is waited for. */
const handlerGrace = Duration.seconds(3)

export interface Slot {
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
  readonly root: Slot | undefined
  /** The turns of sub-agents, by their threads. */
  readonly agents: Map<string, Slot>
  readonly onEnd: ((end: Lifecycle.End) => void) | undefined
  /** Where the turn stands; changed by `step` alone. */
  state: Lifecycle.State
  /** Whatever Codex asks, the answer is no. */
  closed: boolean
  /** How many messages came for the thread. */
  heard: number
}

export const make = (
  options: Pick<Slot, "threadId" | "cwd" | "handlers" | "run" | "clock"> &
    Partial<Pick<Slot, "root" | "onEnd">>
): Slot => ({
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
  state: Lifecycle.initial,
  closed: false,
  heard: 0
})

export const isOver = (slot: Slot): boolean => slot.state._tag === "Over"

/** What the caller is told; the turn itself may go on until it is stopped. */
export const fail = (slot: Slot, error: CodexError.TurnError): void => {
  Deferred.doneUnsafe(slot.outcome, Exit.fail(error))
  // Nobody waits for a sub-agent's turn.
  if (slot.root !== undefined) end(slot, error)
}

/** A bug of whoever listens ends his own turn and nothing else. */
export const broken = (slot: Slot, defect: unknown): void => {
  Deferred.doneUnsafe(slot.outcome, Exit.die(defect))
}

export const end = (slot: Slot, end: Lifecycle.End): void => {
  step(slot, { _tag: "Settled", end })
}

/** Takes what was heard; what it means for whoever waits is told to them. */
export const step = (slot: Slot, input: Lifecycle.Input): Lifecycle.Output => {
  const [state, output] = Lifecycle.step(slot.state, input)
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

export const turnIdOf = (slot: Slot): TurnId | undefined => Lifecycle.turnIdOf(slot.state)

/** Forks what the turn is watched by; it is gone with the turn. */
export const watch = (slot: Slot, effect: Effect.Effect<unknown>): void => {
  if (isOver(slot)) return
  const fiber = slot.run(effect)
  slot.timers.add(fiber)
  fiber.addObserver(() => slot.timers.delete(fiber))
}

export const unwatch = (slot: Slot): void => {
  for (const fiber of slot.timers) fiber.interruptUnsafe()
}

/** Answers no to everything that is still asked, and ends who is at it; who does not listen is left behind. */
export const refuseAll = (slot: Slot): Effect.Effect<void> =>
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
export const serve = (
  slot: Slot,
  request: Connection.Request,
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
