/**
 * Says what a span is and which turn it belongs to, from its name and attributes: for spans of the library, for spans of Codex
 * that the library joined to them, and for those that Codex's own exporter sent.
 */
import { attribute, operation, span as names, v1_41 } from "../../semconv/Convention.ts"
import type { AttributeValue, SpanAttributes, SpanKind, Tokens } from "./TraceModel.ts"

/** The names in spans that Codex's own exporter sends. */
const raw = {
  turnId: "turn.id",
  otherTurnId: "turn_id",
  conversationId: "conversation.id",
  threadId: "thread.id",
  model: "model",
  module: "code.module.name",
  toolName: "tool_name",
  callId: "call_id",
  inputTokens: "codex.turn.token_usage.input_tokens",
  outputTokens: "codex.turn.token_usage.output_tokens",
  cachedTokens: "codex.turn.token_usage.cached_input_tokens",
  cacheWriteTokens: "codex.turn.token_usage.cache_write_input_tokens",
  reasoningTokens: "codex.turn.token_usage.reasoning_output_tokens"
}

/** Codex's span of a turn, of a request to the model, and the spans that it has only to order its own work. */
const rawTurn = /^session_task\.(?!run$)/
const rawModel = "codex.sampling"

/** The attributes of Codex's own spans that say that Codex wrote them, and to which turn they belong. */
export const originNames: ReadonlySet<string> = new Set([
  raw.module,
  raw.turnId,
  raw.otherTurnId,
  raw.conversationId,
  raw.threadId
])

/** The attributes that say what a span is. A first pass decodes only these. */
export const attributeNames: ReadonlySet<string> = new Set([
  ...Object.values(raw),
  attribute.operationName,
  attribute.agentName,
  attribute.turnId,
  attribute.conversationId,
  attribute.nativeSpan,
  attribute.turnStatus,
  attribute.requestModel,
  attribute.responseModel,
  attribute.providerName,
  attribute.source,
  attribute.workflow,
  attribute.group,
  attribute.userHash,
  attribute.errorClass,
  attribute.errorType,
  attribute.errorRetryable,
  attribute.httpStatus,
  attribute.inputTokens,
  attribute.outputTokens,
  attribute.cachedTokens,
  attribute.cacheWriteTokens,
  v1_41.attribute.cacheWriteTokens,
  attribute.reasoningTokens,
  attribute.turnCost,
  attribute.modelCallCost,
  attribute.timeThinking,
  attribute.timeTools,
  attribute.timeApproval,
  attribute.timeOverhead,
  attribute.toolName,
  attribute.toolCallId,
  attribute.mcpServer,
  attribute.executableName,
  attribute.exitCode,
  attribute.approvalKind,
  attribute.approvalDecision,
  attribute.approvalSource,
  attribute.incomplete
])

/** What a span is. */
export interface SpanFacts {
  /** `turn` for every turn: only its place says whether it is the turn of a sub-agent. */
  readonly kind: Exclude<SpanKind, "agent">
  /** Codex's own exporter sent the span. */
  readonly isRaw: boolean
  readonly turnId: string | undefined
}

export const textOf = (attributes: SpanAttributes, name: string): string | undefined => {
  const value = attributes[name]
  return typeof value === "string" && value !== "" ? value : undefined
}

export const numberOf = (attributes: SpanAttributes, name: string): number | undefined => {
  const value = attributes[name]
  return typeof value === "number" ? value : undefined
}

/** Codex's exporter writes some numbers as text. */
const countOf = (value: AttributeValue | undefined): number | undefined => {
  if (typeof value === "number") return value
  return typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

/** Says what a span is. */
export const of = (name: string, attributes: SpanAttributes): SpanFacts => {
  const turnId = textOf(attributes, attribute.turnId)
  const own = ownKindOf(name, attributes)
  const rawTurnId = textOf(attributes, raw.turnId) ?? textOf(attributes, raw.otherTurnId)
  const isOfCodex = textOf(attributes, raw.module)?.startsWith("codex")
  if (own !== undefined) {
    // The approval or the command of a call of Codex's own traces, which its log records add.
    const isRaw = turnId === undefined && isOfCodex === true && (own === "approval" || own === "command")
    return { kind: own, isRaw, turnId: isRaw ? rawTurnId : turnId }
  }
  const isRaw = turnId === undefined && (isOfCodex ?? rawTurnId !== undefined)
  if (!isRaw) return { kind: "other", isRaw: false, turnId }
  return { kind: rawKindOf(name, attributes, rawTurnId), isRaw: true, turnId: rawTurnId }
}

const ownKindOf = (name: string, attributes: SpanAttributes): SpanFacts["kind"] | undefined => {
  switch (attributes[attribute.operationName]) {
    case operation.invokeAgent:
      return "turn"
    case operation.chat:
      return "model"
    case operation.executeTool:
      return "tool"
    default:
  }
  if (name === names.approval) return "approval"
  if (name === names.retry) return "retry"
  if (name === names.compaction) return "compaction"
  if (attributes[attribute.nativeSpan] === true) return "codex"
  return attributes[attribute.executableName] === undefined && attributes[attribute.exitCode] === undefined
    ? undefined
    : "command"
}

const rawKindOf = (
  name: string,
  attributes: SpanAttributes,
  turnId: string | undefined
): SpanFacts["kind"] => {
  if (turnId === undefined) return "codex"
  if (rawTurn.test(name)) return "turn"
  if (name === rawModel) return "model"
  return attributes[raw.toolName] === name && textOf(attributes, raw.callId) !== undefined ? "tool" : "codex"
}

/** The thread of a span. Codex's `thread.id` is also the number of a thread of its process. */
export const threadOf = (attributes: SpanAttributes): string | undefined => {
  const known = textOf(attributes, attribute.conversationId) ?? textOf(attributes, raw.conversationId)
  if (known !== undefined) return known
  const id = textOf(attributes, raw.threadId)
  return id !== undefined && id.length >= 32 ? id : undefined
}

/** The model that answered, or else the requested one. */
export const modelOf = (attributes: SpanAttributes): string | undefined =>
  textOf(attributes, attribute.responseModel) ??
  textOf(attributes, attribute.requestModel) ??
  textOf(attributes, raw.model)

export const toolOf = (attributes: SpanAttributes): string | undefined =>
  textOf(attributes, attribute.toolName) ?? textOf(attributes, raw.toolName)

export const callOf = (attributes: SpanAttributes): string | undefined =>
  textOf(attributes, attribute.toolCallId) ?? textOf(attributes, raw.callId)

/** The tokens of a turn or of a request to the model. */
export const tokensOf = (attributes: SpanAttributes): Tokens | undefined => {
  const count = (name: string, rawName: string) => countOf(attributes[name]) ?? countOf(attributes[rawName])
  const input = count(attribute.inputTokens, raw.inputTokens)
  const output = count(attribute.outputTokens, raw.outputTokens)
  if (input === undefined && output === undefined) return undefined
  const cachedInput = count(attribute.cachedTokens, raw.cachedTokens)
  const cacheWrite =
    count(attribute.cacheWriteTokens, raw.cacheWriteTokens) ??
    countOf(attributes[v1_41.attribute.cacheWriteTokens])
  const reasoning = count(attribute.reasoningTokens, raw.reasoningTokens)
  return {
    input: input ?? 0,
    output: output ?? 0,
    ...(cachedInput === undefined ? {} : { cachedInput }),
    ...(cacheWrite === undefined ? {} : { cacheWrite }),
    ...(reasoning === undefined ? {} : { reasoning })
  }
}

/** The cost of a turn or of a request to the model, in US dollars, if the program knew the price of the model. */
export const costOf = (attributes: SpanAttributes): number | undefined =>
  numberOf(attributes, attribute.turnCost) ?? numberOf(attributes, attribute.modelCallCost)

const declines: ReadonlySet<unknown> = new Set(["decline", "cancel"])

/** Whether an approval was refused. */
export const isDeclined = (attributes: SpanAttributes): boolean =>
  declines.has(attributes[attribute.approvalDecision])

const agentTools: ReadonlySet<unknown> = new Set([
  "spawn_agent",
  "send_input",
  "send_message",
  "followup_task",
  "resume_agent"
])

/** Whether a tool makes a sub-agent work, so that the sub-agent's turn may be below its call. */
export const startsAgents = (tool: string | undefined): boolean => agentTools.has(tool)
