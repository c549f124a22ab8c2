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
import * as Approval from "../Approval.ts"
import * as Budget from "../Budget.ts"
import * as CodexError from "../CodexError.ts"
import type * as Engine from "../engine/Engine.ts"
import * as Convention from "../telemetry/Convention.ts"
import type * as Signal from "../telemetry/Signal.ts"
import * as TurnTelemetry from "../telemetry/TurnTelemetry.ts"
import type * as ToolHost from "../ToolHost.ts"
import * as Turn from "../Turn.ts"
import * as TurnState from "../TurnState.ts"
import { decide } from "./Decide.ts"

/** What the runtime knows of a thread beside what its engine does. */
export interface Setting {
  readonly tools: ToolHost.ToolHost
  readonly policy: Approval.Policy
  readonly sandbox: Engine.Sandbox | undefined
  readonly instructions: string | undefined
  /** What all turns of the thread may use together. */
  readonly budget: Budget.Budget
  /** Attributes of every span and log of the thread: source, workflow, group. */
  readonly annotations: Readonly<Record<string, unknown>>
}

/** A turn to run. */
export interface Job<A> {
  readonly input: Turn.Input
  readonly options: Turn.Options
  /** Reads the last message, while the turn can still fail by it. */
  readonly read: (message: string) => Effect.Effect<A, CodexError.OutputInvalid>
  /** Has the engine run it. */
  readonly perform: (handlers: Engine.Handlers) => Effect.Effect<void, CodexError.TurnError>
  /** What the turns of the thread used before. */
  readonly spent: Budget.Spent
  /** The span of the turn that this one goes on with. */
  readonly previous: EffectTracer.AnySpan | undefined
  readonly publish: (event: Turn.Event) => void
  /** Fails to end the turn. */
  readonly stopped: Deferred.Deferred<never, CodexError.TurnError>
  /** The turn as it was when it ended, however it did. */
  readonly ended: (turn: Turn.Turn, span: EffectTracer.AnySpan) => void
}

const milliseconds = (clock: Clock.Clock): number => Number(clock.currentTimeNanosUnsafe()) / 1e6

/** Telemetry never changes a result: a tracer that breaks loses spans and nothing else. */
const quietly = (tell: () => void): void => {
  try {
    tell()
  } catch {
    // There is nobody to tell: this runs in the reader of the connection.
  }
}

/** Events that use something up: no other can pass a limit. */
const uses = new Set<Turn.EngineEvent["_tag"]>([
  "TurnStarted",
  "ItemStarted",
  "ItemCompleted",
  "ToolRequested",
  "ToolReturned",
  "ModelResponded",
  "UsageUpdated",
  "Retrying",
  "MessageDelta"
])

const excess = (
  scope: "turn" | "thread",
  { limit, reason, used }: Budget.Excess
): CodexError.BudgetExceeded => new CodexError.BudgetExceeded({ reason, scope, limit, used })

/** The one place that changes the state of a turn. */
const begin = <A>(
  engine: Engine.EngineThread,
  setting: Setting,
  job: Job<A>,
  clock: Clock.Clock,
  startedAt: number,
  telemetry: TurnTelemetry.TurnTelemetry
) => {
  const { readOnly } = setting.tools
  const { budget = {} } = job.options
  let state = TurnState.initial(engine.id, startedAt, Turn.noUsage)
  let over = false

  const checkBudget = () => {
    const spent = { ...TurnState.spent(state), time: 0 }
    const ofTurn = Budget.exceeded(budget, spent)
    const ofThread = ofTurn ?? Budget.exceeded(setting.budget, Budget.plus(job.spent, spent))
    if (ofThread === undefined) return
    const error = excess(ofTurn === undefined ? "thread" : "turn", ofThread)
    Deferred.doneUnsafe(job.stopped, Exit.fail(error))
  }

  const emit = (said: Turn.EngineEvent) => {
    if (over) return
    // Time never runs backwards in a turn, whatever clock an event was stamped by.
    const event = said.at < state.time.at ? { ...said, at: state.time.at } : said
    const before = state
    const [next, marks] = TurnState.step(state, event, readOnly)
    state = next
    quietly(() => telemetry.record(event, marks))
    job.publish(event)
    if (uses.has(event._tag) && (marks.length > 0 || before.reported !== state.reported)) checkBudget()
  }

  const end = (outcome: Signal.TurnEnd): Turn.Turn => {
    const at = milliseconds(clock)
    const completed = outcome === "completed"
    const failure =
      typeof outcome === "string" || outcome._tag === "TurnInterrupted"
        ? {}
        : {
            errorType: outcome.errorType,
            ...(outcome._tag === "TurnFailed" && outcome.status !== undefined
              ? { status: outcome.status }
              : {})
          }
    over = true
    const [turn, marks] = TurnState.end(state, at, { completed, ...failure }, readOnly)
    quietly(() => telemetry.end(turn, marks, outcome, Math.max(at, state.time.at)))
    if (completed) job.publish({ _tag: "TurnCompleted", turn, at: Math.max(at, state.time.at) })
    return turn
  }

  /** What is asked of the caller says in its spans and logs which turn asks. */
  const inTurn = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
    const annotations = { [Convention.attribute.turnId]: state.turnId }
    return effect.pipe(Effect.annotateSpans(annotations), Effect.annotateLogs(annotations))
  }

  return {
    emit,
    end,
    inTurn,
    now: () => milliseconds(clock),
    id: () => state.turnId,
    message: () => TurnState.message(state)
  }
}

/** Runs a turn to its end: what came of it, and what it was read as. */
export const run = Effect.fnUntraced(function* <A>(
  engine: Engine.EngineThread,
  setting: Setting,
  job: Job<A>
): Effect.fn.Return<readonly [Turn.Turn, A], CodexError.TurnError> {
  const { input, options, stopped } = job
  const timeout = Duration.fromInputUnsafe(options.timeout ?? (yield* Turn.DefaultTimeout))
  const clock = yield* Clock.Clock
  const tracer = yield* EffectTracer.Tracer
  const annotations = yield* References.TracerSpanAnnotations
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
    quietly(() => span.end(clock.currentTimeNanosUnsafe(), exit))
  const startedAt = milliseconds(clock)
  const telemetry = TurnTelemetry.make({
    startedAt,
    threadId: engine.id,
    sandbox: options.sandbox ?? setting.sandbox,
    input,
    instructions: setting.instructions,
    context: yield* Effect.context(),
    tracer,
    turn: span,
    annotations,
    model,
    provider: engine.provider,
    effort: options.effort
  })
  const turn = begin(engine, setting, job, clock, startedAt, telemetry)

  const approve = (request: Approval.Request) =>
    decide(setting.policy, request, { threadId: engine.id, turnId: turn.id(), session: engine }).pipe(
      TurnTelemetry.approving(telemetry.spanOf(request.itemId), Approval.kindOf(request)),
      turn.inTurn,
      Effect.tap((decision) =>
        decision._tag === "cancel"
          ? Deferred.fail(stopped, new CodexError.TurnInterrupted({ by: "policy" }))
          : Effect.void
      )
    )

  /** Codex knows nothing of a tool that asks first: the question and its answer are told here. */
  const approveTool = (request: Approval.Request) =>
    Effect.suspend(() => {
      const decided = (decision: Approval.Decision, source: Approval.Source) =>
        Effect.sync(() => {
          const { id: requestId, itemId } = request
          turn.emit({ _tag: "ApprovalDecided", requestId, itemId, decision, source, at: turn.now() })
        })
      turn.emit({ _tag: "ApprovalRequested", request, at: turn.now() })
      return approve(request).pipe(
        Effect.tap((decision) => decided(decision, decision.source ?? "policy")),
        Effect.onInterrupt(() =>
          decided(Approval.decline("the turn ended before anybody decided"), "default")
        )
      )
    })

  const handlers: Engine.Handlers = {
    emit: turn.emit,
    approve,
    callTool: (call) =>
      setting.tools.call(call, approveTool).pipe(
        Effect.catch((error) =>
          Effect.as(Deferred.fail(stopped, error), {
            success: false,
            text: `The tool ${call.tool} failed.`
          })
        ),
        Effect.withParentSpan(telemetry.spanOf(call.callId), { captureStackTrace: false }),
        turn.inTurn
      )
  }

  const performed = Effect.flatMap(job.perform(handlers), () => job.read(turn.message()))
  return yield* Effect.raceAllFirst([
    performed,
    Deferred.await(stopped),
    Effect.delay(
      Effect.suspend(() =>
        Effect.fail(new CodexError.TurnTimedOut({ timeoutMs: Duration.toMillis(timeout) }))
      ),
      timeout
    ),
    ...outOfTime("turn", options.budget, Budget.nothing),
    ...outOfTime("thread", setting.budget, job.spent)
  ]).pipe(
    Effect.withParentSpan(span, { captureStackTrace: false }),
    Effect.exit,
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        job.ended(turn.end("interrupted"), span)
        endSpan(Exit.failCause(Cause.interrupt()))
      })
    ),
    Effect.flatMap((exit): Effect.Effect<readonly [Turn.Turn, A], CodexError.TurnError> => {
      const error = Exit.isSuccess(exit)
        ? undefined
        : Option.getOrUndefined(Cause.findErrorOption(exit.cause))
      const outcome = Exit.isSuccess(exit) ? "completed" : (error ?? "interrupted")
      const result = turn.end(outcome)
      job.ended(result, span)
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

const outOfTime = (
  scope: "turn" | "thread",
  budget: Budget.Budget | undefined,
  spent: Budget.Spent
): ReadonlyArray<Effect.Effect<never, CodexError.BudgetExceeded>> => {
  const left = budget === undefined ? undefined : Budget.timeLeft(budget, spent)
  if (left === undefined) return []
  const limit = spent.time + left
  return [
    Effect.delay(
      Effect.suspend(() => Effect.fail(excess(scope, { reason: "Time", limit, used: limit }))),
      Duration.millis(left)
    )
  ]
}
