/** Telemetry of engine hosts, in the program that uses them: a span and a duration of each operation. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Convention from "../semconv/Convention.ts"
import * as ErrorType from "../semconv/ErrorType.ts"
import * as EmitSignal from "./EmitSignal.ts"
import * as SafeSpan from "./SafeSpan.ts"
import * as Signal from "./Signal.ts"
import * as TurnTelemetry from "./TurnTelemetry.ts"

const names = {
  start: Convention.span.hostStart,
  attach: Convention.span.hostAttach,
  drain: Convention.span.hostDrain,
  stop: Convention.span.hostStop
}

/** Returns how an operation ended, from its exit. */
export const endOf = (exit: Exit.Exit<unknown, unknown>): Signal.SignalEnd => {
  if (Exit.isSuccess(exit)) return Signal.ok
  const errorType = ErrorType.fromExit(exit)
  return errorType === undefined ? Signal.interrupted : { _tag: "Error", errorType }
}

/** Runs an operation on a host in its span, and measures it. */
export const operation =
  (operation: Signal.HostStop["operation"]) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(TurnTelemetry.Originator, (originator) =>
      SafeSpan.use(
        names[operation],
        { attributes: { [Convention.attribute.originator]: originator } },
        (span) =>
          Effect.flatMap(EmitSignal.now, (startedAt) =>
            Effect.onExit(effect, (exit) =>
              Effect.flatMap(EmitSignal.now, (at) =>
                EmitSignal.emit({
                  _tag: "HostStop",
                  at,
                  durationMillis: at - startedAt,
                  operation,
                  end: endOf(exit)
                })
              )
            )
          ).pipe(Effect.withParentSpan(span, { captureStackTrace: false }))
      )
    )
