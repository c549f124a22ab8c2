/** Telemetry of staging and removing input files: counts, sizes and durations, without names or paths. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"
import * as Convention from "../semconv/Convention.ts"
import * as ErrorType from "../semconv/ErrorType.ts"
import * as EmitSignal from "./EmitSignal.ts"
import * as SafeSpan from "./SafeSpan.ts"
import * as Signal from "./Signal.ts"
import * as TurnTelemetry from "./TurnTelemetry.ts"

/** The number of files, and their total size in bytes. */
export interface StagedFile {
  readonly files: number
  readonly bytes: number
}

const noFiles: StagedFile = { files: 0, bytes: 0 }

const names = { stage: Convention.span.attachmentStage, cleanup: Convention.span.attachmentCleanup }

const endOf = (exit: Exit.Exit<unknown, unknown>): Signal.SignalEnd => {
  if (Exit.isSuccess(exit)) return Signal.ok
  const errorType = ErrorType.fromExit(exit)
  return errorType === undefined ? Signal.interrupted : { _tag: "Error", errorType }
}

const instrument =
  (stage: Signal.AttachmentStop["stage"]) =>
  <A>(measure: (value: A) => StagedFile) =>
  <E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const recordEnd = Effect.fnUntraced(function* (
      span: Tracer.Span,
      startedAt: number,
      exit: Exit.Exit<A, unknown>
    ) {
      const { bytes, files } = Exit.isSuccess(exit) ? measureSafely(measure, exit.value) : noFiles
      span.attribute(Convention.attribute.attachmentFiles, files)
      span.attribute(Convention.attribute.attachmentBytes, bytes)
      const at = yield* EmitSignal.now
      const durationMillis = at - startedAt
      yield* EmitSignal.emit({
        _tag: "AttachmentStop",
        at,
        durationMillis,
        stage,
        files,
        bytes,
        end: endOf(exit)
      })
    })
    return SafeSpan.use(names[stage], {}, (span) =>
      Effect.gen(function* () {
        const startedAt = yield* EmitSignal.now
        span.attribute(Convention.attribute.originator, yield* TurnTelemetry.Originator)
        yield* EmitSignal.emit({ _tag: "AttachmentStart", at: startedAt, stage })
        return yield* Effect.onExit(effect, (exit) => recordEnd(span, startedAt, exit))
      }).pipe(Effect.withParentSpan(span, { captureStackTrace: false }))
    )
  }

// A `measure` that throws must not fail the staging.
const measureSafely = <A>(measure: (value: A) => StagedFile, value: A): StagedFile => {
  try {
    return measure(value)
  } catch {
    return noFiles
  }
}

/**
 * Instruments an effect that stages files: the span `codex.attachment.stage`, the counters `codex.attachment.staged`
 * (files) and `codex.attachment.bytes`, and log records. `measure` reads the number and size from the result.
 *
 * ```ts
 * stage(files).pipe(AttachmentTelemetry.staging((staged) => ({ files: staged.length, bytes: sum(staged) })))
 * ```
 */
export const staging = instrument("stage")

/** Instruments an effect that removes staged files: `codex.attachment.cleanup` and `codex.attachment.cleaned`. */
export const cleaning = instrument("cleanup")
