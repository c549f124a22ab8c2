/** An engine that does what an engine may do at worst, in an order that a seed decides. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scripted from "../Scripted.ts"
import * as Approval from "../../Approval.ts"
import * as CodexError from "../../domain/CodexError.ts"
import * as Engine from "../../engine/Engine.ts"
import { ItemId, ThreadId, TurnId } from "../../domain/Ids.ts"
import type * as Item from "../../domain/Item.ts"
import * as Turn from "../../domain/Turn.ts"
import * as TurnOptions from "../../domain/TurnOptions.ts"
import type { Ledger, Performed } from "./History.ts"
import * as SeededRandom from "./SeededRandom.ts"

/** What may go wrong, each in so many of a hundred turns; what is left out is as it is by default. */
export interface Faults {
  /** The engine dies, with all the turns that run on it. */
  readonly death: number
  /** Nothing more is heard of the turn. */
  readonly silence: number
  /** The provider fails it. */
  readonly failure: number
  /** The engine has a bug, and the turn dies of it. */
  readonly defect: number
  /** Codex itself interrupts it. */
  readonly interruption: number
  /** Events come twice, in the wrong order, with an older time, or after the end of their turn. */
  readonly disorder: number
  /** An interrupt is answered only after its grace. */
  readonly deafness: number
}

export const defaults: Faults = {
  death: 2,
  silence: 8,
  failure: 10,
  defect: 2,
  interruption: 4,
  disorder: 40,
  deafness: 15
}

export interface FaultyEngineOptions {
  readonly seed: number
  readonly faults: Faults
  readonly ledger: Ledger
  /** What the model calls a tool of the program with. */
  readonly args: (tool: string, call: string, random: SeededRandom.Random) => unknown
}

/** How long an engine may take to stop a turn: the grace of the real one, after which its process is ended. */
export const interruptGrace = 5000
/** How long it waits for a policy that ignores its interruption. */
const handlerGrace = Duration.seconds(1)

interface Stage {
  readonly performed: Performed
  readonly handlers: Engine.Handlers
  readonly random: SeededRandom.Random
  readonly turnId: TurnId
  readonly options: Engine.EngineThreadOptions
  readonly settings: FaultyEngineOptions
}

type Untimed<E> = E extends unknown ? Omit<E, "at"> : never

const say = (stage: Stage, event: Untimed<Turn.EngineEvent>): void => {
  const { handlers, performed, random, settings } = stage
  const { faults, ledger } = settings
  // A clock that was set back stamps in the past.
  const back = random.chance(faults.disorder) && random.chance(20) ? random.below(3_600_000) : 0
  const said = { ...event, at: ledger.now() - back } as Turn.EngineEvent
  performed.said.push(said)
  handlers.emit(said)
}

const pause = (random: SeededRandom.Random): Effect.Effect<void> => {
  const length = random.oneOf([0, 0, 0, 1, 7, 40, 300, 2_000])
  return length === 0 ? Effect.void : Effect.sleep(length)
}

/** Runs what the runtime is asked for, and does not wait for ever where it is not wanted any more. */
const asked = <A>(handler: Effect.Effect<A>): Effect.Effect<A> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDetach(handler, { startImmediately: true }), (fiber) =>
      restore(Fiber.join(fiber)).pipe(
        Effect.onInterrupt(() => Effect.timeoutOption(Fiber.interrupt(fiber), handlerGrace))
      )
    )
  )

const put = Effect.fnUntraced(function* (stage: Stage, request: Approval.ApprovalRequest) {
  const { ledger } = stage.settings
  say(stage, { _tag: "ApprovalRequested", request })
  const decision = yield* asked(Effect.suspend(() => stage.handlers.approve(request)))
  const { id: requestId, itemId } = request
  say(stage, {
    _tag: "ApprovalDecided",
    requestId,
    itemId,
    decision: Approval.withoutAnswers(decision),
    source: decision.source ?? "policy"
  })
  if (decision._tag === "cancel") return yield* new CodexError.TurnInterrupted({ by: "policy" })
  if (!Approval.isGranted(decision)) return false
  ledger.say(stage.performed.threadId, `runs ${request.id}`)
  if (!ledger.granted.has(request.id))
    ledger.broken(3, stage.performed.threadId, `${Approval.describe(request)} runs, and nobody said yes`)
  return true
})

const deltas = (stage: Stage, itemId: ItemId, tag: "MessageDelta" | "OutputDelta") =>
  Effect.suspend(() => {
    const count = stage.random.oneOf([1, 3, 10, 200])
    for (let index = 0; index < count; index++) say(stage, { _tag: tag, itemId, delta: `${index} ` })
    return pause(stage.random)
  })

const message = Effect.fnUntraced(function* (stage: Stage, id: ItemId) {
  const text = Array.from({ length: 1 + stage.random.below(5) }, (_, n) => `word${n}`).join(" ")
  say(stage, { _tag: "ItemStarted", item: { _tag: "AgentMessage", id, text: "" } })
  yield* deltas(stage, id, "MessageDelta")
  say(stage, { _tag: "ItemCompleted", item: { _tag: "AgentMessage", id, text } })
})

const command = Effect.fnUntraced(function* (stage: Stage, id: ItemId) {
  const item: Item.CommandExecution = {
    _tag: "CommandExecution",
    id,
    command: `step ${id}`,
    cwd: "/",
    status: "inProgress",
    operations: []
  }
  say(stage, { _tag: "ItemStarted", item })
  const asks = stage.options.approvalMode !== "never" && stage.random.chance(60)
  const { command, cwd } = item
  const request = { _tag: "command", id, itemId: id, command, script: command, cwd, extra: false } as const
  const runs = !asks || (yield* put(stage, request))
  if (!runs) return say(stage, { _tag: "ItemCompleted", item: { ...item, status: "declined" } })
  yield* pause(stage.random)
  yield* deltas(stage, id, "OutputDelta")
  say(stage, { _tag: "ItemCompleted", item: { ...item, status: "completed", exitCode: 0 } })
})

const toolCall = Effect.fnUntraced(function* (stage: Stage, id: ItemId) {
  const { options, random, settings } = stage
  const spec = options.tools[random.below(options.tools.length)]
  if (spec === undefined) return
  const tool = random.chance(3) ? "no_such_tool" : spec.name
  const args = settings.args(tool, id, random)
  const item: Item.ToolCall = { _tag: "ToolCall", id, tool, arguments: args, status: "inProgress" }
  say(stage, { _tag: "ItemStarted", item })
  const call = stage.handlers.callTool({ callId: id, tool, arguments: args })
  const output = yield* asked(call)
  say(stage, {
    _tag: "ItemCompleted",
    item: { ...item, status: output.success ? "completed" : "failed", output: output.text }
  })
})

/** Something that an engine would not say there, or not in that way. */
const disorder = (stage: Stage, id: ItemId): void => {
  const { performed, random } = stage
  const earlier = performed.said[random.below(performed.said.length)]
  const item = { _tag: "AgentMessage", id, text: "" } as const
  switch (random.below(5)) {
    case 0:
      return earlier === undefined ? undefined : say(stage, earlier)
    case 1:
      return say(stage, { _tag: "ItemCompleted", item })
    case 2:
      return say(stage, { _tag: "ToolReturned", callId: id })
    case 3:
      return say(stage, { _tag: "Unknown", method: "thread/somethingNew", payload: { id } })
    default:
      return say(stage, {
        _tag: "ApprovalDecided",
        requestId: id,
        itemId: id,
        decision: { _tag: "accept" },
        source: "policy"
      })
  }
}

const step = (stage: Stage, name: string): Effect.Effect<void, CodexError.TurnError> => {
  const { random, settings } = stage
  const id = ItemId.make(name)
  if (random.chance(settings.faults.disorder)) disorder(stage, ItemId.make(`${name}-odd`))
  switch (random.below(8)) {
    case 0:
    case 1:
      return message(stage, id)
    case 2:
    case 3:
      return command(stage, id)
    case 4:
      return toolCall(stage, id)
    case 5:
      return Effect.forEach(
        Array.from({ length: 2 + random.below(4) }, (_, index) => ItemId.make(`${name}-${index}`)),
        (id) => (random.chance(50) ? toolCall(stage, id) : command(stage, id)),
        { concurrency: "unbounded", discard: true }
      )
    case 6:
      return Effect.sync(() => say(stage, { _tag: "Retrying", errorType: "TurnFailed.Overloaded" }))
    default:
      return Effect.sync(() =>
        say(stage, { _tag: "UsageUpdated", usage: { ...Turn.noUsage, input: 7, output: 3 } })
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

const play = Effect.fnUntraced(function* (
  stage: Stage,
  input: string,
  die: Effect.Effect<void>
): Effect.fn.Return<void, CodexError.TurnError> {
  const { performed, random, settings, turnId } = stage
  const { faults } = settings
  const { threadId } = performed
  yield* pause(random)
  say(stage, { _tag: "TurnStarted", threadId, turnId })
  const user = { _tag: "UserMessage", id: ItemId.make(`${turnId}-user`), text: input } as const
  if (random.chance(70)) say(stage, { _tag: "ItemCompleted", item: user })
  const steps = random.below(6)
  const worst = random.below(10_000) / 100
  const fate = (["death", "silence", "failure", "defect", "interruption"] as const).find(
    (_, index, all) => worst < all.slice(0, index + 1).reduce((sum, name) => sum + faults[name], 0)
  )
  for (let index = 0; index < steps; index++) {
    yield* pause(random)
    yield* step(stage, `${turnId}-${index}`)
  }
  if (fate !== undefined) settings.ledger.say(threadId, `fate of ${turnId}: ${fate}`)
  switch (fate) {
    case "death":
      yield* die
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
      return yield* message(stage, ItemId.make(`${turnId}-last`))
  }
})

const nameOf = (exit: Exit.Exit<unknown, CodexError.TurnError>): string => {
  if (Exit.isSuccess(exit)) return "completed"
  const [reason] = exit.cause.reasons
  return reason === undefined ? "empty" : Cause.isFailReason(reason) ? reason.error.errorType : reason._tag
}

/** The engine; what it does is in the ledger. Everything but turns is that of the scripted one. */
export const layer = (options: FaultyEngineOptions): Layer.Layer<Engine.Engine> =>
  Layer.effect(
    Engine.Engine,
    Effect.gen(function* () {
      const { faults, ledger, seed } = options
      const quiet = yield* Engine.Engine
      const scope = yield* Effect.scope
      let death = Deferred.makeUnsafe<never, CodexError.EngineExited>()
      const turns = new Map<string, number>()

      const die = Effect.sync(() => {
        ledger.say(undefined, "the engine dies")
        const dying = death
        death = Deferred.makeUnsafe()
        Deferred.doneUnsafe(dying, Exit.fail(new CodexError.EngineExited({ signal: "SIGKILL", stderr: "" })))
      })

      const perform = (
        thread: Engine.EngineThread,
        settings: Engine.EngineThreadOptions,
        input: string,
        handlers: Engine.Handlers
      ): Effect.Effect<void, CodexError.TurnError> =>
        Effect.suspend(() => {
          // The same for a turn however others are interleaved with it: named by its thread and its place there.
          const number = (turns.get(thread.id) ?? 0) + 1
          turns.set(thread.id, number)
          const name = `${thread.id}.${number}`
          const random = SeededRandom.make(seed, `turn ${name}`)
          const performed = ledger.begin(thread.id, input)
          const turnId = TurnId.make(`turn-${name}`)
          const stage: Stage = { performed, handlers, random, turnId, options: settings, settings: options }
          const late = Effect.suspend(() => {
            if (!random.chance(faults.disorder)) return Effect.void
            const item = {
              _tag: "AgentMessage",
              id: ItemId.make(`late-${turnId}`),
              text: "too late"
            } as const
            return Effect.sync(() => handlers.emit({ _tag: "ItemCompleted", item, at: ledger.now() })).pipe(
              Effect.delay(random.oneOf([1, 50, 1_000])),
              Effect.forkIn(scope),
              Effect.asVoid
            )
          })
          return Effect.raceFirst(play(stage, input, die), Deferred.await(death)).pipe(
            Effect.onExit((exit) =>
              Effect.gen(function* () {
                const isInterrupted = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
                if (isInterrupted) {
                  ledger.say(thread.id, `is told to stop ${turnId}`)
                  const slow = random.chance(faults.deafness) ? interruptGrace : random.below(100)
                  yield* Effect.sleep(slow)
                }
                ledger.end(performed, nameOf(exit))
                yield* late
              })
            )
          )
        })

      const ours = (
        thread: Engine.EngineThread,
        settings: Engine.EngineThreadOptions
      ): Engine.EngineThread => ({
        ...thread,
        turn: (input, _, handlers) => perform(thread, settings, TurnOptions.text(input), handlers),
        compact: (handlers) => perform(thread, settings, "compact", handlers)
      })

      return Engine.Engine.of({
        ...quiet,
        startThread: (settings) =>
          Effect.map(quiet.startThread(settings), (thread) => ours(thread, settings)),
        resumeThread: (id, settings) =>
          Effect.map(quiet.resumeThread(ThreadId.make(id), settings), (thread) => ours(thread, settings)),
        forkThread: (id, settings) =>
          Effect.map(quiet.forkThread(id, settings), (thread) => ours(thread, settings))
      })
    })
  ).pipe(Layer.provide(Layer.fresh(Scripted.layer)))
