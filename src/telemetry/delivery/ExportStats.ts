/** What became of what was to be exported: counted, and what is lost said in one log line a minute. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Settings from "../config/Settings.ts"
import * as SelfMetrics from "./SelfMetrics.ts"

export type DropReason = SelfMetrics.FailureReason

/** Told by exporters; every function is synchronous and never throws. */
export class Tally extends Context.Service<
  Tally,
  {
    readonly exported: (signal: Settings.SignalKind, n: number) => void
    /** `detail` goes into the log: an error code and a host, never content. */
    readonly dropped: (signal: Settings.SignalKind, n: number, reason: DropReason, detail?: string) => void
    readonly spooled: (signal: Settings.SignalKind, n: number) => void
    readonly queue: (signal: Settings.SignalKind, n: number) => void
    /** Something to be said that is no loss, or not yet; the same once a minute at most. */
    readonly warn: (text: string) => void
  }
>()("effect-codex/telemetry/Tally") {}

const nouns: Readonly<Record<Settings.SignalKind, string>> = {
  traces: "spans",
  metrics: "data points",
  logs: "log records"
}

const meanings: Readonly<Record<DropReason, string>> = {
  queue_full: "the queue was full",
  export_failed: "not sent",
  rejected: "refused by the receiver",
  timeout: "no answer in time",
  shutdown: "not sent before the end",
  spool_full: "the spool was full",
  expired: "too old"
}

/** How long the same warning is not said again, in milliseconds. */
const quiet = 60_000

/** What is said of losses; the kinds of them beyond these are summed up. */
const shown = 6

/** The one tally of everything that exports; a constant, for layers are shared by identity. */
export const layer: Layer.Layer<Tally> = Layer.effect(
  Tally,
  Effect.gen(function* () {
    const settings = yield* Settings.CurrentSettings
    const self = yield* SelfMetrics.make
    const lost = new Map<string, number>()
    const losses = yield* Queue.dropping<void>(1)
    const unsaid: Array<string> = []
    const warned = new Map<string, number>()
    const warnings = yield* Queue.dropping<void>(1)
    const sayWarnings = Effect.suspend(() =>
      Effect.forEach(unsaid.splice(0), (text) => Effect.logWarning(text), { discard: true })
    )
    yield* Effect.addFinalizer(() => sayWarnings)
    yield* Queue.take(warnings).pipe(Effect.andThen(sayWarnings), Effect.forever, Effect.forkScoped)

    const say = Effect.suspend(() => {
      const kinds = [...lost].map(([kind, n]) => `${n} ${kind}`)
      lost.clear()
      if (kinds.length === 0 || !Settings.isLogged(settings, "Warn")) return Effect.void
      const more = kinds.length > shown ? [`${kinds.length - shown} more kinds of loss`] : []
      return Effect.logWarning(`Telemetry was lost: ${[...kinds.slice(0, shown), ...more].join(", ")}`)
    })
    yield* Effect.addFinalizer(() => say)
    yield* Queue.take(losses).pipe(
      Effect.andThen(Effect.sleep("1 second")),
      Effect.andThen(say),
      Effect.andThen(Effect.sleep("59 seconds")),
      Effect.andThen(
        Effect.sync(() => {
          if (lost.size > 0) Queue.offerUnsafe(losses, undefined)
        })
      ),
      Effect.forever,
      Effect.forkScoped
    )

    return Tally.of({
      exported: self.exported,
      queue: self.queue,
      spooled: self.spooled,
      warn: (text) => {
        const now = performance.now()
        if (!Settings.isLogged(settings, "Warn") || now - (warned.get(text) ?? -Infinity) < quiet) return
        warned.set(text, now)
        unsaid.push(text)
        Queue.offerUnsafe(warnings, undefined)
      },
      dropped: (signal, n, reason, detail) => {
        if (n <= 0) return
        self.dropped(signal, reason, n)
        const kind = `${nouns[signal]} (${meanings[reason]}${detail === undefined ? "" : `: ${detail}`})`
        lost.set(kind, (lost.get(kind) ?? 0) + n)
        Queue.offerUnsafe(losses, undefined)
      }
    })
  })
).pipe(Layer.provide(Settings.layer))
