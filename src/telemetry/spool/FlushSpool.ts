/** Sends what dead processes have left in a spool, and says what became of it. */
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as OtlpSerializers from "../delivery/OtlpSerializers.ts"
import * as OtlpTarget from "../delivery/OtlpTarget.ts"
import { ExportStats } from "../delivery/ExportStats.ts"
import type * as Settings from "../config/Settings.ts"
import * as Spool from "./Spool.ts"
import * as SpoolWriter from "./SpoolWriter.ts"

export interface Counts {
  traces: number
  logs: number
}

/** Numbers of records; what is `left` goes with the next flush, or the next process that spools there. */
export interface FlushReport {
  readonly directory: string
  readonly sent: Counts
  readonly dropped: Counts
  readonly left: Counts
  /** Processes that live and send what is theirs themselves. */
  readonly inUse: ReadonlyArray<number>
  /** Why something is left or was dropped: codes and hosts. */
  readonly notes: ReadonlyArray<string>
}

const zeroCounts = (): Counts => ({ traces: 0, logs: 0 })

/**
 * A flush: `run` ends when everything was sent, `report` may be asked at any time. An interrupted one leaves what was not
 * acknowledged. `run` fails with a text where nothing can be sent at all.
 */
export const make = (options: SpoolWriter.SpoolWriterOptions, settings: Settings.Settings) => {
  const directory = SpoolWriter.directoryOf(options)
  const sent = zeroCounts()
  const dropped = zeroCounts()
  const left = zeroCounts()
  const inUse = new Set<number>()
  const notes = new Set<string>()

  const stats = ExportStats.of({
    exported: (signal, n) => {
      if (signal !== "metrics") sent[signal] += n
    },
    dropped: (signal, n, reason, detail) => {
      if (signal === "metrics" || n <= 0) return
      dropped[signal] += n
      notes.add(detail === undefined ? reason : `${reason}: ${detail}`)
    },
    spooled: () => {},
    queue: () => {},
    warn: (text) => void notes.add(text)
  })

  const flushSignal = Effect.fnUntraced(function* (signal: SpoolWriter.SpooledSignal) {
    if (!existsSync(join(directory, signal))) return
    const planned = yield* OtlpTarget.make(settings, {}, signal)
    for (const note of planned.warnings) notes.add(note)
    if (planned.target === undefined) return yield* Effect.fail(planned.warnings.join("; "))
    const rejected = yield* signal === "traces"
      ? Spool.rejectedReader(OtlpSerializers.traces)
      : Spool.rejectedReader(OtlpSerializers.logs)
    const batch = signal === "traces" ? settings.spans : settings.logs
    const { adopt, sender, store } = yield* Effect.mapError(
      SpoolWriter.open(signal, options, planned.target, batch, rejected),
      (code) => `${code}: the spool at ${directory} cannot be used`
    )
    yield* Effect.addFinalizer(() => Effect.sync(() => (left[signal] = store.waiting)))
    for (const { pid } of yield* adopt) if (pid !== undefined && pid !== process.pid) inUse.add(pid)
    yield* sender.drainAll
  }, Effect.scoped)

  const report = (): FlushReport => ({ directory, sent, dropped, left, inUse: [...inUse], notes: [...notes] })

  return {
    report,
    run: Effect.all([flushSignal("traces"), flushSignal("logs")], { concurrency: 2, discard: true }).pipe(
      Effect.provideService(ExportStats, stats)
    )
  }
}
