/** One conversation. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as EffectTracer from "effect/Tracer"
import * as Approval from "./Approval.ts"
import * as CodexError from "./CodexError.ts"
import type * as Engine from "./engine/Engine.ts"
import type { ThreadId } from "./Id.ts"
import { decide } from "./internal/Decide.ts"
import * as Mailbox from "./internal/Mailbox.ts"
import * as Convention from "./telemetry/Convention.ts"
import type * as Signal from "./telemetry/Signal.ts"
import * as TurnTelemetry from "./telemetry/TurnTelemetry.ts"
import type * as ToolHost from "./ToolHost.ts"
import * as Turn from "./Turn.ts"
import * as TurnState from "./TurnState.ts"

/**
 * A conversation with the agent. Its turns run one after the other, in the order they were asked for; other threads are
 * never waited for.
 */
export interface Thread {
  readonly id: ThreadId
  readonly model: string | undefined
  /**
   * Runs a turn to its end. Interrupting the effect interrupts the turn and ends what it started; a turn that did not
   * complete is an error, which carries what was there by then.
   */
  readonly run: (input: Turn.Input, options?: Turn.Options) => Effect.Effect<Turn.Turn, CodexError.TurnError>
  /**
   * The same as it happens; the last event, `TurnCompleted`, carries the turn. A stream that is left early interrupts its
   * turn. For a slow consumer text deltas are merged; no other event is ever lost.
   */
  readonly stream: (
    input: Turn.Input,
    options?: Turn.Options
  ) => Stream.Stream<Turn.Event, CodexError.TurnError>
}

/** What the runtime knows of a thread beside what its engine does. */
export interface Setting {
  readonly tools: ToolHost.ToolHost
  readonly policy: Approval.Policy
  readonly sandbox: Engine.Sandbox | undefined
  /** Attributes of every span and log of the thread: source, workflow, group. */
  readonly annotations: Readonly<Record<string, unknown>>
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

/** A turn that is being run: the one place that changes its state. */
const begin = (
  engine: Engine.EngineThread,
  setting: Setting,
  clock: Clock.Clock,
  startedAt: number,
  telemetry: TurnTelemetry.TurnTelemetry,
  publish: (event: Turn.Event) => void
) => {
  const { readOnly } = setting.tools
  let state = TurnState.initial(engine.id, startedAt, Turn.noUsage)
  let over = false

  const emit = (said: Turn.EngineEvent) => {
    if (over) return
    // Time never runs backwards in a turn, whatever clock an event was stamped by.
    const event = said.at < state.time.at ? { ...said, at: state.time.at } : said
    const [next, marks] = TurnState.step(state, event, readOnly)
    state = next
    quietly(() => telemetry.record(event, marks))
    publish(event)
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
    if (completed) publish({ _tag: "TurnCompleted", turn, at: Math.max(at, state.time.at) })
    return turn
  }

  /** What is asked of the caller says in its spans and logs which turn asks. */
  const inTurn = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
    const annotations = { [Convention.attribute.turnId]: state.turnId }
    return effect.pipe(Effect.annotateSpans(annotations), Effect.annotateLogs(annotations))
  }

  return { emit, end, inTurn, now: () => milliseconds(clock) }
}

export const make = (engine: Engine.EngineThread, setting: Setting): Thread => {
  const turns = Semaphore.makeUnsafe(1)

  const runWith = Effect.fnUntraced(
    function* (input: Turn.Input, options: Turn.Options, publish: (event: Turn.Event) => void) {
      const timeout = Duration.fromInputUnsafe(options.timeout ?? (yield* Turn.DefaultTimeout))
      const clock = yield* Clock.Clock
      const tracer = yield* EffectTracer.Tracer
      const annotations = yield* References.TracerSpanAnnotations
      const model = options.model ?? engine.model
      const { attribute } = Convention

      const span = yield* Effect.makeSpan(Convention.span.invokeAgent(Convention.agent), {
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
        sandbox: setting.sandbox,
        input,
        context: yield* Effect.context(),
        tracer,
        turn: span,
        annotations,
        model,
        provider: engine.provider,
        effort: options.effort
      })
      const turn = begin(engine, setting, clock, startedAt, telemetry, publish)
      const stopped = yield* Deferred.make<never, CodexError.TurnError>()

      const approve = (request: Approval.Request) =>
        decide(setting.policy, request).pipe(
          TurnTelemetry.approving(telemetry.spanOf(request.itemId), request._tag),
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

      const timedOut = Effect.suspend(() =>
        Effect.fail(new CodexError.TurnTimedOut({ timeoutMs: Duration.toMillis(timeout) }))
      )
      return yield* Effect.raceAllFirst([
        engine.turn(input, { model: options.model, effort: options.effort }, handlers),
        Deferred.await(stopped),
        Effect.delay(timedOut, timeout)
      ]).pipe(
        Effect.withParentSpan(span, { captureStackTrace: false }),
        Effect.exit,
        Effect.onInterrupt(() =>
          Effect.sync(() => {
            turn.end("interrupted")
            endSpan(Exit.failCause(Cause.interrupt()))
          })
        ),
        Effect.flatMap((exit): Effect.Effect<Turn.Turn, CodexError.TurnError> => {
          const error = Exit.isSuccess(exit)
            ? undefined
            : Option.getOrUndefined(Cause.findErrorOption(exit.cause))
          const outcome = Exit.isSuccess(exit) ? "completed" : (error ?? "interrupted")
          const result = turn.end(outcome)
          // Stopped by somebody is not an error of the turn.
          const spanExit = error?._tag === "TurnInterrupted" ? Exit.failCause(Cause.interrupt()) : exit
          endSpan(spanExit)
          if (Exit.isSuccess(exit)) return Effect.succeed(result)
          return error === undefined
            ? Effect.failCause(
                Cause.fromReasons(exit.cause.reasons.filter((reason) => !Cause.isFailReason(reason)))
              )
            : Effect.fail(CodexError.withTurn(error, result))
        })
      )
    },
    annotated(engine, setting)
  )

  const inTurn = (
    input: Turn.Input,
    options: Turn.Options | undefined,
    publish: (event: Turn.Event) => void
  ) => turns.withPermits(1)(runWith(input, options ?? {}, publish))

  return {
    id: engine.id,
    model: engine.model,
    run: (input, options) => inTurn(input, options, () => {}),
    stream: (input, options) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const mailbox = Mailbox.make<CodexError.TurnError>()
          yield* inTurn(input, options, mailbox.offer).pipe(
            Effect.onExit((exit) => Effect.sync(() => mailbox.end(exit))),
            Effect.forkScoped({ startImmediately: true })
          )
          return mailbox.stream
        })
      )
  }
}

/** What every span and log record below a thread says of where it belongs. */
const annotated =
  (engine: Engine.EngineThread, setting: Setting) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(TurnTelemetry.Originator, (originator) => {
      const annotations = {
        ...setting.annotations,
        [Convention.attribute.originator]: originator,
        [Convention.attribute.conversationId]: engine.id,
        [Convention.attribute.sessionId]: engine.id
      }
      return effect.pipe(Effect.annotateSpans(annotations), Effect.annotateLogs(annotations))
    })
