/** Writes the signals of a turn as child spans of the turn's span. No other module writes these spans. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import * as OpenCalls from "../domain/OpenCalls.ts"
import type * as Turn from "../domain/Turn.ts"
import * as Convention from "../semconv/Convention.ts"
import * as Signal from "./Signal.ts"

const { attribute } = Convention

/** The error that ends a span. It has only an error type, so it contains no content. */
class SpanFailure {
  readonly _tag = "SpanFailure"
  readonly errorType: string
  constructor(errorType: string) {
    this.errorType = errorType
  }
}

const exitOf = (end: Signal.SignalEnd): Exit.Exit<void, SpanFailure> => {
  switch (end._tag) {
    case "Ok":
      return Exit.void
    case "Interrupted":
    // Nothing is known yet about the success of a command that continues to run: its span has the status UNSET too.
    case "Background":
      return Exit.failCause(Cause.interrupt())
    case "Error":
      return Exit.fail(new SpanFailure(end.errorType))
  }
}

const nanos = (ms: number): bigint => {
  const whole = Math.trunc(ms)
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6))
}

const noLinks: Array<Tracer.SpanLink> = []

export interface TurnSpansOptions {
  readonly tracer: Tracer.Tracer
  /** The span of the turn, `invoke_agent`. */
  readonly turn: Tracer.Span
  /** The attributes of every child span, such as the ids of the thread. */
  readonly annotations: Readonly<Record<string, unknown>>
  readonly model: string | undefined
  readonly provider: string | undefined
  readonly effort: string | undefined
  /** The revision of the conventions that names the attributes. */
  readonly revision: Convention.Revision
}

export interface TurnSpans {
  readonly write: (signal: Signal.Signal, turnId: string | undefined) => void
  /** Returns the span of a call, or the span of the turn if the call has none. */
  readonly spanOf: (callId: string) => Tracer.Span
  /** The span of the last request to the model. */
  readonly model: () => Tracer.Span | undefined
}

type Attributes = Readonly<Record<string, unknown>>

const set = (span: Tracer.Span, attributes: Attributes): void => {
  for (const key in attributes) {
    if (attributes[key] !== undefined) span.attribute(key, attributes[key])
  }
}

const usageAttributes = (usage: Turn.Usage, revision: Convention.Revision): Attributes => ({
  [attribute.inputTokens]: usage.input,
  [attribute.outputTokens]: usage.output,
  [attribute.cachedTokens]: usage.cachedInput,
  [Convention.attributesOf(revision).cacheWriteTokens]: usage.cacheWrite,
  [attribute.reasoningTokens]: usage.reasoning
})

/** Returns the final attributes of a turn's span. An interruption is not an error of the turn. */
const turnAttributes = (stop: Signal.TurnStop): Attributes => {
  const { end, time, usage } = stop
  const sums = {
    [attribute.inputTokens]: usage.input,
    [attribute.outputTokens]: usage.output,
    [attribute.timeThinking]: time.thinkingMillis,
    [attribute.timeTools]: time.toolsMillis,
    [attribute.timeApproval]: time.approvalMillis,
    [attribute.timeOverhead]: time.overheadMillis,
    [attribute.turnModelCalls]: stop.modelCalls,
    [attribute.turnToolCalls]: stop.toolCalls,
    [attribute.turnCost]: stop.cost,
    [attribute.turnOmittedItems]: stop.omittedItems,
    [attribute.omittedCharacters]: stop.omittedCharacters
  }
  if (typeof end === "string") return { ...sums, [attribute.turnStatus]: end }
  if (end._tag === "TurnInterrupted") return { ...sums, [attribute.turnStatus]: "interrupted" }
  return {
    ...sums,
    [attribute.turnStatus]: "failed",
    [attribute.errorType]: end.errorType,
    [attribute.errorClass]: end.class,
    [attribute.errorRetryable]: end.retryable,
    [attribute.errorRetryAfter]: end._tag === "TurnFailed" ? end.retryAfterMillis : undefined
  }
}

/** Sums the known bytes and lines of operations. An attribute without a known value is omitted. */
const sizes = (operations: ReadonlyArray<Signal.FileOperationKind>): Record<string, number> => {
  const out: Record<string, number> = {}
  for (const { added, bytes, removed } of operations) {
    const known = {
      [attribute.fileBytes]: bytes,
      [attribute.fileLinesAdded]: added,
      [attribute.fileLinesRemoved]: removed
    }
    for (const [key, value] of Object.entries(known)) {
      if (value !== undefined) out[key] = (out[key] ?? 0) + value
    }
  }
  return out
}

export const make = (options: TurnSpansOptions): TurnSpans => {
  const { tracer, turn } = options
  // Do not create children of a turn that is not sampled or not traced.
  if (!turn.sampled || turn.traceId === "noop")
    return { write: () => {}, spanOf: () => turn, model: () => undefined }

  /**
   * The open model requests by start time. A request that still waits for its usage is open when the next one starts,
   * which may be at the same time.
   */
  const models = new Map<number, ReadonlyArray<Tracer.Span>>()
  const tools = new Map<string, Tracer.Span>()
  /** The calls in `tools` that have ended, oldest first. Their items may still complete. */
  const ended = new Set<string>()
  let latest: Tracer.Span | undefined
  let compaction: Tracer.Span | undefined
  let ofTurn: Attributes = options.annotations

  const open = (name: string, at: number, kind: Tracer.SpanKind, attributes: Attributes, parent = turn) => {
    const span = tracer.span({
      name,
      parent: Option.some(parent),
      annotations: Context.empty(),
      links: noLinks,
      startTime: nanos(at),
      kind,
      root: false,
      sampled: turn.sampled
    })
    set(span, ofTurn)
    set(span, attributes)
    return span
  }

  const close = (span: Tracer.Span, at: number, end: Signal.SignalEnd, attributes: Attributes) => {
    set(span, attributes)
    if (end._tag === "Error")
      set(span, { [attribute.errorType]: end.errorType, [attribute.httpStatus]: end.status })
    span.end(nanos(at), exitOf(end))
  }

  const write = (signal: Signal.Signal) => {
    switch (signal._tag) {
      case "TurnStop":
        return set(turn, turnAttributes(signal))
      case "ModelStart": {
        const span = open(Convention.span.chat(options.model), signal.at, "client", {
          [attribute.operationName]: Convention.operation.chat,
          [attribute.providerName]: options.provider,
          [attribute.requestModel]: options.model,
          [attribute.reasoningLevel]: options.effort,
          [attribute.openaiApiType]: "responses",
          [attribute.compacted]: signal.compacted ? true : undefined
        })
        models.set(signal.at, [...(models.get(signal.at) ?? []), span])
        latest = span
        return
      }
      case "ModelStop": {
        const [span, ...others] = models.get(signal.startedAt) ?? []
        if (span === undefined) return
        if (others.length > 0) models.set(signal.startedAt, others)
        else models.delete(signal.startedAt)
        const { timeToFirstTokenMillis } = signal
        return close(span, signal.at, signal.end, {
          [attribute.responseModel]: options.model,
          [attribute.responseId]: signal.responseId,
          [attribute.finishReasons]: signal.finishReason === undefined ? undefined : [signal.finishReason],
          [attribute.timeToFirstChunk]:
            timeToFirstTokenMillis === undefined ? undefined : timeToFirstTokenMillis / 1000,
          ...(signal.usage === undefined ? {} : usageAttributes(signal.usage, options.revision))
        })
      }
      case "ToolStart":
        ended.delete(signal.callId)
        tools.set(
          signal.callId,
          open(Convention.span.executeTool(signal.tool), signal.at, "internal", {
            [attribute.operationName]: Convention.operation.executeTool,
            [attribute.toolName]: signal.tool,
            [attribute.toolCallId]: signal.callId
          })
        )
        return
      case "ToolStop": {
        const span = tools.get(signal.callId)
        if (span === undefined) return
        const { mcpServer, operations } = signal
        ended.add(signal.callId)
        for (const oldest of ended) {
          if (ended.size <= OpenCalls.maxEnded) break
          ended.delete(oldest)
          tools.delete(oldest)
        }
        return close(span, signal.at, signal.end, {
          [attribute.toolType]: signal.type,
          [attribute.mcpMethod]: mcpServer === undefined ? undefined : "tools/call",
          [attribute.mcpServer]: mcpServer,
          [attribute.fileOperations]: operations.length > 0 ? operations : undefined,
          [attribute.omittedCharacters]: signal.omittedCharacters
        })
      }
      case "CommandStop": {
        const attributes = {
          [attribute.executableName]: signal.executable,
          [attribute.exitCode]: signal.exitCode,
          [attribute.omittedCharacters]: signal.omittedCharacters
        }
        const span = open(signal.executable, signal.startedAt, "client", attributes, tools.get(signal.callId))
        return close(span, signal.at, signal.end, {})
      }
      case "UsageUpdated":
        return turn.event(Convention.event.tokenUsage, nanos(signal.at), {
          [attribute.inputTokens]: signal.usage.input,
          [attribute.outputTokens]: signal.usage.output
        })
      case "DiffUpdated":
        return turn.event(Convention.event.diff, nanos(signal.at), {
          [attribute.diffBytes]: signal.bytes,
          [attribute.diffAdded]: signal.added,
          [attribute.diffRemoved]: signal.removed
        })
      case "FileOperations": {
        const span = tools.get(signal.callId)
        if (span === undefined) return
        set(span, sizes(signal.operations))
        for (const operation of signal.operations) {
          span.event(Convention.event.fileOperation, nanos(signal.at), {
            [attribute.fileOperation]: operation.kind,
            ...sizes([operation])
          })
        }
        return
      }
      case "Compaction": {
        const { at, stage } = signal
        turn.event(Convention.event.compaction, nanos(at), { [attribute.compactionStage]: stage })
        if (stage === "started") {
          compaction = open(Convention.span.compaction, at, "internal", {})
        } else if (compaction !== undefined) {
          close(compaction, at, stage === "completed" ? Signal.ok : Signal.interrupted, {})
          compaction = undefined
        }
        return
      }
      case "RetryStop": {
        // Write the whole span at its end, because it has no children and its start time is known.
        const span = open(Convention.span.retry, signal.startedAt, "internal", {
          [attribute.retryAttempt]: signal.attempt,
          [attribute.retryReason]: signal.errorType,
          [attribute.retryStatus]: signal.status
        })
        return close(span, signal.at, signal.end, {})
      }
    }
  }

  return {
    write: (signal, turnId) => {
      if (signal._tag === "TurnStart" && turnId !== undefined) {
        ofTurn = { ...options.annotations, [attribute.turnId]: turnId }
        turn.attribute(attribute.turnId, turnId)
      }
      write(signal)
    },
    spanOf: (callId) => tools.get(callId) ?? turn,
    model: () => latest
  }
}
