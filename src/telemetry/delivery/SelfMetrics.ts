/**
 * Metrics about the telemetry itself: `codex.telemetry.{exported,dropped,spooled,queue}`.
 *
 * An exporter creates one when its layer is built and calls it from anywhere. Every function is synchronous and never
 * throws:
 *
 * ```ts
 * const self = yield* SelfMetrics.make
 * self.exported("traces", batch.length)
 * self.dropped("traces", "queue_full", 1)
 * self.queue("traces", waiting)
 * ```
 */
import * as Effect from "effect/Effect"
import * as Convention from "../../semconv/Convention.ts"
import * as TurnTelemetry from "../../instrumentation/TurnTelemetry.ts"
import * as Instruments from "../../semconv/Instruments.ts"

export type ExportedKind = "traces" | "metrics" | "logs"

/** Why records were lost. */
export type FailureReason =
  | "queue_full"
  | "export_failed"
  | "rejected"
  | "timeout"
  | "shutdown"
  | "spool_full"
  | "expired"

export interface SelfMetrics {
  /** A receiver accepted `n` records. */
  readonly exported: (signal: ExportedKind, n: number) => void
  /** `n` records are lost. */
  readonly dropped: (signal: ExportedKind, reason: FailureReason, n: number) => void
  /** `n` records were written to disk. */
  readonly spooled: (signal: ExportedKind, n: number) => void
  /** `n` records are queued now. */
  readonly queue: (signal: ExportedKind, n: number) => void
}

/** Counts in the metric registry of the context in which this effect runs. */
export const make: Effect.Effect<SelfMetrics> = Effect.gen(function* () {
  const context = yield* Effect.context()
  const originator = yield* TurnTelemetry.Originator
  const { attribute } = Convention
  const count = (
    instrument: Instruments.Instrument,
    signal: ExportedKind,
    n: number,
    reason?: FailureReason
  ) =>
    instrument.update(
      n,
      {
        [attribute.originator]: originator,
        [attribute.telemetrySignal]: signal,
        [attribute.telemetryReason]: reason
      },
      context
    )
  const { dropped, exported, queue, spooled } = Instruments.telemetry
  return {
    exported: (signal, n) => count(exported, signal, n),
    dropped: (signal, reason, n) => count(dropped, signal, n, reason),
    spooled: (signal, n) => count(spooled, signal, n),
    queue: (signal, n) => count(queue, signal, n)
  }
})
