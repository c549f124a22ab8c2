/** Formats spans as text that is equal in every run, for tests that compare a whole trace with a recorded one. */
import * as Convention from "../semconv/Convention.ts"

/**
 * A span, as `Captured.spans` returns it.
 * @since 0.1.0
 * @category models
 */
export interface NormalSpan {
  readonly name: string
  readonly kind: string
  readonly status: "unset" | "ok" | "error"
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: ReadonlyArray<{
    readonly name: string
    readonly attributes: Readonly<Record<string, unknown>>
  }>
  readonly spanId?: string | undefined
  readonly parentSpanId?: string | undefined
  /** Milliseconds since a moment that is the same for all spans. */
  readonly start?: number | undefined
  readonly durationMillis?: number | undefined
}

/**
 * What a formatted trace shows.
 * @since 0.1.0
 * @category models
 */
export interface NormalizeOptions {
  /** The attributes to show, with events: all or a list of names. Omitted, neither is shown. */
  readonly attributes?: "all" | ReadonlyArray<string> | undefined
  /** Further values that differ between runs, each with its replacement. */
  readonly replace?: ReadonlyArray<readonly [pattern: RegExp | string, replacement: string]> | undefined
}

const { attribute, event } = Convention

/** The noun that replaces the ids of an attribute. */
const nouns: Readonly<Record<string, string>> = {
  [attribute.conversationId]: "thread",
  [attribute.sessionId]: "thread",
  [attribute.turnId]: "turn",
  [attribute.toolCallId]: "call",
  [attribute.responseId]: "response",
  [attribute.userHash]: "user"
}

const isTime = (name: string): boolean => /(?:_ms|time_to_first_chunk)$/.test(name)
const numbers: Readonly<Record<string, string>> = { "server.port": "<port>", "process.pid": "<pid>" }

const uuid = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi
const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)/g, "<date>"],
  [/((?:127\.0\.0\.1|localhost|\[::1\])):\d+/g, "$1:<port>"],
  [/(?<![\w<.])(?:~|\/(?:tmp|var|home|root|Users|private|work|opt|usr))(?:\/[^\s"'`,;:)\]}]*)+/g, "<path>"],
  [/(?<![\w.])v?\d+\.\d+\.\d+(?:-[\w.]+)?(?!\.?\w)/g, "<version>"]
]

/** Gives names to ids in the order of their first use. */
class Names {
  private readonly names = new Map<string, string>()
  private readonly counts = new Map<string, number>()

  of(noun: string, id: string): string {
    const known = this.names.get(id)
    if (known !== undefined) return known
    const count = (this.counts.get(noun) ?? 0) + 1
    this.counts.set(noun, count)
    const name = `<${noun} ${count}>`
    this.names.set(id, name)
    return name
  }
}

type Name = (noun: string, id: string) => string
const nounOnly: Name = (noun) => `<${noun}>`

const textOf = (text: string, name: Name, { replace = [] }: NormalizeOptions): string => {
  let shown = text
  for (const [pattern, replacement] of replace)
    shown = shown.replaceAll(typeof pattern === "string" ? pattern : global(pattern), replacement)
  shown = shown.replace(uuid, (id) => name("id", id))
  for (const [pattern, replacement] of patterns) shown = shown.replace(pattern, replacement)
  return shown.replaceAll("\n", "\\n")
}

const global = (pattern: RegExp): RegExp =>
  pattern.global ? pattern : new RegExp(pattern.source, `${pattern.flags}g`)

const valueOf = (key: string, value: unknown, name: Name, options: NormalizeOptions): string => {
  if (isTime(key)) return "<time>"
  const noun = nouns[key]
  if (noun !== undefined && typeof value === "string") return name(noun, value)
  if (typeof value === "number") return numbers[key] ?? String(value)
  return textOf(typeof value === "string" ? value : (JSON.stringify(value) ?? String(value)), name, options)
}

const isShown = (key: string, { attributes }: NormalizeOptions): boolean =>
  attributes === "all" || (attributes ?? []).includes(key)

const shownOf = (
  attributes: NormalSpan["attributes"],
  name: Name,
  options: NormalizeOptions
): ReadonlyArray<string> =>
  Object.keys(attributes)
    .filter((key) => isShown(key, options))
    .toSorted()
    .map((key) => `${key} = ${valueOf(key, attributes[key], name, options)}`)

const headOf = (span: NormalSpan, name: Name, options: NormalizeOptions): string => {
  const kind = span.kind === "internal" ? "" : ` [${span.kind}]`
  const type = span.attributes[attribute.errorType]
  const failed = span.status === "error" ? ` ERROR ${typeof type === "string" ? type : ""}`.trimEnd() : ""
  const cut = span.attributes[attribute.incomplete] === true ? " INCOMPLETE" : ""
  return `${textOf(span.name, name, options)}${kind}${failed}${cut}`
}

type Event = NormalSpan["events"][number]

const sumEvents = (a: Event, b: Event): Event => ({
  name: a.name,
  attributes: Object.fromEntries(
    Object.entries({ ...a.attributes, ...b.attributes }).map(([key, value]) => {
      const before = a.attributes[key]
      return [key, typeof before === "number" && typeof value === "number" ? before + value : value]
    })
  )
})

/** The number of updates depends on timing, so usage events become their sum and diff events the last one. */
const eventsOf = ({ events }: NormalSpan): ReadonlyArray<Event> => {
  const usage = events.filter(({ name }) => name === event.tokenUsage)
  const diff = events.findLast(({ name }) => name === event.diff)
  return [
    ...events.filter(({ name }) => name !== event.tokenUsage && name !== event.diff),
    ...(usage.length === 0 ? [] : [usage.reduce(sumEvents)]),
    ...(diff === undefined ? [] : [diff])
  ]
}

const linesOf = (span: NormalSpan, name: Name, options: NormalizeOptions): ReadonlyArray<string> => [
  headOf(span, name, options),
  ...shownOf(span.attributes, name, options).map((line) => `  @ ${line}`),
  ...(options.attributes === undefined
    ? []
    : eventsOf(span).map((event) => {
        const shown = shownOf(event.attributes, name, options)
        return `  * ${event.name}${shown.length === 0 ? "" : ` { ${shown.join(", ")} }`}`
      }))
]

interface Node {
  readonly span: NormalSpan
  readonly children: ReadonlyArray<Node>
  /** The text of the whole subtree without numbers, by which concurrent siblings are ordered. */
  readonly key: string
}

const endOf = ({ durationMillis = 0, start = 0 }: NormalSpan): number => start + durationMillis
const firstWord = ({ name }: NormalSpan): string => name.split(" ")[0] ?? ""

/**
 * Orders siblings by their start. Siblings of one kind that overlap may start in any order, so they are ordered by their
 * text.
 */
const stableOrder = (nodes: ReadonlyArray<Node>): ReadonlyArray<Node> => {
  // Under virtual time spans often start together: the span that ends first comes first.
  const sorted = nodes.toSorted(
    ({ span: a }, { span: b }) => (a.start ?? 0) - (b.start ?? 0) || endOf(a) - endOf(b)
  )
  const positionsByKind = Map.groupBy(sorted.keys(), (at) => firstWord(sorted[at]?.span ?? emptySpan))
  const out = sorted.slice()
  const orderByText = (positions: ReadonlyArray<number>) => {
    const nodes = positions.flatMap((at) => sorted[at] ?? [])
    const ordered = nodes.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    for (const [index, at] of positions.entries()) {
      const node = ordered[index]
      if (node !== undefined) out[at] = node
    }
  }
  for (const positions of positionsByKind.values()) {
    let overlapping: Array<number> = []
    let until = -Infinity
    for (const at of positions) {
      const span = sorted[at]?.span ?? emptySpan
      if ((span.start ?? 0) >= until && overlapping.length > 0) {
        orderByText(overlapping)
        overlapping = []
      }
      overlapping.push(at)
      until = Math.max(until, endOf(span))
    }
    orderByText(overlapping)
  }
  return out
}

const emptySpan: NormalSpan = { name: "", kind: "", status: "unset", attributes: {}, events: [] }

const toTree = (spans: ReadonlyArray<NormalSpan>, options: NormalizeOptions): ReadonlyArray<Node> => {
  const ids = new Set(spans.flatMap(({ spanId }) => spanId ?? []))
  const isRoot = ({ parentSpanId, spanId }: NormalSpan): boolean =>
    parentSpanId === undefined || !ids.has(parentSpanId) || parentSpanId === spanId
  const below = Map.groupBy(
    spans.filter((span) => !isRoot(span)),
    ({ parentSpanId }) => parentSpanId ?? ""
  )
  const drawn = new Set<NormalSpan>()
  const toNode = (span: NormalSpan): Node => {
    drawn.add(span)
    const children = stableOrder(inside(span).map(toNode))
    const own = linesOf(span, nounOnly, options)
    return { span, children, key: [...own, ...children.map(({ key }) => key)].join("\n") }
  }
  const inside = (span: NormalSpan) =>
    (below.get(span.spanId ?? "") ?? []).filter((child) => !drawn.has(child))
  const roots = spans.filter(isRoot).map(toNode)
  // Spans whose parents form a cycle are below no root.
  for (const span of spans) if (!drawn.has(span)) roots.push(toNode(span))
  return stableOrder(roots)
}

/**
 * Formats spans as a tree with one line per span and two spaces per level. A line has the kind if it is not internal,
 * `ERROR` with the error type, and, if requested, `@ attribute = value` and `* event` lines. Ids, times, dates, paths,
 * ports and versions are replaced, and siblings have the same order in every run.
 *
 * ```
 * invoke_agent codex
 *   chat gpt-5.5 [client]
 *   execute_tool exec_command
 *     npm [client] ERROR CommandFailed
 * ```
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Captured, Golden } from "effect-codex/testing"
 *
 * const text = Effect.map(Captured.spans, (spans) => Golden.normalize(spans, { attributes: ["error.type"] }))
 * ```
 */
export const normalize = (spans: ReadonlyArray<NormalSpan>, options: NormalizeOptions = {}): string => {
  const names = new Names()
  const name: Name = (noun, id) => names.of(noun, id)
  const draw = (node: Node, indent: string): ReadonlyArray<string> => [
    ...linesOf(node.span, name, options).map((line) => `${indent}${line}`),
    ...node.children.flatMap((child) => draw(child, `${indent}  `))
  ]
  return toTree(spans, options)
    .flatMap((node) => draw(node, ""))
    .join("\n")
}
