/** Exporters of OpenTelemetry, watched: what they take, what they lose, what is still waiting for them. */
import type { ExportResult } from "@opentelemetry/core"
import type * as Settings from "../config/Settings.ts"
import type { DropReason, Tally } from "./ExportStats.ts"

/** What an exporter of any signal can do. */
export interface CountedExporter<Items> {
  export(items: Items, report: (result: ExportResult) => void): void
  forceFlush?(): Promise<void>
  shutdown(): Promise<void>
}

/** Why an export failed, for the tally. */
export class ExportFailure extends Error {
  readonly reason: DropReason
  readonly detail: string | undefined

  constructor(reason: DropReason, detail?: string) {
    super(detail ?? reason)
    this.reason = reason
    this.detail = detail
  }
}

/** An export that succeeded, but for some records. */
export interface PartialResult extends ExportResult {
  readonly rejected: number
}

type Counts = typeof Tally.Service

/** What is on its way. */
export class InFlight {
  protected readonly signal: Settings.SignalKind
  protected readonly tally: Counts
  private sending = 0
  private abandoned = false

  constructor(signal: Settings.SignalKind, tally: Counts) {
    this.signal = signal
    this.tally = tally
  }

  taken(n: number): void {
    this.sending += n
  }

  /** Whether anybody still counts on it. */
  settled(n: number): boolean {
    this.sending -= n
    return !this.abandoned
  }

  /** Nobody waits any longer for what is still here. */
  abandon(): void {
    if (this.abandoned) return
    this.abandoned = true
    this.tally.dropped(this.signal, this.left(), "shutdown")
  }

  protected left(): number {
    return this.sending
  }
}

/** What waits and what is on its way; refuses what there is no room for. */
export class Backlog extends InFlight {
  private waiting = 0
  private readonly room: number

  constructor(signal: Settings.SignalKind, room: number, tally: Counts) {
    super(signal, tally)
    this.room = room
  }

  admit(): boolean {
    if (this.waiting >= this.room) {
      this.tally.dropped(this.signal, 1, "queue_full")
      return false
    }
    this.waiting++
    return true
  }

  override taken(n: number): void {
    this.waiting -= n
    super.taken(n)
    this.tally.queue(this.signal, this.waiting)
  }

  protected override left(): number {
    return this.waiting + super.left()
  }
}

/** The exporter, with what becomes of each batch told to the tally. It reports every batch once, and never throws. */
export const counted = <Items>(
  exporter: CountedExporter<Items>,
  options: {
    readonly signal: Settings.SignalKind
    readonly count: (items: Items) => number
    readonly tally: Counts
    readonly backlog?: InFlight
  }
): CountedExporter<Items> & { forceFlush(): Promise<void> } => {
  const { backlog, count, signal, tally } = options
  return {
    export: (items, report) => {
      const n = count(items)
      let reported = false
      const settled = (result: ExportResult) => {
        if (reported) return
        reported = true
        if (backlog?.settled(n) !== false) tell(result, n)
        report(result)
      }
      backlog?.taken(n)
      try {
        exporter.export(items, settled)
      } catch (error) {
        settled({ code: 1, error: error instanceof Error ? error : new Error("the exporter threw") })
      }
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown()
  }

  function tell(result: ExportResult, n: number): void {
    if (result.code === 0) {
      const rejected = isPartial(result) ? Math.min(result.rejected, n) : 0
      tally.exported(signal, n - rejected)
      return tally.dropped(signal, rejected, "rejected")
    }
    const { error } = result
    if (error instanceof ExportFailure) return tally.dropped(signal, n, error.reason, error.detail)
    tally.dropped(signal, n, "export_failed", codeOf(error))
  }
}

const isPartial = (result: ExportResult): result is PartialResult => "rejected" in result

/** The code of an error of Node, such as `ECONNREFUSED`. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined
