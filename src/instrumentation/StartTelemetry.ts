/** Telemetry of an engine that does not start and of a thread that cannot be opened. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as CodexError from "../domain/CodexError.ts"
import * as Convention from "../semconv/Convention.ts"
import * as Redaction from "../redaction/Redaction.ts"
import * as ErrorType from "../semconv/ErrorType.ts"
import * as ExceptionEvent from "./ExceptionEvent.ts"
import * as EmitSignal from "./EmitSignal.ts"
import type * as Signal from "./Signal.ts"

/**
 * Emits a signal if the effect fails or dies: a count in `codex.errors` and the record `[codex] engine exception` or
 * `[codex] thread exception`. With capture of the kind `errors`, the current span gets an event with message and stack.
 * An interruption is not a failure.
 *
 * ```ts
 * engine.ready.pipe(StartTelemetry.starting("engine"))
 * ```
 */
export const starting =
  (what: Signal.StartFailed["what"]) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(EmitSignal.now, (startedAt) =>
      Effect.tapCause(effect, (cause) => {
        const errorType = ErrorType.fromExit(Exit.failCause(cause))
        if (errorType === undefined) return Effect.void
        const failure = cause.reasons.find(Cause.isFailReason)?.error
        const error = CodexError.isCodexError(failure) ? failure : undefined
        return Effect.gen(function* () {
          const at = yield* EmitSignal.now
          const span = yield* Effect.option(Effect.currentSpan)
          const event = ExceptionEvent.attributes(
            failure ?? cause.reasons.find(Cause.isDieReason)?.defect,
            errorType,
            yield* Effect.context<never>()
          )
          if (span._tag === "Some" && event !== undefined) {
            // The span may be one of the program, whose tracer does not scrub it.
            const { attributes } = yield* Redaction.Current
            span.value.event(Convention.event.exception, yield* Clock.currentTimeNanos, attributes(event))
          }
          // The list of error types is closed, so an error of another origin becomes `_OTHER`.
          const knownType = error === undefined ? Convention.errorType.other : errorType
          const durationMillis = at - startedAt
          yield* EmitSignal.emit({
            _tag: "StartFailed",
            at,
            durationMillis,
            what,
            error,
            errorType: knownType
          })
        })
      })
    )
