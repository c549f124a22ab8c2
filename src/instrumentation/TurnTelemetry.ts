/** Telemetry of a turn: its events become signals, from which spans are written and listeners are called. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Tracer from "effect/Tracer"
import * as ApprovalDecision from "../domain/ApprovalDecision.ts"
import type * as ApprovalRequest from "../domain/ApprovalRequest.ts"
import type * as OpenCalls from "../domain/OpenCalls.ts"
import * as Prices from "../domain/Prices.ts"
import type * as Turn from "../domain/Turn.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"
import type * as TurnTiming from "../domain/TurnTiming.ts"
import * as Convention from "../semconv/Convention.ts"
import * as Revision from "../semconv/Revision.ts"
import * as SafeSpan from "./SafeSpan.ts"
import * as ContentCapture from "./ContentCapture.ts"
import * as SignalBus from "./SignalBus.ts"
import * as SignalThrottle from "./SignalThrottle.ts"
import type * as Signal from "./Signal.ts"
import * as TurnContent from "./TurnContent.ts"
import * as TurnSignals from "./TurnSignals.ts"
import * as TurnSpans from "./TurnSpans.ts"

const { attribute } = Convention

/** The origin of a turn: `sdk` for a program, `cli` for the command line. */
export const Originator = Context.Reference<"sdk" | "cli">("effect-codex/telemetry/Originator", {
  defaultValue: () => "sdk"
})

export interface TurnTelemetryOptions extends Omit<TurnSpans.TurnSpansOptions, "revision"> {
  readonly startedAt: number
  readonly threadId: string
  readonly sandbox: string | undefined
  /** The price of the model, if it is known. */
  readonly price: Prices.Price | undefined
  readonly input: TurnOptions.TurnInput
  /** The developer instructions of the thread. */
  readonly instructions?: string | undefined
  /** The context of the turn, from which listeners and their settings are read. */
  readonly context: Context.Context<never>
  readonly settings: TelemetrySettings
}

/** Settings of the context, which are read once for a turn and its sub-agents: they depend on the environment. */
export interface TelemetrySettings {
  readonly revision: Convention.Revision
  /** Updates per second of each kind. */
  readonly rate: number
  readonly capture: ContentCapture.Capture
}

export const settingsOf = (context: Context.Context<never>): TelemetrySettings => ({
  revision: Revision.revisionOf(context),
  rate: SignalThrottle.rateOf(context),
  capture: ContentCapture.captureOf(context)
})

export interface TurnTelemetry {
  /**
   * Records an event and the timing marks that it caused. `calls` are the open calls before it. Never throws and never
   * waits.
   */
  readonly record: (
    event: Turn.EngineEvent,
    marks: ReadonlyArray<TurnTiming.Mark>,
    calls: OpenCalls.OpenCalls
  ) => void
  /** Returns the span of a call or an item. */
  readonly spanOf: (callId: string) => Tracer.Span
  /** Ends all open spans and writes the totals to the span of the turn, in small steps. */
  readonly endSteps: (
    turn: Turn.Turn,
    marks: ReadonlyArray<TurnTiming.Mark>,
    outcome: Signal.TurnEnd,
    at: number,
    calls: OpenCalls.OpenCalls
  ) => Generator<void>
}

export const make = (options: TurnTelemetryOptions): TurnTelemetry => {
  const spans = TurnSpans.make({ ...options, revision: options.settings.revision })
  const { annotations: attributes, context, model, price, provider, sandbox, threadId } = options
  const listeners = Context.get(context, SignalBus.Listeners)
  const content = TurnContent.make({ ...options, capture: options.settings.capture }, spans)
  let state = TurnSignals.initial(options.startedAt)
  let throttle = SignalThrottle.initial(options.settings.rate)
  let turnId: string | undefined

  const spanOf = (signal: Signal.Signal) => {
    const { sampled, spanId, traceId } = "callId" in signal ? spans.spanOf(signal.callId) : options.turn
    return traceId === "noop" ? undefined : { traceId, spanId, sampled }
  }

  const withCost = (signal: Signal.Signal): Signal.Signal =>
    price === undefined || signal._tag !== "ModelStop" || signal.usage === undefined
      ? signal
      : { ...signal, cost: Prices.cost(signal.usage, price) }

  const emitThrottled = (signal: Signal.Signal) => {
    const [next, due] = SignalThrottle.step(throttle, withCost(signal))
    throttle = next
    for (const dueSignal of due) emit(dueSignal)
  }

  const emit = (signal: Signal.Signal) => {
    spans.write(signal, turnId)
    if (listeners.all.length === 0) return
    const where = { threadId, turnId, model, provider, sandbox, attributes }
    SignalBus.emit(listeners, { signal, ...where, span: spanOf(signal) }, context)
  }

  return {
    record: (event, marks, calls) => {
      if (event._tag === "TurnStarted") turnId = event.turnId
      const [next, signals] = TurnSignals.step(state, event, marks, calls)
      state = next
      // The content of a completed item is written before its span ends, that of a started item after its span opens.
      if (event._tag === "ItemCompleted") content?.record(event)
      for (const signal of signals) emitThrottled(signal)
      if (event._tag !== "ItemCompleted") content?.record(event)
      content?.requestStarted()
    },
    spanOf: spans.spanOf,
    endSteps: function* (turn, marks, outcome, at, calls) {
      content?.end(turnId, at, outcome)
      for (const signal of TurnSignals.end(state, turn, marks, outcome, at, calls)) {
        emitThrottled(signal)
        yield
      }
    }
  }
}

/** Runs a decision in a `codex.approval` span below the span of its call. */
export const approving =
  (parent: Tracer.Span, kind: ApprovalRequest.ApprovalKind) =>
  <E, R>(
    decide: Effect.Effect<ApprovalDecision.ApprovalDecision, E, R>
  ): Effect.Effect<ApprovalDecision.ApprovalDecision, E, R> =>
    SafeSpan.use(
      Convention.span.approval,
      { parent, attributes: { [attribute.approvalKind]: kind } },
      (span) =>
        Effect.tap(Effect.withParentSpan(decide, span), (decision) =>
          Effect.sync(() => {
            span.attribute(attribute.approvalDecision, ApprovalDecision.decisionName(decision))
            span.attribute(attribute.approvalSource, decision.source ?? "policy")
            span.attribute(attribute.approvalPolicy, decision.policy ?? "custom")
          })
        )
    )
