/** Pursues a goal and reports its turns: progress and a summary for a person, or JSON lines for a script. */
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as CodexError from "../domain/CodexError.ts"
import * as EventJson from "../domain/EventJson.ts"
import type * as Goal from "../domain/Goal.ts"
import type * as ThreadEvent from "../domain/ThreadEvent.ts"
import * as Turn from "../domain/Turn.ts"
import * as TurnState from "../domain/TurnState.ts"
import { jsonLine } from "../internal/VisibleText.ts"
import type * as Thread from "../Thread.ts"
import { code } from "./ExitCode.ts"
import * as Output from "./Output.ts"
import * as ProgressReport from "./ProgressReport.ts"
import type { TerminalStyle } from "./TerminalStyle.ts"
import * as TurnSession from "./TurnSession.ts"

export interface GoalSessionOptions {
  readonly goal: Goal.GoalOptions
  /** The maximum duration of the goal in milliseconds. Default: none. */
  readonly timeout: number | undefined
  readonly json: boolean
}

/** How the goal ended: its result, an error, or an interruption by the caller. */
type Outcome = Goal.GoalResult | EventJson.FailureJson

const isFailure = (outcome: Outcome): outcome is EventJson.FailureJson =>
  outcome === "interrupted" || "_tag" in outcome

const exitOf = (outcome: Outcome): number => {
  if (outcome === "interrupted") return code.interrupted
  if (isFailure(outcome)) return CodexError.exitCode(outcome)
  return outcome.status === "complete" ? code.completed : code.failed
}

const costOf = (turns: ReadonlyArray<Turn.Turn>): { readonly cost?: number } => {
  const costs = turns.flatMap(({ cost }) => (cost === undefined ? [] : [cost]))
  return costs.length === 0 ? {} : { cost: costs.reduce((sum, cost) => sum + cost) }
}

/** The last line of a turn. The thread reports only the type of its error. */
const turnLine = (turn: Turn.Turn, errorType: string | undefined): object => {
  const line = EventJson.last(turn, undefined, { threadId: turn.threadId, turnId: undefined })
  if (errorType === undefined) return line
  const [tag, reason = null] = errorType.split(".")
  const type = tag === "TurnInterrupted" ? "turn.interrupted" : "turn.failed"
  return { ...line, type, error: { _tag: tag, reason } }
}

const pursue = <R>(
  open: Effect.Effect<Thread.Thread, CodexError.StartError, R>,
  { goal, json, timeout }: GoalSessionOptions,
  style: TerminalStyle
): Effect.Effect<number, TurnSession.FailedRun, Exclude<R, Scope.Scope>> =>
  Effect.suspend(() => {
    let threadId: string | undefined
    let report = ProgressReport.initial
    const turns: Array<Turn.Turn> = []

    const onEvent = (event: ThreadEvent.ThreadEvent): Effect.Effect<void> => {
      switch (event._tag) {
        case "TurnProgress": {
          if (event.event._tag === "TurnCompleted") return Effect.void
          if (json) return Console.log(jsonLine(EventJson.event(event.event)))
          const [next, lines] = ProgressReport.step(report, event.event, style)
          report = next
          return TurnSession.printAll(lines)
        }
        case "TurnEnded": {
          turns.push(event.turn)
          report = ProgressReport.initial
          if (json) return Console.log(jsonLine(turnLine(event.turn, event.errorType)))
          return Effect.andThen(
            Output.printError(event.turn.message),
            TurnSession.printAll([...ProgressReport.summary(event.turn, style), ""])
          )
        }
        case "GoalUpdated":
          return json
            ? Console.log(jsonLine({ type: "goal.updated", goal: event.goal, at: event.at }))
            : Effect.void
        case "GoalCleared":
          return json ? Console.log(jsonLine({ type: "goal.cleared", at: event.at })) : Effect.void
      }
    }

    const finish = (outcome: Outcome): Effect.Effect<number> => {
      const exit = exitOf(outcome)
      const failure = isFailure(outcome) ? outcome : undefined
      const status = isFailure(outcome) ? null : outcome.status
      const usage = turns.map((turn) => turn.usage).reduce(TurnState.addUsage, Turn.noUsage)
      if (json) {
        const line = {
          type: "goal.ended",
          threadId: threadId ?? null,
          status,
          turns: turns.length,
          message: turns.at(-1)?.message ?? null,
          usage,
          ...costOf(turns),
          error: failure === undefined ? null : EventJson.error(failure)
        }
        return Effect.as(Console.log(jsonLine(line)), exit)
      }
      return Effect.gen(function* () {
        if (status !== null) yield* Output.print(turns.at(-1)?.message ?? "")
        const count = turns.length === 1 ? "1 turn" : `${turns.length} turns`
        if (failure === undefined) yield* Output.printError(`The goal is ${status} after ${count}.`)
        else if (failure === "interrupted") yield* Output.printError("Interrupted.")
        else {
          yield* Output.printError(`${failure._tag}: ${failure.message}`)
          yield* TurnSession.printAll(TurnSession.details(failure))
        }
        if (threadId !== undefined && exit !== code.completed)
          yield* Output.printError(`Continue with: effect-codex goal --resume ${threadId}`)
        return exit
      })
    }

    const work = (outer: Scope.Scope) =>
      Effect.gen(function* () {
        const thread = yield* open
        threadId = thread.id
        const reporting = yield* Stream.runForEach(thread.activity, onEvent).pipe(
          Effect.forkIn(outer, { startImmediately: true })
        )
        // The activity ends with the thread's scope, so everything is reported before the end.
        yield* Scope.addFinalizer(outer, Effect.asVoid(Fiber.await(reporting)))
        const reached = thread.runGoal(goal)
        return timeout === undefined
          ? yield* reached
          : yield* Effect.timeoutOrElse(reached, {
              duration: timeout,
              orElse: () => Effect.fail(new CodexError.TurnTimedOut({ timeoutMillis: timeout }))
            })
      }).pipe(Effect.scoped)

    return Effect.flatMap(Effect.scope, work).pipe(
      Effect.scoped,
      Effect.exit,
      Effect.onInterrupt(() => finish("interrupted")),
      Effect.flatMap((exit) => {
        if (Exit.isSuccess(exit)) return finish(exit.value)
        const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
        if (error !== undefined)
          return Effect.flatMap(finish(error), (code) =>
            Effect.fail(new TurnSession.FailedRun(error.errorType, code))
          )
        return Cause.hasInterruptsOnly(exit.cause)
          ? finish("interrupted")
          : Effect.failCause(exit.cause as Cause.Cause<never>)
      })
    )
  })

/** Pursues the goal inside the `run` span, reports its turns, and returns the exit code. */
export const run = <R, RL>(
  open: Effect.Effect<Thread.Thread, CodexError.StartError, R>,
  options: GoalSessionOptions,
  services: Layer.Layer<Exclude<R, Scope.Scope>, never, RL>,
  telemetry: Layer.Layer<never>
) => TurnSession.inRunSpan((style) => pursue(open, options, style), options, services, telemetry)
