/**
 * Every name that telemetry uses. The authority is the OpenTelemetry GenAI convention (semantic-conventions-genai, state
 * of October 2026) and core semantic conventions 1.44; what they do not cover is under `codex.`.
 */

import { engineStart } from "../internal/names.ts"

export const span = {
  run: "effect-codex run",
  engineStart,
  threadStart: "codex.thread.start",
  threadResume: "codex.thread.resume",
  approval: "codex.approval",
  invokeAgent: (agent: string) => `${operation.invokeAgent} ${agent}`,
  chat: (model: string | undefined) => (model === undefined ? operation.chat : `${operation.chat} ${model}`),
  executeTool: (tool: string) => `${operation.executeTool} ${tool}`
}

export const operation = {
  invokeAgent: "invoke_agent",
  chat: "chat",
  executeTool: "execute_tool"
}

export const attribute = {
  operationName: "gen_ai.operation.name",
  agentName: "gen_ai.agent.name",
  conversationId: "gen_ai.conversation.id",
  providerName: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  reasoningLevel: "gen_ai.request.reasoning.level",
  responseModel: "gen_ai.response.model",
  responseId: "gen_ai.response.id",
  compacted: "gen_ai.conversation.compacted",
  finishReasons: "gen_ai.response.finish_reasons",
  timeToFirstChunk: "gen_ai.response.time_to_first_chunk",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  cachedTokens: "gen_ai.usage.cache_read.input_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  toolName: "gen_ai.tool.name",
  toolType: "gen_ai.tool.type",
  toolCallId: "gen_ai.tool.call.id",
  openaiApiType: "openai.api.type",
  sessionId: "session.id",
  errorType: "error.type",
  httpStatus: "http.response.status_code",
  executableName: "process.executable.name",
  exitCode: "process.exit.code",
  mcpMethod: "mcp.method.name",
  mcpServer: "mcp.server.name",
  originator: "codex.originator",
  source: "codex.source",
  workflow: "codex.workflow",
  group: "codex.group",
  turnId: "codex.turn.id",
  turnStatus: "codex.turn.status",
  turnModelCalls: "codex.turn.model_calls",
  turnToolCalls: "codex.turn.tool_calls",
  timeThinking: "codex.turn.time.thinking_ms",
  timeTools: "codex.turn.time.tools_ms",
  timeApproval: "codex.turn.time.approval_ms",
  timeOverhead: "codex.turn.time.overhead_ms",
  errorClass: "codex.error.class",
  errorRetryable: "codex.error.retryable",
  errorRetryAfter: "codex.error.retry_after_ms",
  approvalKind: "codex.approval.kind",
  approvalDecision: "codex.approval.decision",
  approvalSource: "codex.approval.source",
  approvalPolicy: "codex.approval.policy",
  fileOperations: "codex.file.operations",
  compactionStage: "codex.compaction.stage",
  diffBytes: "codex.diff.bytes",
  diffAdded: "codex.diff.lines_added",
  diffRemoved: "codex.diff.lines_removed",
  engineVersion: "codex.engine.version",
  incomplete: "codex.incomplete"
}

export const event = {
  tokenUsage: "codex.token_usage.updated",
  diff: "codex.diff.updated",
  compaction: "codex.compaction"
}

/** Values of `error.type` for what is not a `CodexError`. */
export const errorType = {
  commandFailed: "CommandFailed",
  toolFailed: "ToolFailed",
  other: "_OTHER"
}

/** What a tool is called whose name is none. */
export const unknownTool = "unknown"

/** The agent, as `gen_ai.agent.name` has it. */
export const agent = "codex"
