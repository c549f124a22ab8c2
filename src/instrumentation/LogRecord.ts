/** A log record before it is formatted or exported. */
import type * as LogLevel from "effect/LogLevel"

/** What a record says beside its message: `name` as lines have it, `key` as attributes do. */
export interface LogField {
  readonly name: string
  readonly key: string
  readonly value: unknown
}

export interface LogRecord {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly level: LogLevel.Severity
  /** The name of the event that this record is, where it is one. */
  readonly event: string | undefined
  readonly message: string
  readonly fields: ReadonlyArray<LogField>
  readonly span: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | undefined
  /** It holds content that was asked for: for records alone, not for lines. */
  readonly content: boolean
}
