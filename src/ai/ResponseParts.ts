/** Turns the events of a turn into the parts of a response. */
import type * as Response from "effect/ai/Response"
import * as Item from "../domain/Item.ts"
import type * as Turn from "../domain/Turn.ts"

type Part = Response.StreamPartEncoded

interface OpenText {
  readonly kind: "text" | "reasoning"
  /** What the parts so far contain. */
  written: string
}

export interface ResponseParts {
  /** Returns the parts of an event, in order. */
  readonly onEvent: (event: Turn.TurnEvent) => ReadonlyArray<Part>
  /** Ends the texts that are open. */
  readonly close: () => ReadonlyArray<Part>
}

const start = (kind: OpenText["kind"], id: string): Part =>
  kind === "text" ? { type: "text-start", id } : { type: "reasoning-start", id }
const delta = (kind: OpenText["kind"], id: string, text: string): Part =>
  kind === "text" ? { type: "text-delta", id, delta: text } : { type: "reasoning-delta", id, delta: text }
const end = (kind: OpenText["kind"], id: string): Part =>
  kind === "text" ? { type: "text-end", id } : { type: "reasoning-end", id }

/**
 * Makes the parts of one response. A comment of the agent on its work becomes reasoning, so that the text is the answer.
 * With `isObject`, no message becomes text, because the text of an object is the last message alone.
 */
export const make = (isObject: boolean): ResponseParts => {
  const open = new Map<string, OpenText>()

  const kindOf = (item: Item.Item): OpenText["kind"] | undefined => {
    if (item._tag === "Reasoning") return "reasoning"
    if (item._tag !== "AgentMessage") return undefined
    return Item.isAnswer(item) ? (isObject ? undefined : "text") : "reasoning"
  }

  const begin = (id: string, kind: OpenText["kind"]): ReadonlyArray<Part> => {
    if (open.has(id)) return []
    open.set(id, { kind, written: "" })
    return [start(kind, id)]
  }

  const append = (id: string, text: string): ReadonlyArray<Part> => {
    const current = open.get(id)
    if (current === undefined || text === "") return []
    current.written += text
    return [delta(current.kind, id, text)]
  }

  const finish = (id: string): ReadonlyArray<Part> => {
    const current = open.get(id)
    open.delete(id)
    return current === undefined ? [] : [end(current.kind, id)]
  }

  /** Writes what the deltas have not: an item may have none, and a slow consumer loses some. */
  const complete = (id: string, kind: OpenText["kind"], text: string): ReadonlyArray<Part> => {
    const begun = begin(id, kind)
    const written = open.get(id)?.written ?? ""
    const rest = text.startsWith(written) ? append(id, text.slice(written.length)) : []
    const parts = [...begun, ...rest, ...finish(id)]
    return text === "" && written === "" && begun.length > 0 ? [] : parts
  }

  const onEvent = (event: Turn.TurnEvent): ReadonlyArray<Part> => {
    switch (event._tag) {
      case "ItemStarted": {
        const kind = kindOf(event.item)
        return kind === undefined ? [] : begin(event.item.id, kind)
      }
      case "MessageDelta":
      case "ReasoningDelta":
        return append(event.itemId, event.delta)
      case "ItemCompleted": {
        const { item } = event
        const kind = kindOf(item)
        if (kind === undefined) return []
        const text =
          item._tag === "Reasoning" ? reasoningText(item) : item._tag === "AgentMessage" ? item.text : ""
        return complete(item.id, kind, text)
      }
      default:
        return []
    }
  }

  return { onEvent, close: () => [...open.keys()].flatMap(finish) }
}

const reasoningText = ({ content, summary }: Item.Reasoning): string =>
  (summary.length > 0 ? summary : content).join("\n\n")

/** Joins the deltas of a stream of parts, for a response that is not streamed. */
export const collect = (parts: ReadonlyArray<Part>): Array<Response.PartEncoded> => {
  const texts = new Map<string, string>()
  return parts.flatMap((part): Array<Response.PartEncoded> => {
    switch (part.type) {
      case "text-start":
      case "reasoning-start":
        texts.set(part.id, "")
        return []
      case "text-delta":
      case "reasoning-delta":
        texts.set(part.id, (texts.get(part.id) ?? "") + part.delta)
        return []
      case "text-end":
      case "reasoning-end": {
        const text = texts.get(part.id) ?? ""
        texts.delete(part.id)
        return text === "" ? [] : [{ type: part.type === "text-end" ? "text" : "reasoning", text }]
      }
      case "tool-params-start":
      case "tool-params-delta":
      case "tool-params-end":
      case "error":
        return []
      default:
        return [part]
    }
  })
}

/** Adds, or with `sign` -1 subtracts, token counts. A count never falls below 0. */
export const addUsage = (a: Turn.Usage, b: Turn.Usage, sign: 1 | -1 = 1): Turn.Usage => {
  const of = (key: "input" | "cachedInput" | "output" | "reasoning") => Math.max(0, a[key] + sign * b[key])
  const cacheWrite =
    a.cacheWrite === undefined && b.cacheWrite === undefined
      ? undefined
      : Math.max(0, (a.cacheWrite ?? 0) + sign * (b.cacheWrite ?? 0))
  return {
    input: of("input"),
    cachedInput: of("cachedInput"),
    output: of("output"),
    reasoning: of("reasoning"),
    ...(cacheWrite === undefined ? {} : { cacheWrite })
  }
}

/** The usage of a response, in the terms of `effect/ai`. */
export const toUsage = ({
  cachedInput,
  cacheWrite,
  input,
  output,
  reasoning
}: Turn.Usage): Response.FinishPartEncoded["usage"] => ({
  inputTokens: {
    uncached: Math.max(0, input - cachedInput),
    total: input,
    cacheRead: cachedInput,
    cacheWrite
  },
  outputTokens: { total: output, text: Math.max(0, output - reasoning), reasoning }
})
