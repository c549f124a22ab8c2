/** An engine that fails in every way an engine can, in an order that a seed determines. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Scripted from "../Scripted.ts"
import * as Approval from "../../Approval.ts"
import * as CodexError from "../../domain/CodexError.ts"
import * as Engine from "../../engine/Engine.ts"
import * as NotificationHub from "../../engine/NotificationHub.ts"
import * as NotificationObserver from "./NotificationObserver.ts"
import * as ScriptedThreads from "../scripted/ScriptedThreads.ts"
import { requestApproval, type Untimed } from "../scripted/ScriptedTurn.ts"
import { ItemId, ThreadId, TurnId } from "../../domain/Ids.ts"
import type * as Item from "../../domain/Item.ts"
import * as Turn from "../../domain/Turn.ts"
import * as TurnOptions from "../../domain/TurnOptions.ts"
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

/** The maximum time to stop a turn. After this grace period the real engine kills its process. */
export const interruptGrace = 5000
/** The maximum wait for a handler that ignores interruption. */
const handlerGrace = Duration.seconds(1)

interface PlayOptions {
  /** Whether a caller has requested the turn. */
  readonly isRequested: boolean
  readonly terminals?: TurnOptions.TerminalPolicy | undefined
}

interface FaultyTurn {
  readonly engineTurn: EngineTurn
  readonly handlers: Engine.Handlers
  readonly random: SeededRandom.Random
  readonly turnId: TurnId
  readonly options: Engine.EngineThreadOptions
  readonly settings: FaultyEngineOptions
  /** Decides which commands continue when the turn ends. */
  readonly background: SeededRandom.Random
  readonly left: Map<string, Item.CommandExecution>
}

const emit = (turn: FaultyTurn, event: Untimed<Turn.EngineEvent>): void => {
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
  if (turn.background.chance(turn.settings.faults.background)) return void turn.left.set(id, item)
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

const playTurn = Effect.fnUntraced(function* (
  turn: FaultyTurn,
  input: string,
  crashEngine: Effect.Effect<void>
): Effect.fn.Return<void, CodexError.TurnError> {
  const { engineTurn, random, settings, turnId } = turn
  const { faults } = settings
  const { threadId } = engineTurn
  yield* pause(random)
  emit(turn, { _tag: "TurnStarted", threadId, turnId })
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
  }
  if (fate !== undefined) settings.history.log(threadId, `fate of ${turnId}: ${fate}`)
  switch (fate) {
    case "crash":
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
      return yield* message(turn, ItemId.make(`${turnId}-last`))
  }
})

const describeExit = (exit: Exit.Exit<unknown, CodexError.TurnError>): string => {
  if (Exit.isSuccess(exit)) return "completed"
  const [reason] = exit.cause.reasons
  return reason === undefined ? "empty" : Cause.isFailReason(reason) ? reason.error.errorType : reason._tag
}

/** The faulty engine, which logs to the history. Everything except turns comes from the scripted engine. */
export const layer = (options: FaultyEngineOptions): Layer.Layer<Engine.Engine> =>
  Layer.effect(
    Engine.Engine,
    Effect.gen(function* () {
      const { faults, history, seed } = options
      const scripted = yield* Engine.Engine
      const scope = yield* Effect.scope
      const notifications = NotificationHub.make()
      const notify = NotificationObserver.sender(notifications, history)
      let crash = Deferred.makeUnsafe<never, CodexError.EngineExited>()
      const turns = new Map<string, number>()
      const shared = new Map<ThreadId, ScriptedThreads.ScriptedThread>()
      const sharedThread = (id: ThreadId) => {
        const thread = shared.get(id) ?? ScriptedThreads.make()
        shared.set(id, thread)
        return thread
      }
      /** The commands that continue after their turn, by thread. */
      const terminals = new Map<string, Map<string, Item.CommandExecution>>()

      const terminalsOf = (threadId: ThreadId): Engine.EngineTerminals => ({
        list: Effect.sync(() =>
          Array.from(terminals.get(threadId)?.values() ?? [], ({ command, cwd, id }) => ({
            processId: id,
            itemId: id,
            command,
            cwd
          }))
        ),
        watch: Stream.empty,
        terminate: (processId) => Effect.sync(() => terminals.get(threadId)?.delete(processId) ?? false),
        clean: Effect.sync(() => void terminals.delete(threadId))
      })

      /** Reports the commands that a turn has left. An interruption ends all commands of the thread. */
      const settle = (turn: FaultyTurn, policy: TurnOptions.TerminalPolicy, isInterrupted: boolean) => {
        const { threadId } = turn.engineTurn
        if (isInterrupted) terminals.delete(threadId)
        const status = isInterrupted || policy === "end" ? "interrupted" : "background"
        for (const item of turn.left.values()) {
          emit(turn, { _tag: "ItemCompleted", item: { ...item, status } })
          if (status === "interrupted") continue
          const running = terminals.get(threadId) ?? new Map<string, Item.CommandExecution>()
          terminals.set(threadId, running.set(item.id, item))
        }
      }

      const crashEngine = Effect.sync(() => {
        history.log(undefined, "the engine crashes")
        terminals.clear()
        const previous = crash
        crash = Deferred.makeUnsafe()
        Deferred.doneUnsafe(
          previous,
          Exit.fail(new CodexError.EngineExited({ signal: "SIGKILL", stderr: "" }))
        )
      })

      const runTurn = (
        thread: Engine.EngineThread,
        settings: Engine.EngineThreadOptions,
        input: string,
        handlers: Engine.Handlers,
        { isRequested, terminals: policy = "keep" }: PlayOptions
      ): Effect.Effect<void, CodexError.TurnError> =>
        Effect.suspend(() => {
          // Seed each turn by its thread and number, so that its faults do not depend on how turns interleave.
          const number = (turns.get(thread.id) ?? 0) + 1
          turns.set(thread.id, number)
          const name = `${thread.id}.${number}`
          const random = SeededRandom.make(seed, `turn ${name}`)
          const engineTurn = history.begin(thread.id, input, isRequested)
          const turnId = TurnId.make(`turn-${name}`)
          const turn: FaultyTurn = {
            engineTurn,
            handlers: {
              ...handlers,
              // Codex sends a notification before each event, so every event sends one here.
              emit: (event) => {
                notify(thread.id)
                handlers.emit(event)
              }
            },
            random,
            turnId,
            options: settings,
            settings: options,
            background: SeededRandom.make(seed, `background ${name}`),
            left: new Map()
          }
          const emitLate = Effect.suspend(() => {
            if (!random.chance(faults.disorder)) return Effect.void
            const item = {
              _tag: "AgentMessage",
              id: ItemId.make(`late-${turnId}`),
              text: "too late"
            } as const
            return Effect.sync(() => handlers.emit({ _tag: "ItemCompleted", item, at: history.now() })).pipe(
              Effect.delay(random.oneOf([1, 50, 1_000])),
              Effect.forkIn(scope),
              Effect.asVoid
            )
          })
          return Effect.raceFirst(playTurn(turn, input, crashEngine), Deferred.await(crash)).pipe(
            Effect.onExit((exit) =>
              Effect.gen(function* () {
                const isInterrupted = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
                const hasCrashed = Exit.findErrorOption(exit).pipe(
                  Option.exists(({ _tag }) => _tag === "EngineExited")
                )
                settle(turn, policy, isInterrupted || hasCrashed)
                if (isInterrupted) {
                  history.log(thread.id, `is asked to stop ${turnId}`)
                  const stopTime = random.chance(faults.slowInterrupt) ? interruptGrace : random.below(100)
                  yield* Effect.sleep(stopTime)
                }
                history.end(engineTurn, describeExit(exit))
                yield* emitLate
              })
            )
          )
        })

      /** Sometimes starts a turn after a turn, if no other turn runs by then. */
      const startLater = (thread: Engine.EngineThread, settings: Engine.EngineThreadOptions) =>
        Effect.suspend(() => {
          const name = `${thread.id}.${turns.get(thread.id) ?? 0}`
          const random = SeededRandom.make(seed, `after ${name}`)
          if (!random.chance(faults.adopted)) return Effect.void
          const start = Effect.sync(() => {
            const state = sharedThread(thread.id)
            if (state.running || state.adopted !== undefined) return
            ScriptedThreads.adopt(state, TurnId.make(`adopted-${name}`), (_, handlers) =>
              play(thread, settings, "", handlers, { isRequested: false })
            )
          })
          return start.pipe(
            Effect.delay(random.oneOf([1, 5, 50, 2_000])),
            Effect.forkIn(scope),
            Effect.asVoid
          )
        })

      const play = (
        thread: Engine.EngineThread,
        settings: Engine.EngineThreadOptions,
        input: string,
        handlers: Engine.Handlers,
        options: PlayOptions
      ): Effect.Effect<void, CodexError.TurnError> => {
        const state = sharedThread(thread.id)
        const run = runTurn(thread, settings, input, handlers, options)
        const turn = Effect.ensuring(
          ScriptedThreads.runTurn(state, run, () => {}),
          startLater(thread, settings)
        )
        return options.isRequested ? Effect.andThen(ScriptedThreads.settled(state), turn) : turn
      }

      const makeFaulty = (thread: Engine.EngineThread, settings: Engine.EngineThreadOptions) =>
        Effect.as(ScriptedThreads.observe(sharedThread(thread.id), settings.observer), {
          ...thread,
          terminals: terminalsOf(thread.id),
          settled: ScriptedThreads.settled(sharedThread(thread.id)),
          turn: (input, { terminals }, handlers) =>
            play(thread, settings, TurnOptions.text(input), handlers, { isRequested: true, terminals }),
          compact: (handlers) => play(thread, settings, "compact", handlers, { isRequested: true })
        } satisfies Engine.EngineThread)

      return Engine.Engine.of({
        ...scripted,
        subscribe: notifications.subscribe,
        startThread: (settings) =>
          Effect.flatMap(scripted.startThread(settings), (thread) => makeFaulty(thread, settings)),
        resumeThread: (id, settings) =>
          Effect.flatMap(scripted.resumeThread(ThreadId.make(id), settings), (thread) =>
            makeFaulty(thread, settings)
          ),
        forkThread: (id, settings) =>
          Effect.flatMap(scripted.forkThread(id, settings), (thread) => makeFaulty(thread, settings))
      })
    })
  ).pipe(Layer.provide(Layer.fresh(Scripted.layer)))
