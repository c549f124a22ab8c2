/** Measures content and cuts it to a limit in bytes. Pure; never keeps a reference to a text that it cuts. */
import type * as Item from "./Item.ts"
import type * as Turn from "./Turn.ts"

/** Replaces what is left out of a text. */
export const marker = "\n[effect-codex left out the middle of this text]\n"

/** The size of a value besides its texts. */
const valueBytes = 16
/** The minimum length to which a text is cut. It is longer than the marker. */
const minText = 128
/** A limit is shared by at most one value for each of these bytes. */
const bytesPerValue = 1024
/** The maximum number of values that are counted. An endless value, such as a cycle, is larger than any limit by then. */
const maxValues = 4_000_000

/** Returns how many bytes of memory a value takes, at most. Takes time in proportion to its number of values. */
export const sizeOf = (value: unknown): number => {
  if (typeof value === "string") return valueBytes + 2 * value.length
  if (typeof value !== "object" || value === null) return valueBytes
  let bytes = 0
  let values = 0
  // A list instead of recursion: JSON may be nested deeper than the stack.
  let waiting: Array<object> | undefined
  const count = (inner: unknown) => {
    values++
    if (typeof inner === "string") bytes += valueBytes + 2 * inner.length
    else if (typeof inner === "object" && inner !== null) (waiting ??= []).push(inner)
    else bytes += valueBytes
  }
  for (let next: object | undefined = value; next !== undefined; next = waiting?.pop()) {
    bytes += valueBytes
    if (Array.isArray(next)) for (const inner of next) count(inner)
    // Faster than `Object.values`, which allocates a list. Every item of a turn is measured several times.
    else for (const key in next) count(next[key as keyof typeof next])
    if (values > maxValues) break
  }
  return bytes
}

/** Copies a text, because a part of a text refers to the whole of it. UTF-8 cannot encode half of a surrogate pair. */
const copy = (text: string): string => {
  const encoding = text.isWellFormed() ? "utf8" : "utf16le"
  return Buffer.from(text, encoding).toString(encoding)
}

const isLowSurrogate = (text: string, at: number): boolean => (text.charCodeAt(at) & 0xfc00) === 0xdc00

/** Returns the first `length` code units of a text as a copy. Does not split a character. */
export const head = (text: string, length: number): string =>
  copy(text.slice(0, isLowSurrogate(text, length) ? length - 1 : length))

/** Returns the last `length` code units of a text as a copy. Does not split a character. */
export const tail = (text: string, length: number): string => {
  const from = Math.max(0, text.length - length)
  return copy(text.slice(isLowSurrogate(text, from) ? from + 1 : from))
}

/** The maximum length of a word that a cut leaves out as a whole. */
const maxWord = 256

/** Returns the place of a cut that leaves out the word in front of it, unless that word is long. */
const beforeWord = (text: string, at: number): number => {
  for (let place = at; place > Math.max(0, at - maxWord); place--) if (isBlank(text, place - 1)) return place
  return at
}

/** Returns the place of a cut that leaves out the word behind it, unless that word is long. */
const afterWord = (text: string, at: number): number => {
  for (let place = at; place < Math.min(text.length, at + maxWord); place++)
    if (isBlank(text, place)) return place
  return at
}

const isBlank = (text: string, at: number): boolean => text.charCodeAt(at) <= 0x20

/**
 * Cuts a text to at most `length` code units: its start, the marker, and its end. Does not cut words in two, because
 * redaction, which comes later, does not recognise half a secret.
 */
export const cutText = (text: string, length: number): string => {
  if (text.length <= length) return text
  const kept = Math.max(length, minText) - marker.length
  const end = Math.floor(kept / 2)
  return (
    head(text, beforeWord(text, kept - end)) +
    marker +
    tail(text, text.length - afterWord(text, text.length - end))
  )
}

/** Cuts a list to at most `length` elements: its first and its last ones. */
const cutList = <A>(list: ReadonlyArray<A>, length: number): ReadonlyArray<A> => {
  if (list.length <= length) return list
  const end = Math.floor(length / 2)
  return [...list.slice(0, length - end), ...(end === 0 ? [] : list.slice(-end))]
}

/** The lengths to which the texts and the lists of a value are cut. */
interface CutLengths {
  readonly text: number
  readonly values: number
}

/** Returns the length to which texts are cut so that together they take at most `bytes`. */
const textLength = (lengths: ReadonlyArray<number>, bytes: number): number => {
  const sorted = lengths.toSorted((a, b) => a - b)
  let left = Math.floor(bytes / 2)
  for (const [at, length] of sorted.entries()) {
    const share = Math.floor(left / (sorted.length - at))
    if (length > share) return Math.max(share, minText)
    left -= length
  }
  return Infinity
}

/** Returns the lengths of the texts of a value. */
const textLengths = (value: unknown): ReadonlyArray<number> => {
  const lengths: Array<number> = []
  const waiting: Array<unknown> = [value]
  while (waiting.length > 0) {
    const next = waiting.pop()
    if (typeof next === "string") lengths.push(next.length)
    else if (typeof next === "object" && next !== null)
      for (const inner of Object.values(next)) waiting.push(inner)
  }
  return lengths
}

const maxDepth = 100

/** Copies any JSON value, and cuts its texts, its lists and what is nested too deeply. */
const cutValue = (value: unknown, cut: CutLengths): unknown => {
  let values = 0
  const copyOf = (value: unknown, depth: number): unknown => {
    if (typeof value === "string") return cutText(value, cut.text)
    if (typeof value !== "object" || value === null) return value
    if (depth >= maxDepth || values >= cut.values) return marker.trim()
    if (Array.isArray(value)) {
      const list = cutList(value, Math.max(1, cut.values - values))
      values += list.length
      return list.map((inner) => copyOf(inner, depth + 1))
    }
    const entries = cutList(Object.entries(value), Math.max(1, cut.values - values))
    values += entries.length
    return Object.fromEntries(
      entries.map(([key, inner]) => [cutText(key, cut.text), copyOf(inner, depth + 1)])
    )
  }
  return copyOf(value, 0)
}

/** Copies an object, and cuts those of its fields that are texts or lists of texts. */
const cutTexts = <A extends object>(value: A, cut: CutLengths): A => {
  const out = { ...value }
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner === "string" && inner.length > cut.text)
      Object.assign(out, { [key]: cutText(inner, cut.text) })
    else if (Array.isArray(inner)) Object.assign(out, { [key]: cutValue(inner, cut) })
  }
  return out
}

const cutItem = (item: Item.Item, cut: CutLengths): Item.Item => {
  const text = (value: string) => cutText(value, cut.text)
  const texts = (values: ReadonlyArray<string>) => cutList(values, cut.values).map(text)
  const optional = <K extends string>(key: K, value: string | undefined): { readonly [P in K]?: string } => {
    const out: { [P in K]?: string } = {}
    if (value !== undefined) out[key] = text(value)
    return out
  }
  const list = <K extends string, A>(
    key: K,
    values: ReadonlyArray<A> | undefined,
    value: (value: A) => A
  ): { readonly [P in K]?: ReadonlyArray<A> } => {
    const out: { [P in K]?: ReadonlyArray<A> } = {}
    if (values !== undefined) out[key] = cutList(values, cut.values).map(value)
    return out
  }
  switch (item._tag) {
    case "UserMessage":
      return {
        ...item,
        text: text(item.text),
        ...list("content", item.content, (part) => cutTexts(part, cut))
      }
    case "AgentMessage":
    case "Plan":
    case "EnteredReviewMode":
      return { ...item, text: text(item.text) }
    case "HookPrompt":
      return { ...item, ...list("fragments", item.fragments, (fragment) => cutTexts(fragment, cut)) }
    case "FunctionCallOutput":
      return {
        ...item,
        name: text(item.name),
        output: text(item.output),
        ...list("content", item.content, (part) => cutTexts(part, cut)),
        ...optional("namespace", item.namespace)
      }
    case "Reasoning":
      return { ...item, summary: texts(item.summary), content: texts(item.content) }
    case "CommandExecution":
      return {
        ...item,
        command: text(item.command),
        cwd: text(item.cwd),
        operations: cutList(item.operations, cut.values),
        ...optional("processId", item.processId),
        ...optional("output", item.output)
      }
    case "FileChange":
      return {
        ...item,
        changes: cutList(item.changes, cut.values).map((change) => ({
          ...change,
          path: text(change.path),
          diff: text(change.diff),
          ...optional("movePath", change.movePath)
        }))
      }
    case "ToolCall":
      return {
        ...item,
        tool: text(item.tool),
        arguments: cutValue(item.arguments, cut),
        ...list("content", item.content, (part) => cutTexts(part, cut)),
        ...optional("output", item.output)
      }
    case "McpToolCall":
      return {
        ...item,
        server: text(item.server),
        tool: text(item.tool),
        arguments: cutValue(item.arguments, cut),
        ...("result" in item ? { result: cutValue(item.result, cut) } : {}),
        ...optional("error", item.error)
      }
    case "AgentCall":
      return {
        ...item,
        tool: text(item.tool),
        agents: cutList(item.agents, cut.values),
        ...optional("prompt", item.prompt),
        ...optional("model", item.model),
        ...optional("effort", item.effort),
        ...list("states", item.states, (state) => cutTexts(state, cut))
      }
    case "AgentActivity":
      return {
        ...item,
        path: text(item.path),
        ...optional("model", item.model),
        ...optional("effort", item.effort)
      }
    case "WebSearch":
      return {
        ...item,
        query: text(item.query),
        ...list("results", item.results, (result) => cutValue(result, cut)),
        ...(item.action === undefined ? {} : { action: cutTexts(item.action, cut) })
      }
    case "ImageView":
      return { ...item, path: text(item.path) }
    case "ImageGeneration":
      return {
        ...item,
        ...optional("prompt", item.prompt),
        ...optional("data", item.data),
        ...optional("fileId", item.fileId),
        ...optional("path", item.path),
        ...optional("error", item.error)
      }
    case "ExitedReviewMode": {
      const { review } = item
      if (review === undefined) return { ...item, text: text(item.text) }
      const findings = cutList(review.findings, cut.values).map((finding) => cutTexts(finding, cut))
      return {
        ...item,
        text: text(item.text),
        review: { ...cutTexts({ ...review, findings: [] }, cut), findings }
      }
    }
    case "ContextCompaction":
    case "Sleep":
      return item
    case "Unknown":
      return { ...item, kind: text(item.kind), payload: cutValue(item.payload, cut) }
  }
}

const cutPlan = (plan: Turn.TurnPlan, cut: CutLengths): Turn.TurnPlan => ({
  ...cutTexts({ ...plan, steps: [] }, cut),
  steps: cutList(plan.steps, cut.values).map((step) => cutTexts(step, cut))
})

/** Cuts a value to at most about `bytes`: first its lists, then its texts. */
const fit = <A>(value: A, bytes: number, cut: (value: A, cut: CutLengths) => A): A => {
  const values = Math.max(2, Math.floor(bytes / bytesPerValue))
  const few = cut(value, { values, text: Infinity })
  const lengths = textLengths(few)
  const textBytes = 2 * lengths.reduce((sum, length) => sum + length, 0)
  return cut(few, { values, text: textLength(lengths, bytes - (sizeOf(few) - textBytes)) })
}

/** Returns the same item if it takes at most `bytes`, or a copy with its content cut, which says how much it leaves out. */
export const boundItem = (item: Item.Item, bytes: number): Item.Item => {
  const size = sizeOf(item)
  if (size <= bytes) return item
  const cut = fit(item, bytes, cutItem)
  const omitted = Math.ceil((size - sizeOf(cut)) / 2)
  return omitted <= 0 ? item : { ...cut, omittedCharacters: (item.omittedCharacters ?? 0) + omitted }
}

/** Returns the same event, or a copy whose content takes at most `bytes`. What a person approves is never cut. */
export const boundEvent = (event: Turn.EngineEvent, bytes: number): Turn.EngineEvent => {
  switch (event._tag) {
    case "ItemStarted":
    case "ItemCompleted": {
      const item = boundItem(event.item, bytes)
      return item === event.item ? event : { ...event, item }
    }
    case "MessageDelta":
    case "ReasoningDelta":
    case "PlanDelta":
    case "OutputDelta":
      return 2 * event.delta.length <= bytes ? event : { ...event, delta: cutText(event.delta, bytes / 2) }
    case "PlanUpdated":
      return sizeOf(event.plan) <= bytes ? event : { ...event, plan: fit(event.plan, bytes, cutPlan) }
    case "DiffUpdated":
      return 2 * event.diff.length <= bytes ? event : { ...event, diff: cutText(event.diff, bytes / 2) }
    case "Unknown":
      return sizeOf(event.payload) <= bytes
        ? event
        : { ...event, payload: fit(event.payload, bytes, cutValue) }
    default:
      return event
  }
}
