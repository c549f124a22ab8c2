/** A log record before it is formatted or exported. */
import type * as LogLevel from "effect/LogLevel"

/** A field of a record: `name` is its name in text lines, `key` its attribute name. */
export interface LogField {
  readonly name: string
  readonly key: string
  readonly value: unknown
}

export interface LogRecord {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly level: LogLevel.Severity
  /** The event name, if the record is an event. */
  readonly event: string | undefined
  readonly message: string
  readonly fields: ReadonlyArray<LogField>
  readonly span: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | undefined
  /** Whether the record has captured content, which is exported but never printed. */
  readonly content: boolean
}
