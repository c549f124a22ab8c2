/** Counts exported and dropped records, and logs losses at most once a minute and at the end. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Settings from "../config/Settings.ts"
import * as SelfMetrics from "./SelfMetrics.ts"

export type DropReason = SelfMetrics.FailureReason

/** Called by exporters. Every function is synchronous and never throws. */
export class ExportStats extends Context.Service<
  ExportStats,
  {
    readonly exported: (signal: Settings.SignalKind, n: number) => void
    /** `detail` appears in the log: an error code and a host, never content. */
    readonly dropped: (signal: Settings.SignalKind, n: number, reason: DropReason, detail?: string) => void
    readonly spooled: (signal: Settings.SignalKind, n: number) => void
    readonly queue: (signal: Settings.SignalKind, n: number) => void
    /** Logs a warning that is not a loss; the same text at most once a minute. */
    readonly warn: (text: string) => void
  }
>()("effect-codex/telemetry/Tally") {}

const nouns: Readonly<Record<Settings.SignalKind, string>> = {
  traces: "spans",
  metrics: "data points",
  logs: "log records"
}

const reasons: Readonly<Record<DropReason, string>> = {
  queue_full: "the queue was full",
  export_failed: "not sent",
  rejected: "refused by the receiver",
  timeout: "no answer in time",
  shutdown: "not sent before the end",
  spool_full: "the spool was full",
  expired: "too old"
}

/** The minimum time between equal warnings, in milliseconds. */
const repeatInterval = 60_000

/** The maximum number of kinds of loss in one log line; further kinds are only counted. */
const maxKinds = 6

/** The shared statistics of all exporters. A constant, because layers are shared by identity. */
export const layer: Layer.Layer<ExportStats> = Layer.effect(
  ExportStats,
  Effect.gen(function* () {
    const settings = yield* Settings.CurrentSettings
    const self = yield* SelfMetrics.make
    const losses = new Map<string, number>()
    const lossSignal = yield* Queue.dropping<void>(1)
    const pendingWarnings: Array<string> = []
    const lastWarned = new Map<string, number>()
    const warningSignal = yield* Queue.dropping<void>(1)
    const logWarnings = Effect.suspend(() =>
      Effect.forEach(pendingWarnings.splice(0), (text) => Effect.logWarning(text), { discard: true })
    )
    yield* Effect.addFinalizer(() => logWarnings)
    yield* Queue.take(warningSignal).pipe(Effect.andThen(logWarnings), Effect.forever, Effect.forkScoped)

    const logLosses = Effect.suspend(() => {
      const kinds = [...losses].map(([kind, n]) => `${n} ${kind}`)
      losses.clear()
      if (kinds.length === 0 || !Settings.isLogged(settings, "Warn")) return Effect.void
      const overflow = kinds.length > maxKinds ? [`${kinds.length - maxKinds} more kinds of loss`] : []
      return Effect.logWarning(`Telemetry was lost: ${[...kinds.slice(0, maxKinds), ...overflow].join(", ")}`)
    })
    yield* Effect.addFinalizer(() => logLosses)
    yield* Queue.take(lossSignal).pipe(
      Effect.andThen(Effect.sleep("1 second")),
      Effect.andThen(logLosses),
      Effect.andThen(Effect.sleep("59 seconds")),
      Effect.andThen(
        Effect.sync(() => {
          if (losses.size > 0) Queue.offerUnsafe(lossSignal, undefined)
        })
      ),
      Effect.forever,
      Effect.forkScoped
    )

    return ExportStats.of({
      exported: self.exported,
      queue: self.queue,
      spooled: self.spooled,
      warn: (text) => {
        const now = performance.now()
        if (
          !Settings.isLogged(settings, "Warn") ||
          now - (lastWarned.get(text) ?? -Infinity) < repeatInterval
        )
          return
        lastWarned.set(text, now)
        pendingWarnings.push(text)
        Queue.offerUnsafe(warningSignal, undefined)
      },
      dropped: (signal, n, reason, detail) => {
        if (n <= 0) return
        self.dropped(signal, reason, n)
        const kind = `${nouns[signal]} (${reasons[reason]}${detail === undefined ? "" : `: ${detail}`})`
        losses.set(kind, (losses.get(kind) ?? 0) + n)
        Queue.offerUnsafe(lossSignal, undefined)
      }
    })
  })
).pipe(Layer.provide(Settings.layer))
