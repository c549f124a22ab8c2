/** Steps of what the agent says in a turn, and of the input and the end of the turn. */
import type * as Brand from "effect/Brand"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as CodexError from "../../domain/CodexError.ts"
import type * as Goal from "../../domain/Goal.ts"
import * as Review from "../../domain/Review.ts"
import * as Turn from "../../domain/Turn.ts"
import { dieScriptError, emit, emitAll, type ScriptedStep, type Untimed } from "./ScriptedTurn.ts"

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

/**
 * The agent writes a message; `deltas: true` streams it word by word.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const answers = Scripted.play([Scripted.message("Fixed.")])
 * ```
 */
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

/**
 * The model reports a summary of its reasoning.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const thinks = Scripted.play([Scripted.reasoning("The build fails in the linter."), Scripted.message("Fixed.")])
 * ```
 */
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

/**
 * The agent changes its list of steps. A step that is only a text is pending.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const plans = Scripted.plan([
 *   { step: "Find the bug", status: "completed" },
 *   { step: "Fix it", status: "inProgress" }
 * ])
 * ```
 */
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

/**
 * The agent proposes a plan, as it does in the mode `plan`.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * // For a thread with the mode `plan`.
 * const proposes = Scripted.play([Scripted.proposedPlan("1. Find the bug\n2. Fix it")])
 * ```
 */
export const proposedPlan = (text: string): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (turn) {
      const id = turn.nextId("plan")
      yield* emit(turn, { _tag: "ItemStarted", item: { _tag: "Plan", id, text: "" } })
      yield* emit(turn, { _tag: "PlanDelta", itemId: id, delta: text })
      yield* emit(turn, { _tag: "ItemCompleted", item: { _tag: "Plan", id, text } })
    })
  )

/**
 * The reviewing model gives its review. Play it in a turn that `thread.review` runs.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const reviews = Scripted.play([Scripted.review({ findings: [], explanation: "No bugs.", verdict: "patch is correct" })])
 * ```
 */
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
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const reaches = Scripted.play([Scripted.message("Done."), Scripted.goal("complete")])
 * ```
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
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const delegates = Scripted.play([
 *   Scripted.agent([Scripted.command("npm test"), Scripted.message("All tests pass.")]),
 *   Scripted.message("The sub-agent ran the tests.")
 * ])
 * ```
 */
export const agent = (steps: ReadonlyArray<ScriptedStep>): ScriptedStep =>
  step((turn) => turn.startAgent(steps))

/**
 * Codex reports the token usage of one model request.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const expensive = Scripted.play([Scripted.usage({ input: 200_000, output: 9_000 }), Scripted.message("Done.")])
 * ```
 */
export const usage = (tokens: Partial<Turn.Usage>): ScriptedStep =>
  step((turn) => emit(turn, { _tag: "UsageUpdated", usage: { ...Turn.noUsage, ...tokens } }))

/**
 * Waits. The time is virtual under a TestClock.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const slow = Scripted.play([Scripted.delay("10 minutes"), Scripted.message("Done.")])
 * ```
 */
export const delay = (duration: Duration.Input): ScriptedStep => step(() => Effect.sleep(duration))

/**
 * Emits any event, for events that have no step of their own.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const warns = Scripted.event({ _tag: "DiffUpdated", diff: "--- a/a.txt\n+++ b/a.txt\n" })
 * ```
 */
export const event = (event: Untimed<ScriptedEvent>): ScriptedStep =>
  step((turn) => emit(turn, event as Untimed<Turn.EngineEvent>))

/**
 * Checks the input of the turn against a text or a predicate.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const checksInput = Scripted.play([
 *   Scripted.prompt((input) => input.includes("T-42")),
 *   Scripted.message("Fixed.")
 * ])
 * ```
 */
export const prompt = (expected: string | ((input: string) => boolean)): ScriptedStep =>
  step((turn) => {
    const fits = typeof expected === "string" ? turn.input === expected : expected(turn.input)
    return fits
      ? Effect.void
      : dieScriptError(`the turn's input is not what the script expects: ${JSON.stringify(turn.input)}`)
  })

/**
 * Waits until the caller steers the turn, and checks the text.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const waitsForUser = Scripted.play([Scripted.steered("Only the tests"), Scripted.message("Only the tests then.")])
 * ```
 */
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

/**
 * Ends the turn; later steps belong to the next turn. The last turn of a script ends this way by default.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const twoTurns = Scripted.play([
 *   Scripted.message("First."),
 *   Scripted.completed,
 *   Scripted.message("Second.")
 * ])
 * ```
 */
export const completed: ScriptedStep = { _tag: "End", play: () => Effect.void }

/**
 * Ends the turn, after which Codex starts another turn by itself, for example for a message of its queue. That turn plays the
 * next steps of the script. `input` is the text of the message. For the turns of a goal, use `goal`.
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

/**
 * Ends the turn with this error.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { CodexError } from "effect-codex"
 * import { Scripted } from "effect-codex/testing"
 *
 * const breaks = Scripted.play([Scripted.failed(new CodexError.TurnInterrupted({ by: "codex" }))])
 * ```
 */
export const failed = (error: CodexError.TurnError): ScriptedStep => ({
  _tag: "End",
  play: () => Effect.fail(error)
})

/**
 * Codex interrupts the turn.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const stops = Scripted.play([Scripted.command("npm test"), Scripted.interrupted])
 * ```
 */
export const interrupted: ScriptedStep = failed(new CodexError.TurnInterrupted({ by: "codex" }))

/**
 * Stops emitting events. The turn lasts until its deadline or until the caller interrupts it.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * // The program must end the turn by its timeout.
 * const hangs = Scripted.play([Scripted.command("npm test"), Scripted.silence])
 * ```
 */
export const silence: ScriptedStep = { _tag: "End", play: () => Effect.never }
