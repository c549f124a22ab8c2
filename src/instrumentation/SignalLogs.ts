/** Turns signals into log records: start, stop, exception and update. */
import type * as LogLevel from "effect/LogLevel"
import { attribute } from "../semconv/Convention.ts"
import type * as Signal from "./Signal.ts"
import type * as SignalBus from "./SignalBus.ts"
import * as TraceIds from "../internal/TraceIds.ts"
import type { LogField, LogRecord } from "./LogRecord.ts"

interface Line {
  /** What the record is about. Together with the stage it is the message, such as `turn stop`. */
  readonly subject: string
  readonly stage: "start" | "stop" | "exception" | "update"
  readonly at: number
  readonly fields: ReadonlyArray<LogField>
}

const levels: { readonly [Stage in Line["stage"]]: LogLevel.Severity } = {
  start: "Debug",
  stop: "Info",
  exception: "Error",
  update: "Debug"
}

const field = (name: string, key: string, value: unknown): LogField => ({ name, key, value })

const duration = (ms: number) => field("duration_ms", attribute.durationMs, Math.round(ms * 1000) / 1000)
const tool = (name: string) => field("tool", attribute.toolName, name)
const call = (id: string) => field("call_id", attribute.toolCallId, id)
const errorType = (type: string) => field("error_type", attribute.errorType, type)
const status = (code: number | undefined) => field("status", attribute.httpStatus, code)
const results = { Ok: "completed", Error: "failed", Interrupted: "interrupted", Background: "background" }
const attempt = (n: number) => field("attempt", attribute.retryAttempt, n)
const attachment = { stage: "attachment.stage", cleanup: "attachment.cleanup" }
const usage = (tokens: { readonly input: number; readonly output: number } | undefined) => [
  field("input_tokens", attribute.inputTokens, tokens?.input),
  field("output_tokens", attribute.outputTokens, tokens?.output)
]

const key = (value: string) => field("key", attribute.durableKey, value)
/** Adds up the turns, or the requests that wait. */
const total = (counts: ReadonlyArray<Signal.DurableCount>, areTurns: boolean): number =>
  counts.reduce((sum, { count, status }) => sum + ((status !== undefined) === areTurns ? count : 0), 0)

const line = (subject: string, stage: Line["stage"], at: number, fields: Line["fields"] = []): Line => ({
  subject,
  stage,
  at,
  fields
})

const ended = (
  subject: string,
  at: number,
  ms: number,
  end: Signal.SignalEnd,
  fields: Line["fields"]
): Line => ({
  subject,
  stage: end._tag === "Error" ? "exception" : "stop",
  at,
  fields: [
    duration(ms),
    ...fields,
    ...(end._tag === "Error"
      ? [errorType(end.errorType), status(end.status)]
      : [field("result", attribute.result, results[end._tag])])
  ]
})

const turnStop = (signal: Signal.TurnStop): Line => {
  const { end } = signal
  const result = typeof end === "string" ? end : end._tag === "TurnInterrupted" ? "interrupted" : "failed"
  return {
    subject: "turn",
    stage: result === "failed" ? "exception" : "stop",
    at: signal.at,
    fields: [
      duration(signal.durationMillis),
      field("result", attribute.turnStatus, result),
      ...(typeof end === "string" || result !== "failed"
        ? []
        : [
            errorType(end.errorType),
            field("class", attribute.errorClass, end.class),
            field("retryable", attribute.errorRetryable, end.retryable),
            field(
              "retry_after_ms",
              attribute.errorRetryAfter,
              end._tag === "TurnFailed" ? end.retryAfterMillis : undefined
            )
          ]),
      ...usage(signal.usage),
      field("model_calls", attribute.turnModelCalls, signal.modelCalls),
      field("tool_calls", attribute.turnToolCalls, signal.toolCalls)
    ]
  }
}

const lineOf = (signal: Signal.Signal): Line => {
  const { at } = signal
  switch (signal._tag) {
    case "TurnStart":
      return line("turn", "start", at)
    case "TurnStop":
      return turnStop(signal)
    case "ModelStart":
      return line("model", "start", at)
    case "ModelStop":
      return ended("model", at, signal.durationMillis, signal.end, usage(signal.usage))
    case "ToolStart":
      return line("tool", "start", at, [tool(signal.tool), call(signal.callId)])
    case "ToolStop":
      return ended("tool", at, signal.durationMillis, signal.end, [tool(signal.tool), call(signal.callId)])
    case "CommandStop":
      return ended("command", at, signal.durationMillis, signal.end, [
        field("executable", attribute.executableName, signal.executable),
        field("exit_code", attribute.exitCode, signal.exitCode),
        call(signal.callId)
      ])
    case "ApprovalStart":
      return line("approval", "start", at, [
        field("kind", attribute.approvalKind, signal.kind),
        call(signal.callId)
      ])
    case "ApprovalStop":
      return line("approval", "stop", at, [
        duration(signal.durationMillis),
        field("kind", attribute.approvalKind, signal.kind),
        field("decision", attribute.approvalDecision, signal.decision),
        field("source", attribute.approvalSource, signal.source),
        field("policy", attribute.approvalPolicy, signal.policy),
        call(signal.callId)
      ])
    case "UsageUpdated":
      return line("usage", "update", at, usage(signal.usage))
    case "DiffUpdated":
      return line("diff", "update", at, [
        field("bytes", attribute.diffBytes, signal.bytes),
        field("added", attribute.diffAdded, signal.added),
        field("removed", attribute.diffRemoved, signal.removed)
      ])
    case "FileOperations":
      return line("files", "update", at, [
        field(
          "operations",
          attribute.fileOperations,
          signal.operations.map(({ kind }) => kind)
        ),
        call(signal.callId)
      ])
    case "FilesChanged":
      return line("files", "update", at, [
        field("added", attribute.diffAdded, signal.added),
        field("removed", attribute.diffRemoved, signal.removed)
      ])
    case "Compaction":
      return line("compaction", "update", at, [
        field("stage", attribute.compactionStage, signal.stage),
        ...(signal.durationMillis === undefined ? [] : [duration(signal.durationMillis)])
      ])
    case "Retry":
      return line("retry", "update", at, [
        attempt(signal.attempt),
        errorType(signal.errorType),
        status(signal.status)
      ])
    case "RetryStop":
      // The failure is reported by the record of its request.
      return line("retry", "stop", at, [
        duration(signal.durationMillis),
        attempt(signal.attempt),
        field("result", attribute.result, results[signal.end._tag])
      ])
    case "StartFailed":
      return line(signal.what, "exception", at, [
        duration(signal.durationMillis),
        errorType(signal.errorType),
        field("class", attribute.errorClass, signal.error?.class),
        field("retryable", attribute.errorRetryable, signal.error?.retryable)
      ])
    case "LimitUpdated":
      return line("limit", "update", at, [
        field("limit", attribute.limitId, signal.limit),
        field("window", attribute.limitWindow, signal.window),
        field("used_percent", attribute.limitUsed, signal.usedPercent),
        field("resets_at", attribute.limitResetsAt, signal.resetsAt)
      ])
    case "ExecStart":
      return line("exec", "start", at, [field("executable", attribute.executableName, signal.executable)])
    case "ExecStop":
      return ended("exec", at, signal.durationMillis, signal.end, [
        field("executable", attribute.executableName, signal.executable),
        field("exit_code", attribute.exitCode, signal.exitCode),
        field("sandbox", attribute.sandbox, signal.sandbox)
      ])
    case "AttachmentStart":
      return line(attachment[signal.stage], "start", at)
    case "AttachmentStop":
      return ended(attachment[signal.stage], at, signal.durationMillis, signal.end, [
        field("files", attribute.attachmentFiles, signal.files),
        field("bytes", attribute.attachmentBytes, signal.bytes)
      ])
    case "DurableStart":
      return line("durable", "start", at, [
        key(signal.key),
        field("attempt", attribute.durableAttempt, signal.attempt),
        field("reason", attribute.durableReason, signal.reason),
        field("queue_wait_ms", attribute.durableQueueWait, signal.queueWaitMillis)
      ])
    case "DurableAttach":
      return line("durable.attach", "update", at, [
        key(signal.key),
        field("found", attribute.durableFound, signal.found)
      ])
    case "DurableMove":
      return line("durable.move", "update", at, [key(signal.key)])
    case "DurableStop":
      return line("durable", signal.status === "failed" ? "exception" : "stop", at, [
        duration(signal.durationMillis),
        key(signal.key),
        field("status", attribute.durableStatus, signal.status),
        ...(signal.errorType === undefined ? [] : [errorType(signal.errorType)])
      ])
    case "QueueUpdate":
      return line("durable.state", "update", at, [
        field("turns", attribute.durableTurns, total(signal.counts, true)),
        field("approvals", attribute.durableApprovals, total(signal.counts, false))
      ])
    case "StateLock":
      return line("durable.lock", "update", at, [field("result", attribute.lockResult, signal.result)])
    case "Reconnect":
      return ended("reconnect", at, signal.durationMillis, signal.end, [])
    case "HostStop":
      return ended("host", at, signal.durationMillis, signal.end, [
        field("operation", attribute.hostOperation, signal.operation)
      ])
    case "HostUpdate":
      return line("host.state", "update", at, [
        field("clients", attribute.hostClients, signal.clients),
        field("restarts", attribute.hostRestarts, signal.restarts)
      ])
  }
}

/** Returns the record of a signal: first its own fields, then the ids and attributes of its context. */
export const of = (observed: SignalBus.SignalEvent): LogRecord => {
  const { attributes, signal, span, threadId, turnId } = observed
  const { at, fields, stage, subject } = lineOf(signal)
  const where = Object.entries(attributes)
    .filter(([key]) => key !== attribute.conversationId && key !== attribute.turnId)
    .map(([key, value]) => field(key, key, value))
  return {
    at,
    level: levels[stage],
    event: `codex.${subject}.${stage}`,
    message: `[codex] ${subject} ${stage}`,
    fields: [
      ...fields,
      field("thread_id", attribute.conversationId, threadId),
      field("turn_id", attribute.turnId, turnId),
      ...where
    ].filter(({ value }) => value !== undefined),
    span: span === undefined || !TraceIds.isSpanId(span.spanId) ? undefined : span,
    content: false
  }
}
