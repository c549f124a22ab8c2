/** Spans as text that is the same in every run: for tests that hold a whole trace against what it was before. */
import * as Convention from "../semconv/Convention.ts"

/** A span as `Captured.spans` has it. */
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
  /** Milliseconds since any one moment. */
  readonly start?: number | undefined
  readonly duration?: number | undefined
}

export interface NormalizeOptions {
  /** Which attributes are shown, with events: all, or these; none if it is left out. */
  readonly attributes?: "all" | ReadonlyArray<string> | undefined
  /** What else is another in every run, and what stands for it. */
  readonly replace?: ReadonlyArray<readonly [found: RegExp | string, shown: string]> | undefined
}

const { attribute, event } = Convention

/** What the ids of an attribute are called. */
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

/** Names that are given to ids in the order in which they come. */
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
  for (const [found, by] of replace)
    shown = shown.replaceAll(typeof found === "string" ? found : global(found), by)
  shown = shown.replace(uuid, (id) => name("id", id))
  for (const [pattern, by] of patterns) shown = shown.replace(pattern, by)
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

/** Of updates it hangs on the time how many there are: usage is shown as their sum and the diff as the last. */
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
  /** All of it without numbers: what siblings at the same time are ordered by. */
  readonly key: string
}

const endOf = ({ duration = 0, start = 0 }: NormalSpan): number => start + duration
const wordOf = ({ name }: NormalSpan): string => name.split(" ")[0] ?? ""

/**
 * Siblings by their starts. Those of one kind that run at the same time start in any order: they stand by what they
 * say.
 */
const stableOrder = (nodes: ReadonlyArray<Node>): ReadonlyArray<Node> => {
  // Of two that start together, as they do where time stands still, the one that is over first comes first.
  const sorted = nodes.toSorted(
    ({ span: a }, { span: b }) => (a.start ?? 0) - (b.start ?? 0) || endOf(a) - endOf(b)
  )
  const places = Map.groupBy(sorted.keys(), (at) => wordOf(sorted[at]?.span ?? emptySpan))
  const out = sorted.slice()
  const settle = (together: ReadonlyArray<number>) => {
    const found = together.flatMap((at) => sorted[at] ?? [])
    const ordered = found.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    for (const [index, at] of together.entries()) {
      const node = ordered[index]
      if (node !== undefined) out[at] = node
    }
  }
  for (const of of places.values()) {
    let together: Array<number> = []
    let until = -Infinity
    for (const at of of) {
      const span = sorted[at]?.span ?? emptySpan
      if ((span.start ?? 0) >= until && together.length > 0) {
        settle(together)
        together = []
      }
      together.push(at)
      until = Math.max(until, endOf(span))
    }
    settle(together)
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
  // Parents in a circle: none of them is below a root.
  for (const span of spans) if (!drawn.has(span)) roots.push(toNode(span))
  return stableOrder(roots)
}

/**
 * The spans as a tree, one a line, two spaces a level, with kind where it is not internal, `ERROR` and its type, and, if
 * asked for, `@ attribute = value` and `* event`. Ids, times, dates, paths, ports and versions are replaced; siblings
 * stand in an order that is the same in every run.
 *
 * ```
 * invoke_agent codex
 *   chat gpt-5.5 [client]
 *   execute_tool exec_command
 *     npm [client] ERROR CommandFailed
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
