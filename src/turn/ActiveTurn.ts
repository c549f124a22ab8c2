/** A running turn: folds its events, reports them, and runs its approvals and tool calls. Nothing else changes its state. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import type * as EffectTracer from "effect/Tracer"
import * as Policy from "../approval/Policy.ts"
import * as AgentRoots from "../approval/AgentRoots.ts"
import * as ResolvedRequest from "../approval/ResolvedRequest.ts"
import * as HostDirectories from "../internal/HostDirectories.ts"
import * as ApprovalDecision from "../domain/ApprovalDecision.ts"
import * as ApprovalRequest from "../domain/ApprovalRequest.ts"
import * as BoundedContent from "../domain/BoundedContent.ts"
import * as Budget from "../domain/Budget.ts"
import * as Prices from "../domain/Prices.ts"
import * as CodexError from "../domain/CodexError.ts"
import type * as ContentLimits from "../domain/ContentLimits.ts"
import type * as Engine from "../engine/Engine.ts"
import type { ThreadId, TurnId } from "../domain/Ids.ts"
import * as Convention from "../semconv/Convention.ts"
import type * as Signal from "../instrumentation/Signal.ts"
import * as RetrySignals from "../instrumentation/RetrySignals.ts"
import * as TurnTelemetry from "../instrumentation/TurnTelemetry.ts"
import type * as ToolHost from "../tool/ToolHost.ts"
import * as ThreadAccess from "../domain/ThreadAccess.ts"
import * as Turn from "../domain/Turn.ts"
import * as TurnOptions from "../domain/TurnOptions.ts"
import * as TurnState from "../domain/TurnState.ts"
import { decide } from "../approval/PolicyRunner.ts"
import * as Steps from "../internal/Steps.ts"
import type { MonotonicClock } from "./MonotonicClock.ts"
import type * as StructuredOutput from "./StructuredOutput.ts"

/** The engine, tools, policy and telemetry of a turn. */
export interface ActiveTurnOptions {
  readonly threadId: ThreadId
  readonly engine: Engine.EngineThread
  readonly tools: ToolHost.ToolHost
  readonly policy: Policy.Policy
  readonly clock: MonotonicClock
  readonly tracer: EffectTracer.Tracer
  readonly context: Context.Context<never>
  readonly settings: TurnTelemetry.TelemetrySettings
  /** Attributes of every span and log record below the turn. */
  readonly annotations: Readonly<Record<string, unknown>>
  readonly span: EffectTracer.Span
  /** When the turn started, if that was before it was adopted. */
  readonly startedAt?: number | undefined
  readonly model: string | undefined
  /** The price of the model, if it is known. */
  readonly price: Prices.Price | undefined
  readonly effort: string | undefined
  readonly sandbox: TurnOptions.Sandbox | undefined
  readonly instructions: string | undefined
  readonly input: TurnOptions.TurnInput
  readonly limits: ContentLimits.MemoryLimits
  /** Whether the turn has a result that contains its items. */
  readonly keepsItems: boolean
  readonly publish: (event: Turn.EngineEvent) => void
  /** Receives each event, after the state of the turn has changed and before it is published. */
  readonly onEvent?: ((event: Turn.EngineEvent) => void) | undefined
  /** Receives what an event used, so that no sum over all sub-agents is needed. */
  readonly onSpent: (added: Budget.BudgetUsage) => void
  /** Called after an event that may exceed a budget. */
  readonly onUsage: () => void
  /** Whether the turn, or the turn that a sub-agent works for, is being interrupted. */
  readonly isStopping: () => boolean
  /** Ends the turn. For a sub-agent, ends the turn that it works for. */
  readonly stop: (error: CodexError.TurnError) => void
}

export interface ActiveTurn {
  readonly handlers: Omit<Engine.Handlers, "agent">
  /** Ends the turn and its telemetry, in small steps, and returns the turn. Ignores later events. */
  readonly endSteps: (outcome: Signal.TurnEnd) => Generator<void, Turn.Turn>
  /** Returns the turn so far. */
  readonly snapshot: () => Turn.Turn
  /** Returns the answer of the agent so far. */
  readonly answer: () => StructuredOutput.Answer
  /** Returns the failure of the model request that Codex retries, until the next attempt produces output. */
  readonly retrying: () => CodexError.RetriedFailure | undefined
  /** Returns the span of a call of this turn. */
  readonly spanOf: (callId: string) => EffectTracer.Span
}

export const milliseconds = (clock: MonotonicClock): number => Number(clock.currentTimeNanosUnsafe()) / 1e6

/** Runs telemetry and ignores what it throws: a tracer that fails loses spans and does not change the turn. */
export const ignoreDefects = (write: () => void): void => {
  try {
    write()
  } catch {
    // This runs in the reader of the connection, which has no caller to report to.
  }
}

export const make = (options: ActiveTurnOptions): ActiveTurn => {
  const { clock, engine, threadId, tools } = options
  const { readOnly } = tools
  const startedAt = options.startedAt ?? milliseconds(clock)
  const telemetry = TurnTelemetry.make({
    ...options,
    startedAt,
    turn: options.span,
    provider: engine.provider
  })
  let state = TurnState.initial(threadId, startedAt, Turn.noUsage, options.limits, options.keepsItems)
  let ended = false
  let retrying: CodexError.RetriedFailure | undefined

  /** The requests with their resolved paths. A request is resolved once, so that its event and its policy agree. */
  const resolvedRequests = new WeakMap<ApprovalRequest.ApprovalRequest, ApprovalRequest.ApprovalRequest>()
  const hostDirectories = Context.get(options.context, HostDirectories.Current)
  const access = () => engine.access?.() ?? ThreadAccess.make(engine.cwd, undefined)
  const resolved = (request: ApprovalRequest.ApprovalRequest) => {
    const known =
      resolvedRequests.get(request) ??
      ResolvedRequest.resolve(request, access(), AgentRoots.list(engine), hostDirectories.list())
    resolvedRequests.set(request, known)
    return known
  }

  /**
   * Adds the cost of a step. A later report may replace the tokens of an earlier one, so this subtracts the costs of two
   * sums.
   */
  const withCost = (added: Budget.BudgetUsage, before: TurnState.TurnState, after: TurnState.TurnState) => {
    const { price } = options
    if (price === undefined) return added
    const usd = Prices.cost(TurnState.usageOf(after), price) - Prices.cost(TurnState.usageOf(before), price)
    return { ...added, usd }
  }

  const emit = (original: Turn.EngineEvent) => {
    if (ended) return
    // A command of this turn keeps the sandbox of this turn, also when later turns have a smaller one.
    if (original._tag === "TurnStarted") AgentRoots.recordSandbox(engine, access().writableRoots)
    const received =
      original._tag === "ApprovalRequested" ? { ...original, request: resolved(original.request) } : original
    // Time never runs backwards in a turn, also if another clock stamped the event.
    const at = Math.max(clock.fromWallClock(received.at), state.time.at)
    const bounded = BoundedContent.boundEvent(received, options.limits.itemBytes)
    const event = bounded.at === at ? bounded : { ...bounded, at }
    if (options.isStopping()) state = TurnState.stopping(state)
    const before = state
    const [next, marks] = TurnState.step(state, event, readOnly)
    state = next
    if (event._tag === "Retrying") {
      const { detail = "", errorType, status } = event
      retrying = { errorType, detail, ...(status === undefined ? {} : { status }) }
    } else if (retrying !== undefined && RetrySignals.isModelOutput(event)) retrying = undefined
    options.onEvent?.(event)
    const tokens = TurnState.spentBetween(before, next, marks)
    const added = tokens === undefined ? undefined : withCost(tokens, before, next)
    if (added !== undefined) options.onSpent(added)
    ignoreDefects(() => telemetry.record(event, marks, before.calls))
    options.publish(event)
    if (added !== undefined) options.onUsage()
  }

  /** Adds the turn to the spans and log records of the caller's policies and tools. */
  const inTurn = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
    const annotations = { [Convention.attribute.turnId]: state.turnId }
    return effect.pipe(Effect.annotateSpans(annotations), Effect.annotateLogs(annotations))
  }

  const approve = (received: ApprovalRequest.ApprovalRequest) => {
    const { cwd, network, sandbox, writableRoots } = access()
    const request = resolved(received)
    return decide(options.policy, request, {
      threadId,
      openedThreadId: engine.id,
      turnId: state.turnId,
      session: engine,
      cwd: cwd.real,
      sandbox,
      network,
      writableRoots: [...new Set([...writableRoots, ...AgentRoots.list(engine)])]
    }).pipe(
      TurnTelemetry.approving(telemetry.spanOf(request.itemId), ApprovalRequest.kindOf(request)),
      inTurn,
      Effect.tap((decision) =>
        Effect.sync(() => {
          AgentRoots.recordDecision(engine, request, decision)
          if (decision._tag === "Cancel") options.stop(new CodexError.TurnInterrupted({ by: "policy" }))
        })
      )
    )
  }

  /** Codex does not request approval for the caller's tools, so the events of the request are emitted here. */
  const approveTool = (request: ApprovalRequest.ApprovalRequest) =>
    Effect.suspend(() => {
      const decided = (
        decision: ApprovalDecision.ApprovalDecision,
        source: ApprovalDecision.ApprovalSource
      ) =>
        Effect.sync(() => {
          const { id: requestId, itemId } = request
          emit({ _tag: "ApprovalDecided", requestId, itemId, decision, source, at: milliseconds(clock) })
        })
      emit({ _tag: "ApprovalRequested", request, at: milliseconds(clock) })
      return approve(request).pipe(
        Effect.tap((decision) => decided(decision, decision.source ?? "policy")),
        Effect.onInterrupt(() =>
          decided(ApprovalDecision.decline("the turn ended before the decision"), "default")
        )
      )
    })

  const callTool = tools.turn({
    approve: approveTool,
    turnId: () => state.turnId,
    progress: (progress) => emit({ _tag: "ToolProgress", ...progress, at: milliseconds(clock) })
  })

  return {
    handlers: {
      emit,
      approve,
      callTool: (call) =>
        callTool(call).pipe(
          Effect.catch((error) =>
            Effect.sync(() => {
              options.stop(error)
              return { success: false, text: `The tool ${call.tool} failed.` }
            })
          ),
          Effect.withParentSpan(telemetry.spanOf(call.callId), { captureStackTrace: false }),
          inTurn
        )
    },
    endSteps: function* (outcome) {
      const at = Math.max(milliseconds(clock), state.time.at)
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
      ended = true
      const [folded, marks] = yield* TurnState.endSteps(state, at, { completed, ...failure }, readOnly)
      const turn =
        options.price === undefined ? folded : { ...folded, cost: Prices.cost(folded.usage, options.price) }
      try {
        yield* telemetry.endSteps(turn, marks, outcome, at, state.calls)
      } catch {
        // As in `ignoreDefects`.
      }
      return turn
    },
    snapshot: () => {
      const turn = TurnState.snapshot(state, Math.max(milliseconds(clock), state.time.at), readOnly)
      return options.price === undefined ? turn : { ...turn, cost: Prices.cost(turn.usage, options.price) }
    },
    answer: () => ({ message: TurnState.message(state), review: state.review }),
    retrying: () => retrying,
    spanOf: telemetry.spanOf
  }
}

/** Makes the turn of a sub-agent, whose span is below the call that started it. */
export const makeSubAgent = (
  root: Omit<ActiveTurnOptions, "publish" | "span" | "threadId" | "input" | "keepsItems">,
  parent: EffectTracer.Span,
  { threadId, turnId }: { readonly threadId: ThreadId; readonly turnId: TurnId },
  publish: (event: Turn.TurnEvent) => void
): { readonly activeTurn: ActiveTurn; readonly handlers: Engine.AgentHandlers } => {
  const { attribute } = Convention
  const annotations = { ...root.annotations, [attribute.conversationId]: threadId }
  const span = root.tracer.span({
    name: Convention.span.invokeAgent(Convention.agent),
    parent: Option.some(parent),
    annotations: Context.empty(),
    links: [],
    startTime: root.clock.currentTimeNanosUnsafe(),
    kind: "internal",
    root: false,
    sampled: parent.sampled
  })
  const attributes = {
    ...annotations,
    [attribute.turnId]: turnId,
    [attribute.operationName]: Convention.operation.invokeAgent,
    [attribute.agentName]: Convention.agent,
    [attribute.providerName]: root.engine.provider,
    [attribute.requestModel]: root.model
  }
  ignoreDefects(() => {
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== undefined) span.attribute(key, value)
    }
  })
  const activeTurn = make({
    ...root,
    annotations,
    threadId,
    span,
    input: "",
    keepsItems: false,
    publish: (event) => publish({ _tag: "AgentEvent", threadId, turnId, event, at: event.at })
  })
  return {
    activeTurn,
    handlers: {
      ...activeTurn.handlers,
      end: (outcome) => {
        Steps.finish(activeTurn.endSteps(outcome))
        const exit =
          outcome === "completed"
            ? Exit.void
            : outcome._tag === "TurnInterrupted"
              ? Exit.failCause(Cause.interrupt())
              : Exit.fail(outcome)
        ignoreDefects(() => span.end(root.clock.currentTimeNanosUnsafe(), exit))
      }
    }
  }
}
