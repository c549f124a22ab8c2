/** Filters and sorts the turns of a page. */
import type { TurnTrace } from "../../trace/reader/TraceModel.ts"

export type ListColumn =
  | "started"
  | "status"
  | "duration"
  | "modelCalls"
  | "toolCalls"
  | "input"
  | "output"
  | "cost"
  | "wait"
  | "errors"

export interface ListOrder {
  readonly column: ListColumn
  readonly descending: boolean
}

export interface ListFilter {
  /** Words that must all occur in the ids, models, labels, spans or errors of the turn. */
  readonly text: string
  readonly status: string
  readonly model: string
  /** An `error.type`, or `*` for any. */
  readonly error: string
}

export const noFilter: ListFilter = { text: "", status: "", model: "", error: "" }

/** Nanoseconds that the turn waited for decisions: its own measurement, or the sum of its approvals. */
export const approvalWait = ({ turn }: TurnTrace): number =>
  turn.time?.approvalNanos ?? turn.approvals.waitNanos

/** The failed spans of a turn by `error.type`, in the order of their first occurrence. */
export const errorsOf = ({ spans }: TurnTrace): ReadonlyMap<string, ReadonlyArray<number>> => {
  const found = new Map<string, Array<number>>()
  for (const [index, span] of spans.entries()) {
    if (!span.failed) continue
    const type = span.errorType ?? "unknown"
    const known = found.get(type)
    if (known === undefined) found.set(type, [index])
    else known.push(index)
  }
  return found
}

interface Searchable {
  readonly text: string
  readonly models: ReadonlyArray<string>
  readonly errors: ReadonlyArray<string>
  readonly failed: number
}

const toSearchable = (trace: TurnTrace): Searchable => {
  const { spans, turn } = trace
  const errors = [...errorsOf(trace).keys()]
  const models = [
    ...new Set([turn.model, ...spans.map((span) => span.model)].filter((model) => model !== undefined))
  ]
  const labels = [turn.turnId, turn.threadId, turn.traceId, turn.status, turn.errorClass, turn.service]
  const text = [
    ...labels,
    turn.source,
    turn.workflow,
    turn.group,
    turn.user,
    ...models,
    ...errors,
    ...new Set(spans.map((span) => span.name.slice(0, 200)))
  ]
  return {
    text: text.join("\n").toLowerCase(),
    models,
    errors,
    failed: spans.filter((span) => span.failed).length
  }
}

const known = new WeakMap<TurnTrace, Searchable>()

const searchable = (trace: TurnTrace): Searchable => {
  const found = known.get(trace) ?? toSearchable(trace)
  known.set(trace, found)
  return found
}

export const modelsOf = (trace: TurnTrace): ReadonlyArray<string> => searchable(trace).models
export const errorTypesOf = (trace: TurnTrace): ReadonlyArray<string> => searchable(trace).errors
export const errorCount = (trace: TurnTrace): number => searchable(trace).failed

/** The value of a column to sort by. */
const valueOf = (trace: TurnTrace, column: ListColumn): bigint | number | string | undefined => {
  const { turn } = trace
  switch (column) {
    case "started":
      return BigInt(turn.startUnixNano)
    case "status":
      return turn.status
    case "duration":
      return turn.durationNanos
    case "modelCalls":
      return turn.modelCalls.count
    case "toolCalls":
      return turn.toolCalls.count
    case "input":
      return turn.tokens?.input
    case "output":
      return turn.tokens?.output
    case "cost":
      return turn.costUsd
    case "wait":
      return approvalWait(trace)
    case "errors":
      return errorCount(trace)
  }
}

type Value = bigint | number | string

const compare = (a: Value, b: Value): number => (a < b ? -1 : a > b ? 1 : 0)

const matches = (trace: TurnTrace, filter: ListFilter, words: ReadonlyArray<string>): boolean => {
  const { errors, models, text } = searchable(trace)
  return (
    (filter.status === "" || trace.turn.status === filter.status) &&
    (filter.model === "" || models.includes(filter.model)) &&
    (filter.error === "" || (filter.error === "*" ? errors.length > 0 : errors.includes(filter.error))) &&
    words.every((word) => text.includes(word))
  )
}

/** Returns the positions of the turns that match, in order. Turns without a value are last in both directions. */
export const select = (
  turns: ReadonlyArray<TurnTrace>,
  filter: ListFilter,
  order: ListOrder
): ReadonlyArray<number> => {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean)
  return turns
    .flatMap((trace, index) =>
      matches(trace, filter, words) ? [{ index, value: valueOf(trace, order.column) }] : []
    )
    .toSorted((a, b) => {
      if (a.value === undefined || b.value === undefined)
        return Number(a.value === undefined) - Number(b.value === undefined) || a.index - b.index
      const byValue = order.descending ? compare(b.value, a.value) : compare(a.value, b.value)
      return byValue || a.index - b.index
    })
    .map(({ index }) => index)
}

/** Returns the different values of the turns in order, for a choice. */
export const choices = (
  turns: ReadonlyArray<TurnTrace>,
  valuesOf: (trace: TurnTrace) => ReadonlyArray<string>
): ReadonlyArray<string> => [...new Set(turns.flatMap(valuesOf))].filter((value) => value !== "").toSorted()
