/** Formats log records as lines: for people, as logfmt or as JSON. */
import { jsonLine, printable, printableLine } from "../../internal/VisibleText.ts"
import type { LogField, LogRecord } from "../../instrumentation/LogRecord.ts"

export type Format = "pretty" | "logfmt" | "json"

const asText = (value: unknown): string =>
  typeof value === "string"
    ? value
    : Array.isArray(value)
      ? value.map(asText).join(",")
      : (JSON.stringify(value) ?? String(value))

const plain = /^[^\s"'=\\]+$/

const quoted = (value: unknown): string => {
  const text = printable(asText(value))
  return plain.test(text) ? text : JSON.stringify(text)
}

const pair = (name: string, value: unknown): string => `${name.replace(/[\s="]/g, "_")}=${quoted(value)}`

const idsOf = ({ span }: LogRecord): ReadonlyArray<LogField> =>
  span === undefined
    ? []
    : [
        { name: "trace_id", key: "trace_id", value: span.traceId },
        { name: "span_id", key: "span_id", value: span.spanId }
      ]

// Annotations must not override these fields: logfmt readers take the last value of a repeated key.
const reserved = new Set(["timestamp", "level", "message", "trace_id", "span_id"])

const pairs = (fields: ReadonlyArray<LogField>): ReadonlyArray<string> =>
  fields.map(({ name, value }) => pair(reserved.has(name) ? `${name}_` : name, value))

/** Returns the message and its fields as one line: `[codex] turn stop duration_ms=12 thread_id=…`. */
export const line = (record: LogRecord): string =>
  [printableLine(record.message, Infinity), ...pairs(record.fields)].join(" ")

const timeOf = (record: LogRecord): string => new Date(record.at).toISOString()

const pretty = (record: LogRecord): string =>
  [
    timeOf(record).slice(11, 23),
    record.level.toUpperCase().padEnd(5),
    // Indent further lines of a message, so that they cannot look like log lines.
    printable(record.message).replaceAll("\n", "\n    "),
    ...pairs(record.fields),
    ...idsOf(record).map(({ name, value }) => pair(name, value))
  ].join(" ")

const logfmt = (record: LogRecord): string =>
  [
    pair("timestamp", timeOf(record)),
    pair("level", record.level.toUpperCase()),
    pair("message", record.message),
    ...pairs(record.fields),
    ...idsOf(record).map(({ name, value }) => pair(name, value))
  ].join(" ")

const json = (record: LogRecord): string =>
  jsonLine({
    // Fields of the record itself override annotations.
    ...Object.fromEntries(record.fields.map(({ name, value }) => [name, value])),
    timestamp: timeOf(record),
    level: record.level.toUpperCase(),
    message: record.message,
    ...Object.fromEntries(idsOf(record).map(({ name, value }) => [name, value]))
  })

/** Returns a record in a format, without the line break. */
export const format = (format: Format, record: LogRecord): string => {
  switch (format) {
    case "pretty":
      return pretty(record)
    case "logfmt":
      return logfmt(record)
    case "json":
      return json(record)
  }
}
