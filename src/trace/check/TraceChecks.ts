/** Checks spans against each other: parents, and whether the totals of a turn match its children. */
import * as Convention from "../../semconv/Convention.ts"
import { spans as shapes } from "../catalogue/SpanCatalogue.ts"
import { type Finding, improvement, information, type Remark, violation } from "./Finding.ts"
import { type CheckedSpan, catalogueKeyOf } from "./SpanChecks.ts"

const { attribute } = Convention

type Found = readonly [span: CheckedSpan, remark: Remark]

const numberOf = (span: CheckedSpan, name: string): number | undefined => {
  const value = span.attributes[name]
  return typeof value === "number" ? value : undefined
}

const cacheWrites = [attribute.cacheWriteTokens, Convention.v1_41.attribute.cacheWriteTokens]

/** Token counts are inclusive. */
const checkTokens = (span: CheckedSpan): ReadonlyArray<Remark> => {
  const input = numberOf(span, attribute.inputTokens)
  const output = numberOf(span, attribute.outputTokens)
  const parts = [
    ...[attribute.cachedTokens, ...cacheWrites].map((name) => [name, input, attribute.inputTokens] as const),
    [attribute.reasoningTokens, output, attribute.outputTokens] as const
  ]
  return parts.flatMap(([name, whole, of]) => {
    const part = numberOf(span, name)
    return part !== undefined && (whole === undefined || part > whole)
      ? [violation("tokens", `${name} is ${part}, more than ${of} (${whole ?? "none"}), which includes it`)]
      : []
  })
}

// Codex reports times in whole milliseconds.
const slack = (millis: number): number => Math.max(20, millis / 20)

const times = [attribute.timeThinking, attribute.timeTools, attribute.timeApproval, attribute.timeOverhead]

const checkTimes = (turn: CheckedSpan): ReadonlyArray<Remark> => {
  const parts = times.map((name) => numberOf(turn, name))
  const { durationMillis } = turn
  if (durationMillis === undefined || parts.includes(undefined)) return []
  if (parts.some((part) => part !== undefined && part < 0)) return [violation("times", "a time is negative")]
  const sum = parts.reduce<number>((sum, part) => sum + (part ?? 0), 0)
  const message = `the four times sum to ${sum.toFixed(1)} ms, the turn took ${durationMillis.toFixed(1)} ms`
  if (sum > durationMillis + slack(durationMillis)) return [violation("times", message)]
  // On a busy machine, time may pass between the last event of a turn and the end of its span.
  return sum < durationMillis - slack(durationMillis) ? [improvement("times", message)] : []
}

/** Compares the totals of a turn with its requests and calls. */
const checkTurn = (turn: CheckedSpan, children: ReadonlyArray<CheckedSpan>): ReadonlyArray<Remark> => {
  const remarks = [...checkTimes(turn)]
  const chats = children.filter((child) => catalogueKeyOf(child) === "chat")
  const tools = children.filter((child) => catalogueKeyOf(child) === "executeTool")
  for (const name of [attribute.inputTokens, attribute.outputTokens]) {
    const whole = numberOf(turn, name)
    const sum = chats.reduce((sum, chat) => sum + (numberOf(chat, name) ?? 0), 0)
    if (whole !== undefined && sum > whole)
      remarks.push(violation("tokens", `${name} is ${whole}, but its model requests used ${sum}`))
  }
  for (const [name, found] of [
    [attribute.turnModelCalls, chats],
    [attribute.turnToolCalls, tools]
  ] as const) {
    const reported = numberOf(turn, name)
    if (reported !== undefined && reported !== found.length)
      remarks.push(violation("calls", `${name} is ${reported}, but there are ${found.length} such spans`))
  }
  return remarks
}

const checkParent = (span: CheckedSpan, byId: ReadonlyMap<string, CheckedSpan>): ReadonlyArray<Remark> => {
  const key = catalogueKeyOf(span)
  const parents = key === undefined ? undefined : shapes[key].parents
  const { parentSpanId } = span
  if (parentSpanId === undefined || parentSpanId === "") {
    return parents === undefined
      ? []
      : [violation("parent", `it has no parent; expected ${parents.join(" or ")}`)]
  }
  const parent = byId.get(parentSpanId)
  if (parent === undefined)
    return parents === undefined ? [] : [information("orphan", "its parent is missing")]
  const found = catalogueKeyOf(parent)
  return parents !== undefined && (found === undefined || !parents.includes(found))
    ? [violation("parent", `its parent is "${parent.name}"; expected ${parents.join(" or ")}`)]
    : []
}

const idOf = ({ spanId, traceId }: CheckedSpan): string | undefined =>
  spanId === undefined ? undefined : `${traceId ?? ""} ${spanId}`

/** Checks the relations between spans. */
export const check = (spans: ReadonlyArray<CheckedSpan>): ReadonlyArray<Found> => {
  const found: Array<Found> = []
  const traces = Map.groupBy(
    spans.filter((span) => span.spanId !== undefined),
    (span) => span.traceId ?? ""
  )
  for (const inTrace of traces.values()) {
    const byId = new Map<string, CheckedSpan>()
    for (const span of inTrace) {
      const id = span.spanId ?? ""
      if (byId.has(id)) found.push([span, violation("duplicate", `another span has the same id ${id}`)])
      else byId.set(id, span)
    }
    const children = Map.groupBy(byId.values(), (span) => span.parentSpanId ?? "")
    for (const span of byId.values()) {
      const remarks = [...checkParent(span, byId)]
      if (catalogueKeyOf(span) === "invokeAgent" && span.attributes[attribute.incomplete] !== true)
        remarks.push(...checkTurn(span, children.get(span.spanId ?? "") ?? []))
      for (const remark of remarks) found.push([span, remark])
    }
  }
  for (const span of spans) {
    for (const remark of checkTokens(span)) found.push([span, remark])
    if ((span.durationMillis ?? 0) < 0) found.push([span, violation("times", "it ends before it starts")])
  }
  return found
}

/** Makes a finding from a remark on a span. */
export const toFinding = (span: CheckedSpan, remark: Remark): Finding => ({
  ...remark,
  signal: "span",
  on: span.name,
  ...(idOf(span) === undefined ? {} : { traceId: span.traceId, spanId: span.spanId })
})
