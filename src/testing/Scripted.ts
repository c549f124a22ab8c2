/**
 * An engine that plays a script instead of running Codex. It needs no process and no model, gives the same result every
 * time, and works under any clock.
 *
 * ```ts
 * yield* Scripted.play([
 *   Scripted.command("npm test", { exitCode: 1 }),
 *   Scripted.toolCall("lookup_ticket", { id: "T-42" }),
 *   Scripted.message("Fixed.")
 * ])
 * ```
 *
 * A script that does not match the program is a defect, so the test fails however the program handles errors. Mismatches
 * are a turn without steps, a step that the thread cannot perform (a tool that it does not have, an approval on a thread
 * that never asks), and unused steps at the end.
 */
import type * as Brand from "effect/Brand"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as CodexError from "../domain/CodexError.ts"
import type * as Exec from "../domain/Exec.ts"
import type * as Goal from "../domain/Goal.ts"
import { ThreadId } from "../domain/Ids.ts"
import * as Review from "../domain/Review.ts"
import * as Turn from "../domain/Turn.ts"
import type * as CodexProtocol from "../engine/CodexProtocol.ts"
import * as Engine from "../engine/Engine.ts"
import type { RespondToCommand } from "./scripted/ScriptedExec.ts"
import * as ScriptedEngine from "./scripted/ScriptedEngine.ts"
import { dieScriptError, emit, emitAll, type ScriptedStep, type Untimed } from "./scripted/ScriptedTurn.ts"

export type { RespondToCommand, ScriptedResult } from "./scripted/ScriptedExec.ts"
export { background, command, fileChange, question, toolCall } from "./scripted/ActionSteps.ts"
export { limit, usageLimit } from "./scripted/LimitSteps.ts"
export { notification } from "./scripted/NotificationStep.ts"
export { ScriptError, type ScriptedEnd, type ScriptedStep } from "./scripted/ScriptedTurn.ts"

const step = (play: ScriptedStep["play"]): ScriptedStep => ({ _tag: "Step", play })

/** A type without the brands of its ids. */
type Unbranded<T> = T extends string
  ? T extends Brand.Brand<string>
    ? string
    : T
  : T extends object
    ? { readonly [K in keyof T]: Unbranded<T[K]> }
    : T

/** An event as a script writes it: ids are plain strings. */
type ScriptedEvent = Unbranded<Exclude<Turn.TurnEvent, { readonly _tag: "TurnCompleted" }>>

const sleep = (duration: Duration.Input | undefined) =>
  duration === undefined ? Effect.void : Effect.sleep(duration)

/** The agent writes a message; `deltas: true` streams it word by word. */
export const message = (
  text: string,
  options: { readonly deltas?: ReadonlyArray<string> | true; readonly takes?: Duration.Input } = {}
): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (turn) {
      const id = turn.nextId("msg")
      const deltas = options.deltas === true ? (text.match(/\S+\s*|\s+/g) ?? []) : (options.deltas ?? [])
      yield* sleep(options.takes)
      yield* emit(turn, { _tag: "ItemStarted", item: { _tag: "AgentMessage", id, text: "" } })
      yield* emitAll(turn, ...deltas.map((delta) => ({ _tag: "MessageDelta", itemId: id, delta }) as const))
      yield* emit(turn, { _tag: "ItemCompleted", item: { _tag: "AgentMessage", id, text } })
    })
  )

/** The model reports a summary of its reasoning. */
export const reasoning = (summary: string): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (turn) {
      const item = {
        _tag: "Reasoning",
        id: turn.nextId("reasoning"),
        summary: [summary],
        content: []
      } as const
      yield* emitAll(turn, { _tag: "ItemStarted", item }, { _tag: "ItemCompleted", item })
    })
  )

/** The agent changes its list of steps. A step that is only a text is pending. */
export const plan = (
  steps: ReadonlyArray<string | Turn.TurnPlan["steps"][number]>,
  options: { readonly explanation?: string } = {}
): ScriptedStep =>
  step((turn) =>
    emit(turn, {
      _tag: "PlanUpdated",
      plan: {
        steps: steps.map((step) => (typeof step === "string" ? { step, status: "pending" } : step)),
        ...options
      }
    })
  )

/** The agent proposes a plan, as it does in the mode `plan`. */
export const proposedPlan = (text: string): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (turn) {
      const id = turn.nextId("plan")
      yield* emit(turn, { _tag: "ItemStarted", item: { _tag: "Plan", id, text: "" } })
      yield* emit(turn, { _tag: "PlanDelta", itemId: id, delta: text })
      yield* emit(turn, { _tag: "ItemCompleted", item: { _tag: "Plan", id, text } })
    })
  )

/** The reviewing model gives its review. Play it in a turn that `thread.review` runs. */
export const review = (result: Partial<Review.Review>): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (turn) {
      const review = { findings: [], explanation: "", ...result }
      const text = Review.format(review)
      const item = { _tag: "ExitedReviewMode", id: turn.nextId("review"), text, review } as const
      const message = { _tag: "AgentMessage", id: turn.nextId("msg"), text } as const
      yield* emitAll(
        turn,
        { _tag: "ItemStarted", item },
        { _tag: "ItemCompleted", item },
        { _tag: "ItemStarted", item: message },
        { _tag: "ItemCompleted", item: message }
      )
    })
  )

/**
 * The model sets or changes the goal of the thread, which needs the option `goals: true`. While the goal is `active`, Codex
 * starts another turn after each turn that completes, and that turn plays the next steps of the script.
 */
export const goal = (
  status: Goal.GoalStatus,
  options: { readonly objective?: string; readonly tokensUsed?: number } = {}
): ScriptedStep =>
  step((turn) => {
    if (turn.options.goals !== true)
      return dieScriptError("the script sets a goal, but the thread was opened without goals: true")
    const { objective = "reach the goal", tokensUsed = 0 } = options
    return Effect.sync(() => turn.setGoal({ objective, status, tokensUsed }))
  })

/**
 * The model starts a sub-agent, which plays these steps while the turn continues. Sub-agents that still work at the end of
 * the turn are interrupted, or awaited by the option `subAgents`.
 */
export const agent = (steps: ReadonlyArray<ScriptedStep>): ScriptedStep =>
  step((turn) => turn.startAgent(steps))

/** Codex reports the token usage of one model request. */
export const usage = (tokens: Partial<Turn.Usage>): ScriptedStep =>
  step((turn) => emit(turn, { _tag: "UsageUpdated", usage: { ...Turn.noUsage, ...tokens } }))

/** Waits. The time is virtual under a TestClock. */
export const delay = (duration: Duration.Input): ScriptedStep => step(() => Effect.sleep(duration))

/** Emits any event, for events that have no step of their own. */
export const event = (event: Untimed<ScriptedEvent>): ScriptedStep =>
  step((turn) => emit(turn, event as Untimed<Turn.EngineEvent>))

/** Checks the input of the turn against a text or a predicate. */
export const prompt = (expected: string | ((input: string) => boolean)): ScriptedStep =>
  step((turn) => {
    const fits = typeof expected === "string" ? turn.input === expected : expected(turn.input)
    return fits
      ? Effect.void
      : dieScriptError(`the turn's input is not what the script expects: ${JSON.stringify(turn.input)}`)
  })

/** Waits until the caller steers the turn, and checks the text. */
export const steered = (expected: string | ((input: string) => boolean)): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (turn) {
      const input = yield* Queue.take(turn.steered)
      const fits = typeof expected === "string" ? input === expected : expected(input)
      if (!fits)
        return yield* dieScriptError(
          `the steering input is not what the script expects: ${JSON.stringify(input)}`
        )
      const item = { _tag: "UserMessage", id: turn.nextId("user"), text: input } as const
      yield* emitAll(turn, { _tag: "ItemStarted", item }, { _tag: "ItemCompleted", item })
    })
  )

/** Ends the turn; later steps belong to the next turn. The last turn of a script ends this way by default. */
export const completed: ScriptedStep = { _tag: "End", play: () => Effect.void }

/**
 * Ends the turn, after which Codex starts another turn by itself, for example for a message of its queue. That turn plays the
 * next steps of the script. `input` is the text of the message. For the turns of a goal, use {@link goal}.
 *
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * export const script = Scripted.play([
 *   Scripted.message("Fixed."),
 *   Scripted.continues("And the tests?"),
 *   Scripted.message("They pass.")
 * ])
 * ```
 *
 * @since 0.1.0
 * @category steps
 */
export const continues = (input = ""): ScriptedStep => ({
  _tag: "End",
  play: (turn) => Effect.sync(() => turn.continueWith(input))
})

/** Ends the turn with this error. */
export const failed = (error: CodexError.TurnError): ScriptedStep => ({
  _tag: "End",
  play: () => Effect.fail(error)
})

/** Codex interrupts the turn. */
export const interrupted: ScriptedStep = failed(new CodexError.TurnInterrupted({ by: "codex" }))

/** Stops emitting events. The turn lasts until its deadline or until the caller interrupts it. */
export const silence: ScriptedStep = { _tag: "End", play: () => Effect.never }

/**
 * @since 0.1.0
 * @category services
 */
export class Scripted extends Context.Service<
  Scripted,
  {
    /** Adds steps to the end of the script. */
    readonly play: (steps: ReadonlyArray<ScriptedStep>) => Effect.Effect<void>
    /** The inputs of all turns so far, in order. */
    readonly inputs: Effect.Effect<ReadonlyArray<string>>
    /** Waits until this number of turns has begun, in all threads together. */
    readonly begun: (turns?: number) => Effect.Effect<void>
    /** The number of steps that no turn has taken yet. */
    readonly remaining: Effect.Effect<number>
    /** Sets the answer to `codex.request` for a method. */
    readonly answer: (method: string, answer: (params: unknown) => unknown) => Effect.Effect<void>
    /** Sets the answer to `codex.exec`. */
    readonly exec: (respond: RespondToCommand) => Effect.Effect<void>
    /** The commands that `codex.exec` has started, in order. */
    readonly commands: Effect.Effect<ReadonlyArray<Exec.EngineCommand>>
    /** Sends a notification to `codex.notifications`, outside any turn. The method may be unknown. */
    readonly notify: (method: string, params: unknown) => Effect.Effect<void>
    /** Starts a turn of Codex itself on an open thread, now or after the thread's current turn. */
    readonly startTurn: (
      threadId: ThreadId,
      steps: ReadonlyArray<ScriptedStep>,
      input: string
    ) => Effect.Effect<void>
  }
>()("effect-codex/testing/Scripted") {}

/** Adds steps to the end of the script. */
export const play = (steps: ReadonlyArray<ScriptedStep>): Effect.Effect<void, never, Scripted> =>
  Scripted.use((scripted) => scripted.play(steps))

/** The inputs of all turns so far, in order. */
export const inputs: Effect.Effect<ReadonlyArray<string>, never, Scripted> = Scripted.use(
  (scripted) => scripted.inputs
)

/**
 * Waits until this number of turns has begun since the layer was built, in all threads together; default 1. A turn has begun
 * when its first step plays.
 *
 * ```ts
 * const turn = yield* Effect.forkChild(thread.run("go"))
 * yield* Scripted.begun()
 * yield* thread.steer("and this")
 * ```
 */
export const begun = (turns?: number): Effect.Effect<void, never, Scripted> =>
  Scripted.use((scripted) => scripted.begun(turns))

/** Sets the answer to `codex.request` for a method. Requests of a method without an answer are rejected. */
export const answer = (
  method: string,
  answer: (params: unknown) => unknown
): Effect.Effect<void, never, Scripted> => Scripted.use((scripted) => scripted.answer(method, answer))

/**
 * Sets the answer to `codex.exec`: the exit code and the output of each command. Without it commands are rejected.
 *
 * ```ts
 * yield* Scripted.exec(({ command }) => (command[0] === "npm" ? { stdout: "ok" } : { exitCode: 127 }))
 * ```
 */
export const exec = (respond: RespondToCommand): Effect.Effect<void, never, Scripted> =>
  Scripted.use((scripted) => scripted.exec(respond))

/** The commands that `codex.exec` has started, in order. */
export const commands: Effect.Effect<ReadonlyArray<Exec.EngineCommand>, never, Scripted> = Scripted.use(
  (scripted) => scripted.commands
)

/** Sends a notification to `codex.notifications`, outside any turn. */
export const notify = <M extends CodexProtocol.NotificationMethod>(
  method: M,
  params: CodexProtocol.NotificationParams<M>
): Effect.Effect<void, never, Scripted> => Scripted.use((scripted) => scripted.notify(method, params))

/**
 * Has Codex start a turn by itself, which no handle of the thread has requested: for a message that another client has queued,
 * a review or a compaction that a raw `codex.request` has started. The turn plays the given steps, now or after the current
 * turn of the thread, and `thread.activity` has its events. Returns at once. A thread without an open handle is a defect.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codex } from "effect-codex"
 * import { Scripted } from "effect-codex/testing"
 *
 * export const reviewedByItself = Effect.gen(function* () {
 *   const codex = yield* Codex
 *   const thread = yield* codex.startThread()
 *   yield* Scripted.startTurn(thread.id, [Scripted.review({ explanation: "fine" })])
 *   yield* Scripted.begun()
 * })
 * ```
 *
 * @since 0.1.0
 * @category scripts
 */
export const startTurn = (
  threadId: string,
  steps: ReadonlyArray<ScriptedStep>,
  options: { readonly input?: string | undefined } = {}
): Effect.Effect<void, never, Scripted> =>
  Scripted.use((scripted) => scripted.startTurn(ThreadId.make(threadId), steps, options.input ?? ""))

/**
 * The engine, and the service that `play` uses. Steps that are left when the layer closes are a defect.
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Engine.Engine | Scripted> = Layer.effectContext(
  Effect.map(ScriptedEngine.make, ({ engine, ...scripted }) =>
    Context.make(Engine.Engine, engine).pipe(Context.add(Scripted, Scripted.of(scripted)))
  )
)
