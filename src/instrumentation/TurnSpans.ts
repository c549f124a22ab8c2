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

/** Sets one attribute if its value is known. Several calls cost less than an object with computed names. */
const put = (span: Tracer.Span, key: string, value: unknown): void => {
  if (value !== undefined) span.attribute(key, value)
}

const putUsage = (span: Tracer.Span, usage: Turn.Usage, revision: Convention.Revision): void => {
  put(span, attribute.inputTokens, usage.input)
  put(span, attribute.outputTokens, usage.output)
  put(span, attribute.cachedTokens, usage.cachedInput)
  put(span, Convention.attributesOf(revision).cacheWriteTokens, usage.cacheWrite)
  put(span, attribute.reasoningTokens, usage.reasoning)
}

/** Sets the final attributes of a turn's span. An interruption is not an error of the turn. */
const putTurn = (span: Tracer.Span, stop: Signal.TurnStop): void => {
  const { end, time, usage } = stop
  put(span, attribute.inputTokens, usage.input)
  put(span, attribute.outputTokens, usage.output)
  put(span, attribute.timeThinking, time.thinkingMillis)
  put(span, attribute.timeTools, time.toolsMillis)
  put(span, attribute.timeApproval, time.approvalMillis)
  put(span, attribute.timeOverhead, time.overheadMillis)
  put(span, attribute.turnModelCalls, stop.modelCalls)
  put(span, attribute.turnToolCalls, stop.toolCalls)
  put(span, attribute.turnCost, stop.cost)
  put(span, attribute.turnOmittedItems, stop.omittedItems)
  put(span, attribute.omittedCharacters, stop.omittedCharacters)
  if (typeof end === "string") return put(span, attribute.turnStatus, end)
  if (end._tag === "TurnInterrupted") return put(span, attribute.turnStatus, "interrupted")
  put(span, attribute.turnStatus, "failed")
  put(span, attribute.errorType, end.errorType)
  put(span, attribute.errorClass, end.class)
  put(span, attribute.errorRetryable, end.retryable)
  put(span, attribute.errorRetryAfter, end._tag === "TurnFailed" ? end.retryAfterMillis : undefined)
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

  const open = (name: string, at: number, kind: Tracer.SpanKind, parent = turn) => {
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
    return span
  }

  const close = (span: Tracer.Span, at: number, end: Signal.SignalEnd) => {
    if (end._tag === "Error") {
      put(span, attribute.errorType, end.errorType)
      put(span, attribute.httpStatus, end.status)
    }
    span.end(nanos(at), exitOf(end))
  }

  const write = (signal: Signal.Signal) => {
    switch (signal._tag) {
      case "TurnStop":
        return putTurn(turn, signal)
      case "ModelStart": {
        const span = open(Convention.span.chat(options.model), signal.at, "client")
        put(span, attribute.operationName, Convention.operation.chat)
        put(span, attribute.providerName, options.provider)
        put(span, attribute.requestModel, options.model)
        put(span, attribute.reasoningLevel, options.effort)
        put(span, attribute.openaiApiType, "responses")
        put(span, attribute.compacted, signal.compacted ? true : undefined)
        models.set(signal.at, [...(models.get(signal.at) ?? []), span])
        latest = span
        return
      }
      case "ModelStop": {
        const [span, ...others] = models.get(signal.startedAt) ?? []
        if (span === undefined) return
        if (others.length > 0) models.set(signal.startedAt, others)
        else models.delete(signal.startedAt)
        const { finishReason, timeToFirstTokenMillis: toFirstToken } = signal
        put(span, attribute.responseModel, options.model)
        put(span, attribute.responseId, signal.responseId)
        put(span, attribute.finishReasons, finishReason === undefined ? undefined : [finishReason])
        put(span, attribute.timeToFirstChunk, toFirstToken === undefined ? undefined : toFirstToken / 1000)
        if (signal.usage !== undefined) putUsage(span, signal.usage, options.revision)
        put(span, attribute.modelCallCost, signal.cost)
        return close(span, signal.at, signal.end)
      }
      case "ToolStart": {
        ended.delete(signal.callId)
        const span = open(Convention.span.executeTool(signal.tool), signal.at, "internal")
        put(span, attribute.operationName, Convention.operation.executeTool)
        put(span, attribute.toolName, signal.tool)
        put(span, attribute.toolCallId, signal.callId)
        tools.set(signal.callId, span)
        return
      }
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
        put(span, attribute.toolType, signal.type)
        put(span, attribute.mcpMethod, mcpServer === undefined ? undefined : "tools/call")
        put(span, attribute.mcpServer, mcpServer)
        put(span, attribute.fileOperations, operations.length > 0 ? operations : undefined)
        put(span, attribute.omittedCharacters, signal.omittedCharacters)
        return close(span, signal.at, signal.end)
      }
      case "CommandStop": {
        const span = open(signal.executable, signal.startedAt, "client", tools.get(signal.callId))
        put(span, attribute.executableName, signal.executable)
        put(span, attribute.exitCode, signal.exitCode)
        put(span, attribute.omittedCharacters, signal.omittedCharacters)
        return close(span, signal.at, signal.end)
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
          compaction = open(Convention.span.compaction, at, "internal")
        } else if (compaction !== undefined) {
          close(compaction, at, stage === "completed" ? Signal.ok : Signal.interrupted)
          compaction = undefined
        }
        return
      }
      case "RetryStop": {
        // Write the whole span at its end, because it has no children and its start time is known.
        const span = open(Convention.span.retry, signal.startedAt, "internal")
        put(span, attribute.retryAttempt, signal.attempt)
        put(span, attribute.retryReason, signal.errorType)
        put(span, attribute.retryStatus, signal.status)
        return close(span, signal.at, signal.end)
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
