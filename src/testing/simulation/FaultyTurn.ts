/** One turn of the faulty engine: what it does and how it ends depends only on the seed. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Approval from "../../Approval.ts"
import * as CodexError from "../../domain/CodexError.ts"
import type * as Goal from "../../domain/Goal.ts"
import { ItemId, TurnId } from "../../domain/Ids.ts"
import type * as Item from "../../domain/Item.ts"
import * as Turn from "../../domain/Turn.ts"
import type * as Engine from "../../engine/Engine.ts"
import { requestApproval, type Untimed } from "../scripted/ScriptedTurn.ts"
import type * as Faults from "./Faults.ts"
import type { EngineTurn, RunHistory } from "./History.ts"
import * as SeededRandom from "./SeededRandom.ts"

export interface FaultyEngineOptions {
  readonly seed: number
  readonly faults: Faults.Faults
  readonly history: RunHistory
  /** Returns the arguments with which the model calls a tool of the program. */
  readonly args: (tool: string, call: string, random: SeededRandom.Random) => unknown
}

/** The maximum wait for a handler that ignores interruption. */
const handlerGrace = Duration.seconds(1)

export interface FaultyTurn {
  readonly engineTurn: EngineTurn
  readonly handlers: Engine.Handlers
  readonly random: SeededRandom.Random
  readonly turnId: TurnId
  readonly options: Engine.EngineThreadOptions
  readonly settings: FaultyEngineOptions
  /** Decides which commands continue when the turn ends. */
  readonly background: SeededRandom.Random
  readonly left: Map<string, Item.CommandExecution>
  /** The turn of the thread that a sub-agent works for; `undefined` for a turn of the thread itself. */
  readonly rootTurnId?: TurnId | undefined
  /** What only a turn of the thread itself does. */
  readonly root?: RootTurn | undefined
}

/** What a turn of a thread itself does, and a turn of a sub-agent does not. */
export interface RootTurn {
  readonly isReview: boolean
  /** Starts a sub-agent, which works on while the turn continues. */
  readonly startAgent: (name: string) => Effect.Effect<void>
  /** Reports how much of the limit is used. */
  readonly reportLimit: () => void
  /** Returns the time at which the limit resets if the turn has used it up. */
  readonly exhaustLimit: () => number | undefined
  /** Returns the goal of the thread. */
  readonly goal: () => Goal.Goal | undefined
  readonly setGoal: (goal: Goal.Goal) => void
}

export const emit = (turn: FaultyTurn, event: Untimed<Turn.EngineEvent>): void => {
  const { engineTurn, handlers, random, settings } = turn
  const { faults, history } = settings
  // The system clock may be set back, which gives events an older time.
  const back = random.chance(faults.disorder) && random.chance(20) ? random.below(3_600_000) : 0
  const stamped = { ...event, at: history.now() - back } as Turn.EngineEvent
  engineTurn.emitted.push(stamped)
  handlers.emit(stamped)
}

const pause = (random: SeededRandom.Random): Effect.Effect<void> => {
  const length = random.oneOf([0, 0, 0, 1, 7, 40, 300, 2_000])
  return length === 0 ? Effect.void : Effect.sleep(length)
}

/** Runs a handler of the runtime. On interruption, waits for the handler only up to `handlerGrace`. */
const callHandler = <A>(handler: Effect.Effect<A>): Effect.Effect<A> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDetach(handler, { startImmediately: true }), (fiber) =>
      restore(Fiber.join(fiber)).pipe(
        Effect.onInterrupt(() => Effect.timeoutOption(Fiber.interrupt(fiber), handlerGrace))
      )
    )
  )

const isApproved = Effect.fnUntraced(function* (turn: FaultyTurn, request: Approval.ApprovalRequest) {
  const { history } = turn.settings
  const decision = yield* requestApproval(
    request,
    (request) => callHandler(Effect.suspend(() => turn.handlers.approve(request))),
    (event) => Effect.sync(() => emit(turn, event))
  )
  if (!Approval.isGranted(decision)) return false
  history.log(turn.engineTurn.threadId, `runs ${request.id}`)
  if (!history.granted.has(request.id))
    history.addViolation(
      3,
      turn.engineTurn.threadId,
      `${Approval.summarize(request)} runs without an approval`
    )
  return true
})

const deltas = (turn: FaultyTurn, itemId: ItemId, tag: "MessageDelta" | "OutputDelta") =>
  Effect.suspend(() => {
    const count = turn.random.oneOf([1, 3, 10, 200])
    for (let index = 0; index < count; index++) emit(turn, { _tag: tag, itemId, delta: `${index} ` })
    return pause(turn.random)
  })

const message = Effect.fnUntraced(function* (turn: FaultyTurn, id: ItemId) {
  const text = Array.from({ length: 1 + turn.random.below(5) }, (_, n) => `word${n}`).join(" ")
  emit(turn, { _tag: "ItemStarted", item: { _tag: "AgentMessage", id, text: "" } })
  yield* deltas(turn, id, "MessageDelta")
  emit(turn, { _tag: "ItemCompleted", item: { _tag: "AgentMessage", id, text } })
})

const command = Effect.fnUntraced(function* (turn: FaultyTurn, id: ItemId) {
  const item: Item.CommandExecution = {
    _tag: "CommandExecution",
    id,
    command: `step ${id}`,
    cwd: "/",
    status: "inProgress",
    operations: []
  }
  emit(turn, { _tag: "ItemStarted", item })
  const asksFirst = turn.options.approvalMode !== "never" && turn.random.chance(60)
  const { command, cwd } = item
  const request = { _tag: "Command", id, itemId: id, command, script: command, cwd, extra: false } as const
  const runs = !asksFirst || (yield* isApproved(turn, request))
  if (!runs) return emit(turn, { _tag: "ItemCompleted", item: { ...item, status: "declined" } })
  yield* pause(turn.random)
  yield* deltas(turn, id, "OutputDelta")
  if (turn.root !== undefined && turn.background.chance(turn.settings.faults.background))
    return void turn.left.set(id, item)
  emit(turn, { _tag: "ItemCompleted", item: { ...item, status: "completed", exitCode: 0 } })
})

const toolCall = Effect.fnUntraced(function* (turn: FaultyTurn, id: ItemId) {
  const { options, random, settings } = turn
  const spec = options.tools[random.below(options.tools.length)]
  if (spec === undefined) return
  const tool = random.chance(3) ? "no_such_tool" : spec.name
  const args = settings.args(tool, id, random)
  const item: Item.ToolCall = { _tag: "ToolCall", id, tool, arguments: args, status: "inProgress" }
  emit(turn, { _tag: "ItemStarted", item })
  const call = turn.handlers.callTool({ callId: id, tool, arguments: args })
  const output = yield* callHandler(call)
  emit(turn, {
    _tag: "ItemCompleted",
    item: { ...item, status: output.success ? "completed" : "failed", output: output.text }
  })
})

/** Emits an event that a correct engine would not emit at this point. */
const emitDisorder = (turn: FaultyTurn, id: ItemId): void => {
  const { engineTurn, random } = turn
  const earlier = engineTurn.emitted[random.below(engineTurn.emitted.length)]
  const item = { _tag: "AgentMessage", id, text: "" } as const
  switch (random.below(5)) {
    case 0:
      return earlier === undefined ? undefined : emit(turn, earlier)
    case 1:
      return emit(turn, { _tag: "ItemCompleted", item })
    case 2:
      return emit(turn, { _tag: "ToolReturned", callId: id })
    case 3:
      return emit(turn, { _tag: "Unknown", method: "thread/somethingNew", payload: { id } })
    default:
      return emit(turn, {
        _tag: "ApprovalDecided",
        requestId: id,
        itemId: id,
        decision: { _tag: "Accept" },
        source: "policy"
      })
  }
}

const playStep = (turn: FaultyTurn, name: string): Effect.Effect<void, CodexError.TurnError> => {
  const { random, settings } = turn
  const id = ItemId.make(name)
  if (random.chance(settings.faults.disorder)) emitDisorder(turn, ItemId.make(`${name}-odd`))
  switch (random.below(8)) {
    case 0:
    case 1:
      return message(turn, id)
    case 2:
    case 3:
      return command(turn, id)
    case 4:
      return toolCall(turn, id)
    case 5:
      return Effect.forEach(
        Array.from({ length: 2 + random.below(4) }, (_, index) => ItemId.make(`${name}-${index}`)),
        (id) => (random.chance(50) ? toolCall(turn, id) : command(turn, id)),
        { concurrency: "unbounded", discard: true }
      )
    case 6:
      return Effect.sync(() => emit(turn, { _tag: "Retrying", errorType: "TurnFailed.Overloaded" }))
    default:
      return Effect.sync(() =>
        emit(turn, { _tag: "UsageUpdated", usage: { ...Turn.noUsage, input: 7, output: 3 } })
      )
  }
}

const failures = [
  () => new CodexError.TurnFailed({ reason: "ServerError", detail: "" }),
  () => new CodexError.TurnFailed({ reason: "RateLimited", detail: "" }),
  () => new CodexError.TurnFailed({ reason: "Disconnected", detail: "" }),
  () => new CodexError.TurnStalled({ detail: "" }),
  () => new CodexError.ProtocolError({ detail: "" })
] as const

/** Reports the result of a review. A disordered reviewer gives none. */
const emitReview = (turn: FaultyTurn): void => {
  const { settings, turnId } = turn
  const random = SeededRandom.make(settings.seed, `review ${turnId}`)
  const review = { findings: [], explanation: "fine" }
  const item = { _tag: "ExitedReviewMode", id: ItemId.make(`${turnId}-review`), text: "fine" } as const
  const hasResult = !random.chance(settings.faults.disorder / 4)
  emit(turn, { _tag: "ItemStarted", item })
  emit(turn, { _tag: "ItemCompleted", item: hasResult ? { ...item, review } : item })
}

/** The goal of a thread is reached, or not, in each of its turns. */
const pursueGoal = ({ turnId, settings }: FaultyTurn, { goal, setGoal }: RootTurn): void => {
  const current = goal()
  if (current?.status !== "active") return
  const random = SeededRandom.make(settings.seed, `goal ${turnId}`)
  const status = random.oneOf<Goal.GoalStatus>(["active", "active", "complete", "blocked"])
  if (status !== "active") setGoal({ ...current, status, tokensUsed: current.tokensUsed + 10 })
}

const exhausted = (resetsAt: number) =>
  new CodexError.TurnFailed({ reason: "UsageLimit", detail: "", resetsAt })

/** Plays a turn to its end. `crashEngine` ends all turns of the engine. */
export const play = Effect.fnUntraced(function* (
  turn: FaultyTurn,
  input: string,
  crashEngine: Effect.Effect<void>
): Effect.fn.Return<void, CodexError.TurnError> {
  const { engineTurn, random, root, rootTurnId, settings, turnId } = turn
  const { faults } = settings
  const { threadId } = engineTurn
  yield* pause(random)
  emit(turn, {
    _tag: "TurnStarted",
    threadId,
    turnId,
    ...(rootTurnId === undefined ? {} : { rootTurnId })
  })
  const agents = SeededRandom.make(settings.seed, `agents ${turnId}`)
  const resetsAt = root?.exhaustLimit()
  // Mostly the first request of the model meets the limit, before the turn has done anything.
  if (resetsAt !== undefined && agents.chance(70)) return yield* exhausted(resetsAt)
  const user = { _tag: "UserMessage", id: ItemId.make(`${turnId}-user`), text: input } as const
  if (random.chance(70)) emit(turn, { _tag: "ItemCompleted", item: user })
  const steps = random.below(6)
  const percentile = random.below(10_000) / 100
  const fate = (["crash", "silence", "failure", "defect", "interruption"] as const).find(
    (_, index, all) => percentile < all.slice(0, index + 1).reduce((sum, name) => sum + faults[name], 0)
  )
  for (let index = 0; index < steps; index++) {
    yield* pause(random)
    yield* playStep(turn, `${turnId}-${index}`)
    if (root !== undefined && agents.chance(faults.agent)) yield* root.startAgent(`${turnId}-agent-${index}`)
    root?.reportLimit()
  }
  if (resetsAt !== undefined) return yield* exhausted(resetsAt)
  if (fate !== undefined) settings.history.log(threadId, `fate of ${turnId}: ${fate}`)
  switch (fate) {
    case "crash":
      // A sub-agent cannot end the engine, only itself.
      if (root === undefined) return yield* message(turn, ItemId.make(`${turnId}-last`))
      yield* crashEngine
      return yield* Effect.never
    case "silence":
      return yield* Effect.never
    case "failure":
      return yield* random.oneOf(failures)()
    case "defect":
      return yield* Effect.die(new Error("a bug of the engine"))
    case "interruption":
      return yield* new CodexError.TurnInterrupted({ by: "codex" })
    default:
      if (root?.isReview === true) emitReview(turn)
      if (root !== undefined) pursueGoal(turn, root)
      return yield* message(turn, ItemId.make(`${turnId}-last`))
  }
})

/** Returns how a turn ended, for the history. */
export const describeExit = (exit: Exit.Exit<unknown, CodexError.TurnError>): string => {
  if (Exit.isSuccess(exit)) return "completed"
  const [reason] = exit.cause.reasons
  return reason === undefined ? "empty" : Cause.isFailReason(reason) ? reason.error.errorType : reason._tag
}
