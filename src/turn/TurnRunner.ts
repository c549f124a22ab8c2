/** Runs one attempt at a turn: the engine, its limits, its span and its sub-agents. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as EffectTracer from "effect/Tracer"
import type * as Policy from "../approval/Policy.ts"
import * as Budget from "../domain/Budget.ts"
import * as CombinedTurn from "../domain/CombinedTurn.ts"
import * as Prices from "../domain/Prices.ts"
import * as CodexError from "../domain/CodexError.ts"
import * as ContentLimits from "../domain/ContentLimits.ts"
import type * as Review from "../domain/Review.ts"
import type * as Engine from "../engine/Engine.ts"
import * as Convention from "../semconv/Convention.ts"
import * as SafeSpan from "../instrumentation/SafeSpan.ts"
import type * as Signal from "../instrumentation/Signal.ts"
import type * as ToolHost from "../tool/ToolHost.ts"
import * as Turn from "../domain/Turn.ts"
import * as SettingsOptions from "../domain/SettingsOptions.ts"
import * as TurnOptions from "../domain/TurnOptions.ts"
import * as Sampling from "../instrumentation/Sampling.ts"
import * as TurnTelemetry from "../instrumentation/TurnTelemetry.ts"
import * as TimeSlices from "../internal/TimeSlices.ts"
import * as ActiveTurn from "./ActiveTurn.ts"
import * as AgentCalls from "./AgentCalls.ts"
import * as MonotonicClock from "./MonotonicClock.ts"
import type * as StructuredOutput from "./StructuredOutput.ts"
import type * as ThreadMembers from "./ThreadMembers.ts"

/** Settings of a thread that the runtime applies itself, in addition to those of its engine. */
export interface ThreadContext {
  readonly tools: ToolHost.ToolHost
  readonly policy: Policy.Policy
  readonly sandbox: TurnOptions.Sandbox | undefined
  readonly instructions: string | undefined
  /** The mode of turns whose options have none. */
  readonly mode?: TurnOptions.Mode | undefined
  readonly prices: Prices.PriceOf
  /** What happens to the commands that still run when a turn ends. */
  readonly terminals?: TurnOptions.TerminalPolicy | undefined
  /** What happens to sub-agents that still work when a turn completes, unless the options of the turn say it. */
  readonly subAgents?: TurnOptions.SubAgents | undefined
  /** Attributes of every span and log of the thread: source, workflow, group. */
  readonly annotations: Readonly<Record<string, unknown>>
}

/**
 * Called right before a turn is started in the engine, each time that the request is sent. An error ends the turn with it, and
 * nothing is sent. For callers that may lose the right to start the turn at any time.
 */
export const BeforeStart = Context.Reference<(() => CodexError.TurnError | undefined) | undefined>(
  "effect-codex/turn/BeforeStart",
  { defaultValue: () => undefined }
)

/** What the engine does in a turn. A prompt without input continues the conversation. */
export type TurnRequest =
  | { readonly _tag: "Prompt"; readonly input: TurnOptions.TurnInput }
  | { readonly _tag: "Compact" }
  | { readonly _tag: "Review"; readonly target: Review.ReviewTarget }
  /** Codex has started the turn by itself. */
  | { readonly _tag: "Adopted"; readonly turn: Engine.AdoptedTurn }

/** A turn to run. */
export interface TurnSpec<A> {
  readonly request: TurnRequest
  readonly options: TurnOptions.TurnOptions
  /** Decodes the last message while the turn can still fail. */
  readonly output: StructuredOutput.StructuredOutput<A>
  readonly publish: (event: Turn.TurnEvent) => void
}

/** Reads a turn while it runs. */
export interface LiveAttempt {
  /** Returns the turn so far. Its open items have the status that Codex reported last. */
  readonly snapshot: () => Turn.Turn
  /** Returns what the turn has used so far, with its sub-agents. */
  readonly spent: () => Budget.BudgetUsage
}

/** One attempt at a turn: what ran before it, and how it ends. */
export interface TurnAttempt {
  /** What the handles of the thread count and show. */
  readonly share: ThreadMembers.TurnShare
  /** The model that the attempt uses, if it is known. */
  readonly model: string | undefined
  /** What earlier attempts at this turn used. */
  readonly tried: Budget.BudgetUsage
  readonly earlier: CombinedTurn.EarlierAttempts | undefined
  /** The ids of the span of the previous turn. */
  readonly previous: EffectTracer.ExternalSpan | undefined
  /** Ends the goal of the thread, because a budget of the thread allows no further turn. `undefined` without goals. */
  readonly onExhausted: ((error: CodexError.BudgetExceeded) => Effect.Effect<void>) | undefined
  /** Whether the end of the attempt leaves the turn running in the engine. */
  readonly keepsRunning: () => boolean
  /** Receives the functions that read the attempt, when it begins. */
  readonly onLive: (live: LiveAttempt) => void
  /** Fails to end the attempt. */
  readonly stopped: Deferred.Deferred<never, CodexError.TurnError>
  /**
   * Receives the turn, and the usage of the attempt with its sub-agents, however it ends: also when it is interrupted. The
   * turn has the usage of earlier attempts too.
   */
  readonly onEnd: (turn: Turn.Turn, usage: Budget.BudgetUsage, span: EffectTracer.AnySpan) => void
}

/** Adds the attributes of the thread to every span and log record of an effect. */
export const annotated =
  (engine: Engine.EngineThread, context: ThreadContext) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(TurnTelemetry.Originator, (originator) => {
      const annotations = {
        ...context.annotations,
        [Convention.attribute.originator]: originator,
        [Convention.attribute.conversationId]: engine.id,
        [Convention.attribute.sessionId]: engine.id
      }
      return effect.pipe(Effect.annotateSpans(annotations), Effect.annotateLogs(annotations))
    })

const runOnEngine = <A>(
  engine: Engine.EngineThread,
  { options, output, request }: TurnSpec<A>,
  handlers: Engine.Handlers,
  context: ThreadContext,
  { beforeStart, keepsRunning }: Pick<Engine.EngineTurnOptions, "beforeStart" | "keepsRunning">
): Effect.Effect<void, CodexError.TurnError> => {
  const { subAgents = context.subAgents, terminals = context.terminals } = options
  const ending = { subAgents, terminals, keepsRunning }
  switch (request._tag) {
    case "Prompt": {
      const { cwd, effort, mode = context.mode, model, sandbox } = options
      return engine.turn(
        request.input,
        {
          model,
          effort,
          sandbox,
          cwd,
          ...SettingsOptions.pick(options),
          mode,
          outputSchema: output.jsonSchema,
          clientMessageId: options.key,
          beforeStart,
          ...ending
        },
        handlers
      )
    }
    case "Compact":
      return engine.compact(handlers)
    case "Review":
      return engine.review === undefined ? Effect.fail(noReviews) : engine.review(request.target, handlers)
    case "Adopted":
      return request.turn.run(ending, handlers)
  }
}

const noReviews = new CodexError.InvalidRequest({
  reason: "Rejected",
  method: "review/start",
  detail: "this engine cannot review code"
})

const badParams = (detail: string): CodexError.InvalidRequest =>
  new CodexError.InvalidRequest({ reason: "BadParams", method: "turn/start", detail })

const noPrice = (model: string | undefined): CodexError.InvalidRequest =>
  badParams(
    model === undefined
      ? "budget.usd needs the name of the model, which the engine does not report; set the option model"
      : `budget.usd needs the price of the model ${model}; add it with Prices.layer`
  )

export const budgetExceeded = (
  scope: "turn" | "thread",
  { limit, reason, used }: Budget.Excess
): CodexError.BudgetExceeded => new CodexError.BudgetExceeded({ reason, scope, limit, used })

/** Runs one attempt at a turn to its end. Returns the turn and its decoded output. */
export const run = <A>(
  engine: Engine.EngineThread,
  context: ThreadContext,
  spec: TurnSpec<A>,
  attempt: TurnAttempt
): Effect.Effect<readonly [Turn.Turn, A], CodexError.TurnError> =>
  // If the engine cannot open the thread again, the turn fails with the same error, in its span.
  Effect.ignore(engine.reopen ?? Effect.void).pipe(
    Effect.andThen(
      Effect.suspend(() => runAttempt(engine, context, spec, attempt).pipe(annotated(engine, context)))
    ),
    Sampling.withTelemetry(spec.options.telemetry)
  )

const runAttempt = Effect.fnUntraced(function* <A>(
  engine: Engine.EngineThread,
  context: ThreadContext,
  spec: TurnSpec<A>,
  attempt: TurnAttempt
): Effect.fn.Return<readonly [Turn.Turn, A], CodexError.TurnError> {
  const { options } = spec
  const { keepsRunning, onExhausted, share, stopped, tried } = attempt
  const publish = (event: Turn.TurnEvent): void => {
    share.publish(event)
    spec.publish(event)
  }
  const timeout = Duration.fromInputUnsafe(options.timeout ?? (yield* TurnOptions.DefaultTimeout))
  const clock = MonotonicClock.make(yield* Clock.Clock)
  // The engine reports these settings: it may run the turn with others than the caller requested.
  const settings = engine.turnSettings?.(options)
  const model = settings?.model ?? attempt.model
  const { attribute } = Convention
  const beforeStart = yield* BeforeStart
  const startedAt = spec.request._tag === "Adopted" ? spec.request.turn.startedAt : undefined
  const spanOptions = {
    links: attempt.previous === undefined ? [] : [{ span: attempt.previous, attributes: {} }],
    attributes: {
      [attribute.operationName]: Convention.operation.invokeAgent,
      [attribute.agentName]: Convention.agent,
      [attribute.providerName]: engine.provider,
      [attribute.requestModel]: model,
      ...(spec.request._tag === "Adopted" ? { [attribute.turnTrigger]: "codex" } : {})
    }
  }
  const span = yield* SafeSpan.make(Convention.span.invokeAgent(Convention.agent), spanOptions, startedAt)
  const endSpan = (exit: Exit.Exit<unknown, unknown>) =>
    ActiveTurn.ignoreDefects(() => span.end(clock.currentTimeNanosUnsafe(), exit))
  let stopping = false
  const stop = (error: CodexError.TurnError): void => {
    stopping = true
    Deferred.doneUnsafe(stopped, Exit.fail(error))
  }
  const budget = options.budget ?? {}
  /** What sub-agents used, and what the turn used together with them. */
  let spentByAgents = Budget.zero
  let spent = Budget.zero
  const agentCalls = AgentCalls.make()
  /** Returns the span of a call, by the number of its turn in `agentCalls`. */
  const spansOf = new Map<number, (callId: string) => EffectTracer.Span>()
  let agents = 0
  const price = model === undefined ? undefined : context.prices(model)
  const limitsCost = () =>
    budget.usd !== undefined || share.members().some((member) => member.budget.usd !== undefined)
  /** Returns why a budget of money cannot hold. */
  const checkPrice = (): CodexError.InvalidRequest | undefined => {
    if (!limitsCost()) return undefined
    if (price === undefined) return noPrice(model)
    const invalid = Prices.validate(price)
    return invalid === undefined ? undefined : badParams(invalid)
  }
  /** Whether a sub-agent uses a model without a price. The cost of the turn is then unknown. */
  let isUnpriced = false
  const onUsage = () => {
    const exhausted = onExhausted === undefined ? undefined : share.exhausted()
    // Before the turn is stopped: Codex starts the next turn of a goal as soon as this one has ended.
    if (onExhausted !== undefined && exhausted !== undefined)
      Effect.runForkWith(services)(onExhausted(budgetExceeded("thread", exhausted)))
    const ofTurn = Budget.exceeded(budget, Budget.add(tried, spent))
    const passed = ofTurn ?? share.exceeded()
    if (passed !== undefined) stop(budgetExceeded(ofTurn === undefined ? "thread" : "turn", passed))
  }
  const services = yield* Effect.context()
  const shared = {
    engine,
    tools: context.tools,
    policy: context.policy,
    clock,
    tracer: yield* SafeSpan.tracer,
    context: services,
    settings: TurnTelemetry.settingsOf(services),
    annotations: yield* References.TracerSpanAnnotations,
    model,
    price,
    effort: settings?.effort ?? options.effort,
    sandbox: settings === undefined ? (options.sandbox ?? context.sandbox) : settings.sandbox,
    instructions: context.instructions,
    limits: yield* ContentLimits.Current,
    onUsage,
    isStopping: () => stopping,
    stop
  }
  const turn = ActiveTurn.make({
    ...shared,
    onEvent: (event) => agentCalls.record(0, event),
    onSpent: (added) => {
      spent = Budget.add(spent, added)
      share.add(added)
    },
    threadId: engine.id,
    span,
    startedAt,
    keepsItems: true,
    input: spec.request._tag === "Prompt" ? spec.request.input : "",
    publish
  })
  spansOf.set(0, turn.spanOf)
  attempt.onLive({
    snapshot: () => CombinedTurn.withEarlier(attempt.earlier, turn.snapshot()),
    spent: () => Budget.add(tried, spent)
  })
  const handlers: Engine.Handlers = {
    ...turn.handlers,
    agent: (agent) => {
      const call = agentCalls.find(agent.threadId)
      const parent = call === undefined ? span : (spansOf.get(call.owner)?.(call.callId) ?? span)
      const owner = ++agents
      const model = call?.model ?? shared.model
      const price = model === undefined ? undefined : context.prices(model)
      if (price === undefined) isUnpriced = true
      if (price === undefined && limitsCost()) stop(noPrice(model))
      const options = {
        ...shared,
        model,
        price,
        onEvent: (event: Turn.EngineEvent) => agentCalls.record(owner, event),
        onSpent: (added: Budget.BudgetUsage) => {
          spent = Budget.add(spent, added)
          share.add(added)
          spentByAgents = Budget.add(spentByAgents, added)
        }
      }
      const { activeTurn, handlers } = ActiveTurn.makeSubAgent(options, parent, agent, publish)
      spansOf.set(owner, activeTurn.spanOf)
      return {
        ...handlers,
        end: (outcome) => {
          handlers.end(outcome)
          // Keep only the spans of calls that may start other sub-agents later.
          const calls = new Map(agentCalls.startingCalls(owner).map((id) => [id, activeTurn.spanOf(id)]))
          if (calls.size === 0) spansOf.delete(owner)
          else spansOf.set(owner, (callId) => calls.get(callId) ?? span)
        }
      }
    }
  }
  const end = (outcome: Signal.TurnEnd): Effect.Effect<Turn.Turn> =>
    Effect.map(TimeSlices.run(turn.endSteps(outcome)), (ended) => {
      const { cost, ...rest } = ended
      const withAgents =
        cost === undefined || isUnpriced ? rest : { ...rest, cost: cost + (spentByAgents.usd ?? 0) }
      const result = CombinedTurn.withEarlier(attempt.earlier, withAgents)
      if (outcome === "completed")
        publish({ _tag: "TurnCompleted", turn: result, at: ActiveTurn.milliseconds(clock) })
      const used = Budget.add(Budget.fromTurn(ended), spentByAgents)
      share.end(result, used, errorTypeOf(outcome), ActiveTurn.milliseconds(clock))
      attempt.onEnd(result, used, span)
      return result
    })

  // Fail now if the budget is already exhausted.
  const exhaustedThread = share.exhausted()
  const exhaustedBudget =
    checkPrice() ??
    exhausted("turn", budget, tried) ??
    (exhaustedThread === undefined ? undefined : budgetExceeded("thread", exhaustedThread))
  // A turn that Codex has started by itself runs already, so it has to be interrupted.
  const isAdopted = spec.request._tag === "Adopted"
  if (isAdopted && exhaustedBudget !== undefined) stop(exhaustedBudget)
  const performed =
    isAdopted || exhaustedBudget === undefined
      ? Effect.flatMap(runOnEngine(engine, spec, handlers, context, { beforeStart, keepsRunning }), () =>
          // The last event of the turn may have exceeded a limit: the turn fails although Codex completed it.
          Deferred.isDoneUnsafe(stopped) ? Deferred.await(stopped) : spec.output.decode(turn.answer())
        )
      : Effect.fail(exhaustedBudget)
  const raced = Effect.raceAllFirst([
    // Interrupted before `performed` is, which then interrupts the turn in Codex.
    Effect.onInterrupt(Effect.never, () => Effect.sync(() => (stopping = true))),
    performed,
    Deferred.await(stopped),
    ...(Duration.isFinite(timeout) ? [Effect.delay(timedOut(turn, timeout), timeout)] : []),
    ...timeLimit("turn", budget, tried),
    ...share
      .members()
      .flatMap(({ budget, spent }) => timeLimit("thread", budget, spent))
      .map(Effect.tapError((error) => Effect.forkDetach(onExhausted?.(error) ?? Effect.void)))
  ]).pipe(Effect.withParentSpan(span, { captureStackTrace: false }))
  // The end takes several steps. An interruption between them would leave the span open.
  return yield* Effect.uninterruptibleMask((restore) =>
    restore(raced).pipe(
      Effect.exit,
      Effect.flatMap((exit) => Effect.map(end(outcomeOf(exit)), (result) => ({ exit, result }))),
      Effect.flatMap(({ exit, result }): Effect.Effect<readonly [Turn.Turn, A], CodexError.TurnError> => {
        const error = errorOf(exit)
        // An interruption is not an error, so the span ends without one.
        endSpan(
          error?._tag === "TurnInterrupted" || isInterruption(exit) ? Exit.failCause(Cause.interrupt()) : exit
        )
        if (Exit.isSuccess(exit)) return Effect.succeed([result, exit.value])
        return error === undefined
          ? Effect.failCause(
              Cause.fromReasons(exit.cause.reasons.filter((reason) => !Cause.isFailReason(reason)))
            )
          : Effect.fail(CodexError.withTurn(error, result))
      })
    )
  )
})

const timedOut = (turn: ActiveTurn.ActiveTurn, timeout: Duration.Duration) =>
  Effect.suspend(() => {
    const retrying = turn.retrying()
    const timeoutMillis = Duration.toMillis(timeout)
    return Effect.fail(
      new CodexError.TurnTimedOut(retrying === undefined ? { timeoutMillis } : { timeoutMillis, retrying })
    )
  })

const isInterruption = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)

const errorOf = <A, E>(exit: Exit.Exit<A, E>): E | undefined =>
  Exit.isSuccess(exit) ? undefined : Option.getOrUndefined(Cause.findErrorOption(exit.cause))

const outcomeOf = (exit: Exit.Exit<unknown, CodexError.TurnError>): Signal.TurnEnd =>
  Exit.isSuccess(exit) ? "completed" : (errorOf(exit) ?? "interrupted")

const errorTypeOf = (outcome: Signal.TurnEnd): string | undefined =>
  outcome === "completed"
    ? undefined
    : outcome === "interrupted"
      ? new CodexError.TurnInterrupted({ by: "caller" }).errorType
      : outcome.errorType

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
  const limit = spent.timeMillis + left
  return [
    Effect.delay(
      Effect.suspend(() => Effect.fail(budgetExceeded(scope, { reason: "Time", limit, used: limit }))),
      Duration.millis(left)
    )
  ]
}
