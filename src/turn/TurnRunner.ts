/** One turn while it runs: between whoever asked for it, the engine, and what watches. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as EffectTracer from "effect/Tracer"
import type * as Policy from "../approval/Policy.ts"
import * as Budget from "../domain/Budget.ts"
import * as CodexError from "../domain/CodexError.ts"
import type * as Engine from "../engine/Engine.ts"
import type { ThreadId } from "../domain/Ids.ts"
import * as Convention from "../semconv/Convention.ts"
import type * as Signal from "../instrumentation/Signal.ts"
import type * as ToolHost from "../tool/ToolHost.ts"
import * as Turn from "../domain/Turn.ts"
import * as TurnOptions from "../domain/TurnOptions.ts"
import * as ActiveTurn from "./ActiveTurn.ts"
import * as MonotonicClock from "./MonotonicClock.ts"

/** What the runtime knows of a thread beside what its engine does. */
export interface ThreadContext {
  readonly tools: ToolHost.ToolHost
  readonly policy: Policy.Policy
  readonly sandbox: TurnOptions.Sandbox | undefined
  readonly instructions: string | undefined
  /** What all turns of the thread may use together. */
  readonly budget: Budget.Budget
  /** Attributes of every span and log of the thread: source, workflow, group. */
  readonly annotations: Readonly<Record<string, unknown>>
}

/** A turn to run. */
export interface TurnRequest<A> {
  readonly input: TurnOptions.TurnInput
  readonly options: TurnOptions.TurnOptions
  /** Reads the last message, while the turn can still fail by it. */
  readonly read: (message: string) => Effect.Effect<A, CodexError.OutputInvalid>
  /** Has the engine run it. */
  readonly perform: (handlers: Engine.Handlers) => Effect.Effect<void, CodexError.TurnError>
  /** What the turns of the thread used before. */
  readonly spent: Budget.BudgetUsage
  /** What earlier attempts at this turn used; they are part of `spent`. */
  readonly tried: Budget.BudgetUsage
  /** The span of the turn before it. */
  readonly previous: EffectTracer.AnySpan | undefined
  readonly publish: (event: Turn.TurnEvent) => void
  /** Fails to end the turn. */
  readonly stopped: Deferred.Deferred<never, CodexError.TurnError>
  /** The turn as it was when it ended, however it did; what it used, sub-agents included. */
  readonly ended: (turn: Turn.Turn, spent: Budget.BudgetUsage, span: EffectTracer.AnySpan) => void
}

const budgetExceeded = (
  scope: "turn" | "thread",
  { limit, reason, used }: Budget.Excess
): CodexError.BudgetExceeded => new CodexError.BudgetExceeded({ reason, scope, limit, used })

/** Runs a turn to its end: what came of it, and what it was read as. */
export const run = Effect.fnUntraced(function* <A>(
  engine: Engine.EngineThread,
  setting: ThreadContext,
  job: TurnRequest<A>
): Effect.fn.Return<readonly [Turn.Turn, A], CodexError.TurnError> {
  const { options, stopped } = job
  const timeout = Duration.fromInputUnsafe(options.timeout ?? (yield* TurnOptions.DefaultTimeout))
  const clock = MonotonicClock.make(yield* Clock.Clock)
  const model = options.model ?? engine.model
  const { attribute } = Convention

  const span = yield* Effect.makeSpan(Convention.span.invokeAgent(Convention.agent), {
    links: job.previous === undefined ? [] : [{ span: job.previous, attributes: {} }],
    attributes: {
      [attribute.operationName]: Convention.operation.invokeAgent,
      [attribute.agentName]: Convention.agent,
      [attribute.providerName]: engine.provider,
      [attribute.requestModel]: model
    }
  })
  const endSpan = (exit: Exit.Exit<unknown, unknown>) =>
    ActiveTurn.ignoreDefects(() => span.end(clock.currentTimeNanosUnsafe(), exit))
  const stop = (error: CodexError.TurnError): void => {
    Deferred.doneUnsafe(stopped, Exit.fail(error))
  }
  const agents: Array<ActiveTurn.ActiveTurn> = []
  const budget = options.budget ?? {}
  const sum = (lives: ReadonlyArray<ActiveTurn.ActiveTurn>) =>
    lives.reduce((sum, live) => Budget.add(sum, { ...live.spent(), time: 0 }), Budget.zero)
  const onUsage = () => {
    const spent = sum([turn, ...agents])
    const ofTurn = Budget.exceeded(budget, Budget.add(job.tried, spent))
    const passed = ofTurn ?? Budget.exceeded(setting.budget, Budget.add(job.spent, spent))
    if (passed !== undefined) stop(budgetExceeded(ofTurn === undefined ? "thread" : "turn", passed))
  }
  const shared = {
    engine,
    tools: setting.tools,
    policy: setting.policy,
    clock,
    tracer: yield* EffectTracer.Tracer,
    context: yield* Effect.context(),
    annotations: yield* References.TracerSpanAnnotations,
    model,
    effort: options.effort,
    sandbox: options.sandbox ?? setting.sandbox,
    instructions: setting.instructions,
    onUsage,
    stop
  }
  const turn = ActiveTurn.make({
    ...shared,
    threadId: engine.id,
    span,
    input: job.input,
    publish: job.publish
  })
  /** Sub-agents start others; the first turn of one may begin before the call that started it says whom it started. */
  const spanOfAgent = (threadId: ThreadId): EffectTracer.Span => {
    for (const unnamed of [false, true])
      for (const live of [...agents.toReversed(), turn]) {
        const found = live.spanOfAgent(threadId, unnamed)
        if (found !== undefined) return found
      }
    return span
  }
  const handlers: Engine.Handlers = {
    ...turn.handlers,
    agent: (agent) => {
      const { handlers, live } = ActiveTurn.makeSubAgent(
        shared,
        spanOfAgent(agent.threadId),
        agent,
        job.publish
      )
      agents.push(live)
      return handlers
    }
  }
  const end = (outcome: Signal.TurnEnd): Turn.Turn => {
    const result = turn.end(outcome)
    if (outcome === "completed")
      job.publish({ _tag: "TurnCompleted", turn: result, at: ActiveTurn.milliseconds(clock) })
    job.ended(result, Budget.add(Budget.fromTurn(result), sum(agents)), span)
    return result
  }

  // Nothing begins where there is nothing left to use.
  const nothingLeft = exhausted("turn", budget, job.tried) ?? exhausted("thread", setting.budget, job.spent)
  const performed =
    nothingLeft === undefined
      ? Effect.flatMap(job.perform(handlers), () =>
          // Passed by the last thing that was heard, a limit is passed all the same.
          Deferred.isDoneUnsafe(stopped) ? Deferred.await(stopped) : job.read(turn.message())
        )
      : Effect.fail(nothingLeft)
  return yield* Effect.raceAllFirst([
    performed,
    Deferred.await(stopped),
    Effect.delay(
      Effect.suspend(() =>
        Effect.fail(new CodexError.TurnTimedOut({ timeoutMs: Duration.toMillis(timeout) }))
      ),
      timeout
    ),
    ...timeLimit("turn", budget, job.tried),
    ...timeLimit("thread", setting.budget, job.spent)
  ]).pipe(
    Effect.withParentSpan(span, { captureStackTrace: false }),
    Effect.exit,
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        end("interrupted")
        endSpan(Exit.failCause(Cause.interrupt()))
      })
    ),
    Effect.flatMap((exit): Effect.Effect<readonly [Turn.Turn, A], CodexError.TurnError> => {
      const error = Exit.isSuccess(exit)
        ? undefined
        : Option.getOrUndefined(Cause.findErrorOption(exit.cause))
      const outcome = Exit.isSuccess(exit) ? "completed" : (error ?? "interrupted")
      const result = end(outcome)
      // Stopped by somebody is not an error of the turn.
      endSpan(error?._tag === "TurnInterrupted" ? Exit.failCause(Cause.interrupt()) : exit)
      if (Exit.isSuccess(exit)) return Effect.succeed([result, exit.value])
      return error === undefined
        ? Effect.failCause(
            Cause.fromReasons(exit.cause.reasons.filter((reason) => !Cause.isFailReason(reason)))
          )
        : Effect.fail(CodexError.withTurn(error, result))
    })
  )
})

const exhausted = (scope: "turn" | "thread", budget: Budget.Budget, spent: Budget.BudgetUsage) => {
  const passed = Budget.exhausted(budget, spent)
  return passed === undefined ? undefined : budgetExceeded(scope, passed)
}

const timeLimit = (
  scope: "turn" | "thread",
  budget: Budget.Budget,
  spent: Budget.BudgetUsage
): ReadonlyArray<Effect.Effect<never, CodexError.BudgetExceeded>> => {
  const left = Budget.timeLeft(budget, spent)
  if (left === undefined) return []
  const limit = spent.time + left
  return [
    Effect.delay(
      Effect.suspend(() => Effect.fail(budgetExceeded(scope, { reason: "Time", limit, used: limit }))),
      Duration.millis(left)
    )
  ]
}
