/** Writes the content of a turn to spans and log records: only the kinds of content whose capture is on. */
import * as Context from "effect/Context"
import type * as Tracer from "effect/Tracer"
import * as ShellCommand from "../internal/ShellCommand.ts"
import * as Item from "../domain/Item.ts"
import * as Turn from "../domain/Turn.ts"
import * as TurnOptions from "../domain/TurnOptions.ts"
import * as ContentCapture from "./ContentCapture.ts"
import * as Convention from "../semconv/Convention.ts"
import * as Redaction from "../redaction/Redaction.ts"
import type * as Signal from "./Signal.ts"
import * as ExceptionEvent from "./ExceptionEvent.ts"
import * as ChatHistory from "./ChatHistory.ts"
import type { LogRecord } from "./LogRecord.ts"

const { attribute } = Convention

// The output of a turn is kept in memory until the turn ends, so it is limited to this many characters.
const maxCharacters = 65_536

interface Spans {
  readonly spanOf: (callId: string) => Tracer.Span
  /** The span of the last request to the model. */
  readonly model: () => Tracer.Span | undefined
}

interface Options {
  readonly context: Context.Context<never>
  readonly capture: ContentCapture.Capture
  readonly turn: Tracer.Span
  readonly input: TurnOptions.TurnInput
  readonly instructions?: string | undefined
  readonly threadId: string
  readonly annotations: Readonly<Record<string, unknown>>
}

type Part =
  | { readonly type: "text"; readonly content: string }
  | { readonly type: "reasoning"; readonly content: string }

export interface TurnContent {
  readonly record: (event: Turn.EngineEvent) => void
  /** Writes the input of a model request that has just started to its span. It holds what this turn has recorded. */
  readonly requestStarted: () => void
  readonly end: (turnId: string | undefined, at: number, outcome: Signal.TurnEnd) => void
}

const assistant = (parts: ReadonlyArray<Part>) => [{ role: "assistant", parts, finish_reason: "stop" }]

const partOf = (item: Item.Item): Part | undefined => {
  if (item._tag === "AgentMessage" || item._tag === "Plan") return { type: "text", content: item.text }
  return item._tag === "Reasoning" ? { type: "reasoning", content: item.summary.join("\n") } : undefined
}

/** Returns the arguments and results of an item with the kind of content of each. */
const contentOf = (
  item: Item.Work
): ReadonlyArray<readonly [kind: keyof ContentCapture.Kinds, key: string, value: unknown]> => {
  switch (item._tag) {
    case "CommandExecution":
      return [
        ["commands", attribute.commandLine, ShellCommand.script(item.command)],
        ["paths", attribute.workingDirectory, item.cwd],
        ["toolResults", attribute.toolResult, item.output]
      ]
    case "FileChange":
      return [
        [
          "paths",
          attribute.filePaths,
          item.changes.flatMap(({ movePath, path }) => (movePath === undefined ? [path] : [path, movePath]))
        ],
        ["diffs", attribute.fileDiffs, item.changes.map((change) => change.diff)]
      ]
    case "ToolCall":
      return [
        ["toolArguments", attribute.toolArguments, item.arguments],
        ["toolResults", attribute.toolResult, item.output]
      ]
    case "AgentCall":
      return [["toolArguments", attribute.toolArguments, item.prompt]]
    case "McpToolCall":
      return [
        ["toolArguments", attribute.toolArguments, item.arguments],
        ["toolResults", attribute.toolResult, item.error ?? item.result]
      ]
  }
}

/** Returns `undefined` if no kind of content is captured. */
export const make = (options: Options, spans: Spans): TurnContent | undefined => {
  const { annotations, capture, context, threadId, turn } = options
  const { kinds } = capture
  if (!Object.values(kinds).includes(true)) return undefined
  const redaction = Context.get(context, Redaction.Current)
  const write = Context.get(context, ContentCapture.Records)

  const attributeValue = (value: unknown): unknown => {
    const seen = redaction.value(value)
    // An attribute may be an array of strings; everything else becomes JSON.
    return typeof seen === "string" || (Array.isArray(seen) && seen.every((item) => typeof item === "string"))
      ? seen
      : JSON.stringify(seen)
  }

  const setAttribute = (span: Tracer.Span, key: string, value: unknown) => {
    if (capture.spans && value !== undefined) span.attribute(key, attributeValue(value))
  }

  const writeRecord = (
    span: Tracer.Span,
    turnId: string | undefined,
    at: number,
    fields: Record<string, unknown>
  ) => {
    const all = {
      ...annotations,
      [attribute.conversationId]: threadId,
      [attribute.turnId]: turnId,
      ...Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, attributeValue(value)]))
    }
    const record: LogRecord = {
      at,
      level: "Debug",
      event: Convention.event.inferenceDetails,
      message: Convention.event.inferenceDetails,
      fields: Object.entries(all).flatMap(([key, value]) =>
        value === undefined ? [] : [{ name: key, key, value }]
      ),
      span:
        span.traceId === "noop"
          ? undefined
          : { traceId: span.traceId, spanId: span.spanId, sampled: span.sampled },
      content: true
    }
    write(record)
  }

  let currentTurnId: string | undefined
  const input = kinds.prompts
    ? [{ role: "user", parts: [{ type: "text", content: TurnOptions.text(options.input) }] }]
    : undefined
  const instructions =
    kinds.prompts && options.instructions !== undefined
      ? [{ type: "text", content: options.instructions }]
      : undefined
  const history = ChatHistory.make(kinds, input)
  const parts: Array<Part> = []
  let model: { readonly span: Tracer.Span; readonly parts: Array<Part> } | undefined
  setAttribute(turn, attribute.inputMessages, input)

  let latest: Tracer.Span | undefined
  const requestStarted = () => {
    const span = spans.model()
    if (span === undefined || span === latest) return
    latest = span
    setAttribute(span, attribute.systemInstructions, instructions)
    setAttribute(span, attribute.inputMessages, history.messages())
  }

  let length = 0
  const output = (raw: Part) => {
    if (length > maxCharacters) return
    const part = { ...raw, content: redaction.text(raw.content) }
    length += part.content.length
    parts.push(part)
    history.addOutput(part)
    const span = spans.model()
    if (span === undefined) return
    if (model?.span !== span) model = { span, parts: [] }
    model.parts.push(part)
    if (capture.spans) span.attribute(attribute.outputMessages, JSON.stringify(assistant(model.parts)))
  }

  const work = (item: Item.Work, done: boolean, at: number) => {
    const span = spans.spanOf(item.id)
    const captured: Record<string, unknown> = {}
    for (const [kind, key, value] of contentOf(item)) {
      if (!kinds[kind] || value === undefined) continue
      if (span !== turn) setAttribute(span, key, value)
      captured[key] = value
    }
    if (done) history.addWork(item)
    if (done && capture.records && Object.keys(captured).length > 0) {
      writeRecord(span, currentTurnId, at, { [attribute.toolCallId]: item.id, ...captured })
    }
  }

  const record = (event: Turn.EngineEvent) => {
    if (event._tag === "TurnStarted") {
      currentTurnId = event.turnId
      // A turn that fails before its start may have given the model no instructions.
      setAttribute(turn, attribute.systemInstructions, instructions)
    }
    if (event._tag !== "ItemStarted" && event._tag !== "ItemCompleted") return
    const { item } = event
    const done = event._tag === "ItemCompleted"
    const part = done && kinds.responses ? partOf(item) : undefined
    if (part !== undefined) output(part)
    if (Item.isWork(item)) work(item, done, event.at)
  }

  return {
    record: ignoreErrors(record),
    requestStarted: ignoreErrors(requestStarted),
    end: ignoreErrors((turnId: string | undefined, at: number, outcome: Signal.TurnEnd) => {
      const answer = kinds.responses && parts.length > 0 ? assistant(parts) : undefined
      setAttribute(turn, attribute.outputMessages, answer)
      const failure =
        kinds.errors && typeof outcome !== "string" && outcome._tag !== "TurnInterrupted"
          ? ExceptionEvent.describe(outcome, outcome.errorType)
          : undefined
      if (failure !== undefined && capture.spans) {
        turn.event(Convention.event.exception, BigInt(Math.round(at * 1000)) * 1000n, failure)
      }
      if (!capture.records || (input ?? answer ?? failure) === undefined) return
      writeRecord(turn, turnId, at, {
        [attribute.systemInstructions]: currentTurnId === undefined ? undefined : instructions,
        [attribute.inputMessages]: input,
        [attribute.outputMessages]: answer,
        ...failure
      })
    })
  }
}

/** Ignores errors: content that cannot be written must not stop the rest of the turn's telemetry. */
const ignoreErrors =
  <Args extends ReadonlyArray<unknown>>(write: (...args: Args) => void) =>
  (...args: Args): void => {
    try {
      write(...args)
    } catch {
      // The content is left out.
    }
  }
