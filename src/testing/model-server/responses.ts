/** Encodes a scripted reply as server-sent events of OpenAI's Responses API. */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

/**
 * A part of a reply that streams: an output item, the token usage, a wait, or a way to end the connection.
 * @since 0.1.0
 * @category models
 */
export type ModelStep =
  | { readonly _tag: "Item"; readonly item: DraftItem; readonly deltas: Deltas | undefined }
  | { readonly _tag: "Event"; readonly event: ResponseEvent }
  | { readonly _tag: "Usage"; readonly usage: TokenCount }
  | { readonly _tag: "Wait"; readonly until: Effect.Effect<unknown> }
  | { readonly _tag: "Failed"; readonly code: string; readonly message: string }
  | { readonly _tag: "Cut" }
  | { readonly _tag: "Never" }

/** An output item before the server adds missing ids. */
export type DraftItem =
  | { readonly _tag: "Message"; readonly id: string | undefined; readonly text: string }
  | { readonly _tag: "Reasoning"; readonly id: string | undefined; readonly text: string }
  | {
      readonly _tag: "FunctionCall"
      readonly name: string
      readonly arguments: string
      readonly callId: string | undefined
    }
  | {
      readonly _tag: "CustomToolCall"
      readonly name: string
      readonly input: string
      readonly callId: string | undefined
    }
  | { readonly _tag: "Raw"; readonly item: Schema.JsonObject }

export interface Deltas {
  readonly parts: ReadonlyArray<string>
  readonly between: Effect.Effect<unknown> | undefined
}

export interface ResponseEvent extends Schema.JsonObject {
  readonly type: string
}

export interface TokenCount {
  readonly input: number
  readonly cachedInput?: number
  readonly output: number
  readonly reasoning?: number
}

/** One action on the connection. After the last frame the response ends normally. */
export type Frame =
  | { readonly _tag: "Write"; readonly data: Uint8Array }
  | { readonly _tag: "Wait"; readonly until: Effect.Effect<unknown> }
  | { readonly _tag: "Cut" }
  | { readonly _tag: "Never" }

export interface Identifiers {
  /** The number of the response, from 1. */
  readonly response: number
  readonly nextCall: () => string
}

const terminal = new Set(["response.completed", "response.failed", "response.incomplete"])

/** Encodes one reply as frames. Events without a wait between them share one write. */
export const encode = (steps: ReadonlyArray<ModelStep>, identifiers: Identifiers): ReadonlyArray<Frame> => {
  const frames: Array<Frame> = []
  let pending = ""
  const flush = () => {
    if (pending !== "") frames.push({ _tag: "Write", data: Buffer.from(pending) })
    pending = ""
  }
  for (const part of parts(steps, identifiers)) {
    if ("type" in part) {
      pending += serverSentEvent(part)
    } else {
      flush()
      frames.push(part)
    }
  }
  flush()
  return frames
}

/** Cuts the connection after this number of bytes. */
export const truncate = (frames: ReadonlyArray<Frame>, bytes: number): ReadonlyArray<Frame> => {
  const kept: Array<Frame> = []
  let left = bytes
  for (const frame of frames) {
    if (frame._tag === "Write" && frame.data.length >= left) {
      if (left > 0) kept.push({ _tag: "Write", data: frame.data.subarray(0, left) })
      kept.push({ _tag: "Cut" })
      return kept
    }
    if (frame._tag === "Write") left -= frame.data.length
    kept.push(frame)
  }
  return kept
}

/** Splits a text into words with their trailing space. Joined, they are the text again. */
export const words = (text: string): ReadonlyArray<string> => text.match(/\S+\s*|\s+/g) ?? []

const serverSentEvent = (event: ResponseEvent) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`

type Part = ResponseEvent | Exclude<Frame, { readonly _tag: "Write" }>

function* parts(steps: ReadonlyArray<ModelStep>, identifiers: Identifiers): Generator<Part> {
  const response = { id: `resp_${identifiers.response}`, object: "response" }
  const usage = steps.findLast((step) => step._tag === "Usage")?.usage
  let index = 0
  yield { type: "response.created", response: { ...response, status: "in_progress" } }
  for (const step of steps) {
    switch (step._tag) {
      case "Item":
        yield* itemParts(step.item, step.deltas, index++, identifiers)
        break
      case "Event":
        yield step.event
        if (terminal.has(step.event.type)) return
        break
      case "Failed":
        yield {
          type: "response.failed",
          response: { ...response, status: "failed", error: { code: step.code, message: step.message } }
        }
        return
      case "Cut":
      case "Never":
        yield step
        return
      case "Wait":
        yield step
        break
      case "Usage":
        break
    }
  }
  yield {
    type: "response.completed",
    response: {
      ...response,
      status: "completed",
      ...(usage === undefined ? {} : { usage: tokenCount(usage) })
    }
  }
}

function* itemParts(
  draft: DraftItem,
  deltas: Deltas | undefined,
  index: number,
  identifiers: Identifiers
): Generator<Part> {
  const item = outputItem(draft, `${identifiers.response}_${index}`, identifiers)
  if (deltas !== undefined && (draft._tag === "Message" || draft._tag === "Reasoning")) {
    const place = { item_id: item.id, output_index: index }
    const stream = draft._tag === "Message" ? messageStream : reasoningStream
    yield { type: "response.output_item.added", output_index: index, item: { ...item, ...stream.empty } }
    yield { ...place, ...stream.partAdded }
    for (const [position, delta] of deltas.parts.entries()) {
      if (position > 0 && deltas.between !== undefined) yield { _tag: "Wait", until: deltas.between }
      yield { ...place, ...stream.delta, delta }
    }
  }
  yield { type: "response.output_item.done", output_index: index, item }
}

const messageStream = {
  empty: { content: [] },
  partAdded: {
    type: "response.content_part.added",
    content_index: 0,
    part: { type: "output_text", text: "", annotations: [] }
  },
  delta: { type: "response.output_text.delta", content_index: 0 }
}

const reasoningStream = {
  empty: { summary: [] },
  partAdded: {
    type: "response.reasoning_summary_part.added",
    summary_index: 0,
    part: { type: "summary_text", text: "" }
  },
  delta: { type: "response.reasoning_summary_text.delta", summary_index: 0 }
}

const outputItem = (draft: DraftItem, position: string, identifiers: Identifiers) => {
  switch (draft._tag) {
    case "Message":
      return {
        type: "message",
        id: draft.id ?? `msg_${position}`,
        role: "assistant",
        content: [{ type: "output_text", text: draft.text, annotations: [] }]
      }
    case "Reasoning":
      return {
        type: "reasoning",
        id: draft.id ?? `rs_${position}`,
        summary: [{ type: "summary_text", text: draft.text }]
      }
    case "FunctionCall":
      return {
        type: "function_call",
        id: `fc_${position}`,
        call_id: draft.callId ?? identifiers.nextCall(),
        name: draft.name,
        arguments: draft.arguments
      }
    case "CustomToolCall":
      return {
        type: "custom_tool_call",
        id: `ctc_${position}`,
        call_id: draft.callId ?? identifiers.nextCall(),
        name: draft.name,
        input: draft.input
      }
    case "Raw":
      return draft.item
  }
}

const tokenCount = (usage: TokenCount) => ({
  input_tokens: usage.input,
  input_tokens_details: { cached_tokens: usage.cachedInput ?? 0 },
  output_tokens: usage.output,
  output_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
  total_tokens: usage.input + usage.output
})
