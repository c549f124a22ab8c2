/** Wraps OpenTelemetry exporters to count what they export, lose and still have queued. */
import type { ExportResult } from "@opentelemetry/core"
import { codeOf } from "../../internal/SystemError.ts"
import type * as Settings from "../config/Settings.ts"
import type { DropReason, ExportStats } from "./ExportStats.ts"

/** An exporter of any signal. */
export interface CountedExporter<Items> {
  export(items: Items, report: (result: ExportResult) => void): void
  forceFlush?(): Promise<void>
  shutdown(): Promise<void>
}

/** Why an export failed, for `ExportStats`. */
export class ExportFailure extends Error {
  readonly reason: DropReason
  readonly detail: string | undefined

  constructor(reason: DropReason, detail?: string) {
    super(detail ?? reason)
    this.reason = reason
    this.detail = detail
  }
}

/** A successful export of which the receiver rejected some records. */
export interface PartialResult extends ExportResult {
  readonly rejected: number
}

type Stats = typeof ExportStats.Service

/** Counts the records that are being exported. */
export class InFlight {
  protected readonly signal: Settings.SignalKind
  protected readonly stats: Stats
  private sending = 0
  private abandoned = false

  constructor(signal: Settings.SignalKind, stats: Stats) {
    this.signal = signal
    this.stats = stats
  }

  startExport(n: number): void {
    this.sending += n
  }

  /** Returns whether the result still counts, which it does not after `abandon`. */
  finishExport(n: number): boolean {
    this.sending -= n
    return !this.abandoned
  }

  /** Counts the remaining records as dropped. Later results are ignored. */
  abandon(): void {
    if (this.abandoned) return
    this.abandoned = true
    this.stats.dropped(this.signal, this.remaining(), "shutdown")
  }

  protected remaining(): number {
    return this.sending
  }
}

/** Counts the queued and the exporting records, and refuses new ones when the queue is full. */
export class Backlog extends InFlight {
  private waiting = 0
  private readonly capacity: number

  constructor(signal: Settings.SignalKind, capacity: number, stats: Stats) {
    super(signal, stats)
    this.capacity = capacity
  }

  admit(): boolean {
    if (this.waiting >= this.capacity) {
      this.stats.dropped(this.signal, 1, "queue_full")
      return false
    }
    this.waiting++
    return true
  }

  override startExport(n: number): void {
    this.waiting -= n
    super.startExport(n)
    this.stats.queue(this.signal, this.waiting)
  }

  protected override remaining(): number {
    return this.waiting + super.remaining()
  }
}

/** Wraps an exporter so that the result of each batch is counted. It reports every batch once and never throws. */
export const make = <Items>(
  exporter: CountedExporter<Items>,
  options: {
    readonly signal: Settings.SignalKind
    readonly count: (items: Items) => number
    readonly stats: Stats
    readonly backlog?: InFlight
  }
): CountedExporter<Items> & { forceFlush(): Promise<void> } => {
  const { backlog, count, signal, stats } = options
  return {
    export: (items, report) => {
      const n = count(items)
      let reported = false
      const finishExport = (result: ExportResult) => {
        if (reported) return
        reported = true
        if (backlog?.finishExport(n) !== false) record(result, n)
        report(result)
      }
      backlog?.startExport(n)
      try {
        exporter.export(items, finishExport)
      } catch (error) {
        finishExport({ code: 1, error: error instanceof Error ? error : new Error("the exporter threw") })
      }
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown()
  }

  function record(result: ExportResult, n: number): void {
    if (result.code === 0) {
      const rejected = isPartial(result) ? Math.min(result.rejected, n) : 0
      stats.exported(signal, n - rejected)
      return stats.dropped(signal, rejected, "rejected")
    }
    const { error } = result
    if (error instanceof ExportFailure) return stats.dropped(signal, n, error.reason, error.detail)
    stats.dropped(signal, n, "export_failed", codeOf(error))
  }
}

const isPartial = (result: ExportResult): result is PartialResult => "rejected" in result
