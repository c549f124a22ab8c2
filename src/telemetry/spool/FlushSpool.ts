/** Sends the records that dead processes left in a spool, and reports the result. */
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as OtlpSerializers from "../delivery/OtlpSerializers.ts"
import * as OtlpTarget from "../delivery/OtlpTarget.ts"
import { ExportStats } from "../delivery/ExportStats.ts"
import type * as Settings from "../config/Settings.ts"
import * as SpoolWriter from "./SpoolWriter.ts"

/** Numbers of records. */
export interface Counts {
  traces: number
  logs: number
}

/** The result of a flush. The next flush, or the next process that uses the spool, sends the records in `left`. */
export interface FlushReport {
  readonly directory: string
  readonly sent: Counts
  readonly dropped: Counts
  readonly left: Counts
  /** Process ids of running processes. They send their records themselves. */
  readonly inUse: ReadonlyArray<number>
  /** Why records are left or were dropped: codes and hosts. */
  readonly notes: ReadonlyArray<string>
}

const zeroCounts = (): Counts => ({ traces: 0, logs: 0 })

/**
 * Makes a flush. `run` ends when every record is sent or dropped, and fails with a message if it cannot send at all.
 * `report` may be called at any time. After an interruption, the records without acknowledgement stay in the spool.
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
    const { rejected } = yield* signal === "traces"
      ? OtlpSerializers.traces(planned.target.protocol)
      : OtlpSerializers.logs(planned.target.protocol)
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
