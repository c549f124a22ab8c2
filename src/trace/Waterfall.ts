/** Draws a trace in a terminal: the tree of spans with start, duration and errors. */
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import { printable } from "../internal/VisibleText.ts"
import { attribute, operation, span as names } from "../semconv/Convention.ts"
import * as DurationText from "../internal/DurationText.ts"
import * as DisplayWidth from "./DisplayWidth.ts"

/** One span of a trace; times are nanoseconds since a moment that is the same for all spans. */
export interface WaterfallSpan {
  readonly name: string
  readonly spanId: string
  readonly parentSpanId?: string | undefined
  readonly startNanos: bigint
  readonly endNanos: bigint
  readonly status: "unset" | "error"
  readonly attributes: Readonly<Record<string, unknown>>
}

export interface WaterfallOptions {
  /** The number of columns of the terminal. No line is wider. */
  readonly width: number
  /** Whether to use ANSI colours. */
  readonly color: boolean
}

/** Converts a span of a processor or exporter. */
export const fromReadableSpan = (span: ReadableSpan): WaterfallSpan => ({
  name: span.name,
  spanId: span.spanContext().spanId,
  parentSpanId: span.parentSpanContext?.spanId,
  startNanos: toNanos(span.startTime),
  endNanos: toNanos(span.endTime),
  status: span.status.code === 2 ? "error" : "unset",
  attributes: span.attributes
})

const toNanos = ([seconds, nanos]: readonly [number, number]): bigint =>
  BigInt(seconds) * 1_000_000_000n + BigInt(nanos)

/**
 * Draws the spans of one trace as a tree, each with a bar, its duration and its error; returns an empty string for no
 * spans. Spans whose parent is missing are roots. Control, escape and bidi characters of names are removed.
 */
export const render = (spans: ReadonlyArray<WaterfallSpan>, options: WaterfallOptions): string => {
  if (spans.length === 0) return ""
  const rows = toRows(spans, options.width)
  const summary = toSummary(spans)
  const columns = toColumns(rows, summary, Math.max(1, Math.floor(options.width)))
  const scale = toScale(spans)
  const paint = options.color ? inColor : plain
  const lines = rows.map((row) => draw(row, columns, scale, paint))
  if (columns.bar > 0) lines.unshift(drawAxis(summary, columns, scale, paint))
  return lines.map((line) => `${line}\n`).join("")
}

type Style = "agent" | "model" | "tool" | "approval" | "command" | "other" | "more"

interface Row {
  /** The branches of the tree; each character is one column. */
  readonly prefix: string
  readonly name: string
  readonly style: Style
  readonly failed: boolean
  readonly startNanos: bigint
  readonly endNanos: bigint
  readonly duration: string
  readonly note: string
}

// Further children of one span add no information, unless they failed.
const maxChildren = 40
const maxFailures = 20
// Twelve levels of indentation; deeper spans are not indented further.
const maxIndent = 24

// A wide terminal has space for the tokens of model calls; a narrow one has none for words that all tools share.
const wide = 140
const narrow = 50

const toRows = (spans: ReadonlyArray<WaterfallSpan>, width: number): ReadonlyArray<Row> => {
  const inOrder = spans.toSorted(byTime)
  const children = toChildren(inOrder)
  const rows: Array<Row> = []
  const drawn = new Set<WaterfallSpan>()
  const pending = branches(toRoots(inOrder, children), "", true)
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.spans !== undefined) {
      rows.push(toMore(next.spans, next.prefix))
    } else if (!drawn.has(next.span)) {
      drawn.add(next.span)
      rows.push(toRow(next.span, next.prefix, width))
      pending.push(...branches(children.get(next.span) ?? [], next.indent, false))
    }
  }
  return rows
}

const byTime = (a: WaterfallSpan, b: WaterfallSpan): number =>
  a.startNanos !== b.startNanos ? (a.startNanos < b.startNanos ? -1 : 1) : Number(b.endNanos - a.endNanos)

const toChildren = (
  spans: ReadonlyArray<WaterfallSpan>
): ReadonlyMap<WaterfallSpan, ReadonlyArray<WaterfallSpan>> => {
  const byId = new Map<string, WaterfallSpan>()
  for (const span of spans) if (!byId.has(span.spanId)) byId.set(span.spanId, span)
  const parentOf = (span: WaterfallSpan) =>
    span.parentSpanId === undefined ? undefined : byId.get(span.parentSpanId)
  const withParent = spans.filter((span) => parentOf(span) !== undefined && parentOf(span) !== span)
  return Map.groupBy(withParent, (span) => parentOf(span) ?? span)
}

/** Returns roots from which every span is reachable: spans without a parent, and the first span of each parent cycle. */
const toRoots = (
  spans: ReadonlyArray<WaterfallSpan>,
  children: ReadonlyMap<WaterfallSpan, ReadonlyArray<WaterfallSpan>>
): ReadonlyArray<WaterfallSpan> => {
  const reached = new Set<WaterfallSpan>()
  const reach = (root: WaterfallSpan) => {
    const pending = [root]
    for (let span = pending.pop(); span !== undefined; span = pending.pop()) {
      if (reached.has(span)) continue
      reached.add(span)
      for (const child of children.get(span) ?? []) pending.push(child)
    }
  }
  const nested = new Set([...children.values()].flat())
  const roots = spans.filter((span) => !nested.has(span))
  roots.forEach(reach)
  for (const span of spans) {
    if (reached.has(span)) continue
    roots.push(span)
    reach(span)
  }
  return roots.toSorted(byTime)
}

type Branch =
  | { readonly spans?: never; readonly span: WaterfallSpan; readonly prefix: string; readonly indent: string }
  | { readonly spans: ReadonlyArray<WaterfallSpan>; readonly prefix: string }

/** Returns the lines below one span in reverse order, because the caller uses them as a stack. */
const branches = (spans: ReadonlyArray<WaterfallSpan>, indent: string, top: boolean): Array<Branch> => {
  const shown = toShown(spans)
  const hidden = shown.length === spans.length ? [] : spans.filter((span) => !shown.includes(span))
  const end = hidden.length === 0 ? shown.length - 1 : shown.length
  const room = indent.length < maxIndent
  const lines = shown.map((span, at): Branch => ({
    span,
    prefix: top ? "" : indent + (at === end ? "└ " : "├ "),
    indent: top || !room ? indent : indent + (at === end ? "  " : "│ ")
  }))
  if (hidden.length > 0) lines.push({ spans: hidden, prefix: top ? "" : `${indent}└ ` })
  return lines.toReversed()
}

const toShown = (spans: ReadonlyArray<WaterfallSpan>): ReadonlyArray<WaterfallSpan> => {
  if (spans.length <= maxChildren) return spans
  const failures = spans.filter((span) => span.status === "error").slice(0, maxFailures)
  const others = spans.filter((span) => !failures.includes(span)).slice(0, maxChildren - failures.length)
  return [...failures, ...others].toSorted(byTime)
}

const toRow = (span: WaterfallSpan, prefix: string, width: number): Row => ({
  prefix,
  name: nameOf(span, width) || "(no name)",
  style: styleOf(span),
  failed: span.status === "error",
  startNanos: span.startNanos,
  endNanos: span.endNanos,
  duration: DurationText.format(span.endNanos - span.startNanos),
  note: [noteOf(span), width >= wide ? tokensOf(span) : ""].filter((part) => part !== "").join(" ")
})

const nameOf = ({ attributes, name }: WaterfallSpan, width: number): string => {
  const text = clean(name)
  return width < narrow && attributes[attribute.operationName] === operation.executeTool
    ? text.replace(/^execute_tool (?=.)/, "")
    : text
}

/** The tokens of a model call: `2140 in, 31 out`. */
const tokensOf = ({ attributes }: WaterfallSpan): string => {
  if (attributes[attribute.operationName] !== operation.chat) return ""
  const input = clean(attributes[attribute.inputTokens])
  const output = clean(attributes[attribute.outputTokens])
  return input === "" || output === "" ? "" : `${input} in, ${output} out`
}

const toMore = (spans: ReadonlyArray<WaterfallSpan>, prefix: string): Row => {
  const failures = spans.filter((span) => span.status === "error").length
  return {
    prefix,
    name: `… ${spans.length} more`,
    style: "more",
    failed: failures > 0,
    startNanos: minimum(spans.map((span) => span.startNanos)),
    endNanos: maximum(spans.map((span) => span.endNanos)),
    duration: "",
    note: failures > 0 ? `✗ ${failures} failed` : ""
  }
}

const styleOf = ({ attributes, name }: WaterfallSpan): Style => {
  const operationName = attributes[attribute.operationName]
  if (operationName === operation.invokeAgent || name === names.run) return "agent"
  if (operationName === operation.chat) return "model"
  if (operationName === operation.executeTool) return "tool"
  if (name === names.approval) return "approval"
  return attributes[attribute.exitCode] === undefined && attributes[attribute.executableName] === undefined
    ? "other"
    : "command"
}

const noteOf = ({ attributes, status }: WaterfallSpan): string => {
  const exitCode = clean(attributes[attribute.exitCode])
  const reason = attributes[status === "error" ? attribute.errorType : attribute.approvalDecision]
  return [
    status === "error" ? "✗" : "",
    exitCode === "" ? clean(reason) : `exit ${exitCode}`,
    attributes[attribute.incomplete] === true ? "still open" : ""
  ]
    .filter((part) => part !== "")
    .join(" ")
}

const clean = (value: unknown): string =>
  typeof value === "string"
    ? printable(value.slice(0, 500).toWellFormed())
        .replace(/[\p{Cf}\ufe0f]/gu, "")
        .replace(/\s+/g, " ")
        .trim()
    : typeof value === "number"
      ? String(value)
      : ""

interface Columns {
  readonly label: number
  readonly bar: number
  readonly duration: number
  readonly note: number
}

const gap = "  "

/** Chooses the columns that fit the terminal. A narrow terminal drops columns; the failure mark goes last. */
const toColumns = (rows: ReadonlyArray<Row>, summary: string, width: number): Columns => {
  const widest = (textOf: (row: Row) => string) =>
    rows.reduce((width, row) => Math.max(width, DisplayWidth.of(textOf(row))), 0)
  const nameWidth = widest((row) => row.prefix + row.name)
  const duration = widest((row) => row.duration)
  const note = Math.min(
    28,
    widest((row) => row.note)
  )
  const fixed = gap.length + duration + (note > 0 ? gap.length + note : 0)
  const maxLabel = Math.max(20, Math.floor((width - fixed) * 0.45))
  const label = Math.min(Math.max(nameWidth, summary.length), maxLabel)
  const bar = width - label - gap.length - fixed
  if (bar >= 10) return { label, bar, duration, note }
  if (width - fixed >= Math.min(nameWidth, 16))
    return { label: Math.min(nameWidth, width - fixed), bar: 0, duration, note }
  const mark = rows.some((row) => row.failed) ? 1 : 0
  const withMark = width - (mark > 0 ? gap.length + mark : 0)
  const withDuration = withMark - gap.length - duration
  return withDuration >= 8
    ? { label: Math.min(nameWidth, withDuration), bar: 0, duration, note: mark }
    : withMark >= 3
      ? { label: Math.min(nameWidth, withMark), bar: 0, duration: 0, note: mark }
      : { label: Math.min(nameWidth, width), bar: 0, duration: 0, note: 0 }
}

interface Scale {
  readonly start: bigint
  readonly nanos: bigint
}

const toScale = (spans: ReadonlyArray<WaterfallSpan>): Scale => {
  const start = minimum(spans.map((span) => span.startNanos))
  const end = maximum(spans.map((span) => span.endNanos))
  return { start, nanos: end > start ? end - start : 0n }
}

const minimum = (values: ReadonlyArray<bigint>): bigint => values.reduce((a, b) => (b < a ? b : a))
const maximum = (values: ReadonlyArray<bigint>): bigint => values.reduce((a, b) => (b > a ? b : a))

type Paint = (style: Style | "axis" | "branch" | "failure", text: string) => string

const plain: Paint = (_style, text) => text

const inColor: Paint = (style, text) => (text === "" ? "" : `\u001b[${codes[style]}m${text}\u001b[0m`)

const codes: { readonly [Part in Parameters<Paint>[0]]: string } = {
  agent: "1;34",
  model: "35",
  tool: "36",
  approval: "33",
  command: "32",
  other: "39",
  more: "2",
  axis: "2",
  branch: "2",
  failure: "1;31"
}

const draw = (row: Row, columns: Columns, scale: Scale, paint: Paint): string => {
  const label = DisplayWidth.fit(row.prefix + row.name, columns.label)
  const parts = [
    paint("branch", label.slice(0, row.prefix.length)) + paint(row.style, label.slice(row.prefix.length))
  ]
  const note =
    columns.note > 1 ? DisplayWidth.fit(row.note, columns.note) : row.failed && columns.note > 0 ? "✗" : ""
  if (columns.duration > 0 || note !== "") parts.push(" ".repeat(columns.label - DisplayWidth.of(label)))
  if (columns.bar > 0) parts.push(gap, drawBar(row, columns.bar, scale, paint))
  if (columns.duration > 0)
    parts.push(gap, " ".repeat(columns.duration - DisplayWidth.of(row.duration)), row.duration)
  if (note !== "") parts.push(gap, paint(row.failed ? "failure" : "axis", note))
  return parts.join("")
}

// Half a column is the shortest visible bar.
const drawBar = (row: Row, width: number, { nanos, start }: Scale, paint: Paint): string => {
  const halves = 2 * width
  const at = (time: bigint) => (nanos === 0n ? 0 : (Number(time - start) / Number(nanos)) * halves)
  const from = Math.min(halves - 1, Math.floor(at(row.startNanos)))
  const to = Math.min(halves, Math.max(from + 1, Math.round(at(row.endNanos))))
  const whole = Math.floor(to / 2) - Math.ceil(from / 2)
  const bar =
    from % 2 === 1
      ? `╺${"━".repeat(whole)}${to % 2 === 1 ? "╸" : ""}`
      : `${"━".repeat(whole)}${to % 2 === 1 ? "╸" : ""}`
  const before = Math.floor(from / 2)
  const after = width - before - bar.length
  return " ".repeat(before) + paint(row.failed ? "failure" : row.style, bar) + " ".repeat(after)
}

const toSummary = (spans: ReadonlyArray<WaterfallSpan>): string => {
  const failures = spans.filter((span) => span.status === "error").length
  return `${spans.length} ${spans.length === 1 ? "span" : "spans"}${failures === 0 ? "" : `, ${failures} failed`}`
}

const drawAxis = (summary: string, columns: Columns, { nanos }: Scale, paint: Paint): string => {
  const steps = nanos === 0n ? 0 : columns.bar >= 64 ? 4 : columns.bar >= 32 ? 2 : 1
  const ticks = Array.from({ length: steps + 1 }, (_, step) =>
    step === 0 ? "0" : DurationText.format((nanos * BigInt(step)) / BigInt(steps))
  )
  const line = ticks.reduce((drawn, tick, step) => {
    const column =
      step > 0 && step === steps ? columns.bar - tick.length : Math.round((columns.bar * step) / steps)
    return drawn.length < column || step === 0 ? drawn.padEnd(column) + tick : drawn
  }, "")
  return paint("axis", DisplayWidth.fill(summary, columns.label) + gap + line)
}
