/** Emits signals that occur outside a turn. Their ids come from the span annotations of the current context. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import * as Convention from "../semconv/Convention.ts"
import type * as Signal from "./Signal.ts"
import * as SignalBus from "./SignalBus.ts"
import * as TurnTelemetry from "./TurnTelemetry.ts"
import * as TraceIds from "../internal/TraceIds.ts"

const { attribute } = Convention

/** The current time in milliseconds since the epoch, with fractions. */
export const now: Effect.Effect<number> = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

const spanOf = (context: Context.Context<never>): SignalBus.SignalEvent["span"] => {
  const span = Context.getOrUndefined(context, Tracer.ParentSpan)
  if (span === undefined || TraceIds.toTraceId(span.traceId) === undefined) return undefined
  return { traceId: span.traceId, spanId: span.spanId, sampled: span.sampled }
}

/** Passes a signal to the listeners of the current context. Never fails and never waits. */
export const emit = (signal: Signal.Signal): Effect.Effect<void> =>
  Effect.map(Effect.context<never>(), (context) => {
    const listeners = Context.get(context, SignalBus.Listeners)
    if (listeners.all.length === 0) return
    const annotations = Context.get(context, References.TracerSpanAnnotations)
    const attributes = {
      [attribute.originator]: Context.get(context, TurnTelemetry.Originator),
      ...annotations
    }
    const observed: SignalBus.SignalEvent = {
      signal,
      threadId: textOf(annotations[attribute.conversationId]),
      turnId: textOf(annotations[attribute.turnId]),
      model: undefined,
      provider: undefined,
      sandbox: undefined,
      attributes,
      span: spanOf(context)
    }
    SignalBus.emit(listeners, observed, context)
  })
