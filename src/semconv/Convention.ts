/**
 * All names that telemetry uses. They follow the OpenTelemetry GenAI conventions (semantic-conventions-genai, October
 * 2026) and the core semantic conventions 1.44. Names that these do not define start with `codex.`.
 */

export const span = {
  run: "effect-codex run",
  engineStart: "codex.engine.start",
  threadStart: "codex.thread.start",
  threadResume: "codex.thread.resume",
  threadFork: "codex.thread.fork",
  listThreads: "Codex.listThreads",
  readThread: "Codex.readThread",
  renameThread: "Codex.renameThread",
  archiveThread: "Codex.archiveThread",
  unarchiveThread: "Codex.unarchiveThread",
  deleteThread: "Codex.deleteThread",
  listModels: "Codex.listModels",
  request: "Codex.request",
  exec: "codex.exec",
  approval: "codex.approval",
  durableSubmit: "codex.durable.submit",
  durableRun: "codex.durable.run",
  durableApproval: "codex.durable.approval",
  hostStart: "codex.host.start",
  hostAttach: "codex.host.attach",
  hostDrain: "codex.host.drain",
  hostStop: "codex.host.stop",
  retry: "codex.retry",
  compaction: "codex.compaction",
  attachmentStage: "codex.attachment.stage",
  attachmentCleanup: "codex.attachment.cleanup",
  invokeAgent: (agent: string) => `${operation.invokeAgent} ${agent}`,
  chat: (model: string | undefined) => (model === undefined ? operation.chat : `${operation.chat} ${model}`),
  executeTool: (tool: string) => `${operation.executeTool} ${tool}`
}

export const operation = {
  invokeAgent: "invoke_agent",
  chat: "chat",
  executeTool: "execute_tool"
}

/** The queue of durable turns, in the terms of the messaging conventions. */
export const messaging = { system: "effect_codex", destination: "codex_turns" }

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
  rpcMethod: "rpc.method",
  originator: "codex.originator",
  source: "codex.source",
  workflow: "codex.workflow",
  group: "codex.group",
  turnId: "codex.turn.id",
  turnStatus: "codex.turn.status",
  turnTrigger: "codex.turn.trigger",
  turnModelCalls: "codex.turn.model_calls",
  turnToolCalls: "codex.turn.tool_calls",
  limitId: "codex.rate_limit.id",
  limitWindow: "codex.rate_limit.window",
  limitUsed: "codex.rate_limit.used_percent",
  limitResetsAt: "codex.rate_limit.resets_at_ms",
  turnCost: "codex.turn.cost_usd",
  modelCallCost: "codex.model_call.cost_usd",
  turnOmittedItems: "codex.turn.omitted_items",
  omittedCharacters: "codex.omitted_characters",
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
  fileBytes: "codex.file.bytes",
  fileLinesAdded: "codex.file.lines_added",
  fileLinesRemoved: "codex.file.lines_removed",
  retryAttempt: "codex.retry.attempt",
  retryReason: "codex.retry.reason",
  retryStatus: "codex.retry.status_code",
  attachmentFiles: "codex.attachment.files",
  attachmentBytes: "codex.attachment.bytes",
  compactionStage: "codex.compaction.stage",
  diffBytes: "codex.diff.bytes",
  diffAdded: "codex.diff.lines_added",
  diffRemoved: "codex.diff.lines_removed",
  engineVersion: "codex.engine.version",
  incomplete: "codex.incomplete",
  cacheWriteTokens: "gen_ai.usage.cache_write.input_tokens",
  tokenType: "gen_ai.token.type",
  tokenModality: "gen_ai.token.modality",
  team: "codex.team",
  component: "codex.turn.component",
  commandSuccess: "codex.command.success",
  sandbox: "codex.sandbox",
  lineType: "codex.file_change.type",
  fileOperation: "codex.file.operation",
  durationMs: "codex.duration_ms",
  result: "codex.result",
  systemInstructions: "gen_ai.system_instructions",
  exceptionType: "exception.type",
  exceptionMessage: "exception.message",
  exceptionStack: "exception.stacktrace",
  userHash: "user.hash",
  inputMessages: "gen_ai.input.messages",
  outputMessages: "gen_ai.output.messages",
  toolArguments: "gen_ai.tool.call.arguments",
  toolResult: "gen_ai.tool.call.result",
  commandLine: "process.command_line",
  workingDirectory: "process.working_directory",
  filePaths: "codex.file.paths",
  fileDiffs: "codex.file.diffs",
  telemetrySignal: "codex.telemetry.signal",
  telemetryReason: "codex.telemetry.reason",
  nativeSpan: "codex.native",
  nativeOutcome: "codex.native.outcome",
  nativeToolSource: "codex.native.tool_source",
  nativeTimeInference: "codex.native.time.inference_ms",
  nativeTimeTools: "codex.native.time.tools_ms",
  nativeTimeWaiting: "codex.native.time.user_wait_ms",
  nativeTimeOverhead: "codex.native.time.overhead_ms",
  measured: "codex.chat.measured",
  samplingReason: "codex.sampling.reason",
  samplingShare: "codex.sampling.share",
  samplingEarly: "codex.sampling.early",
  messagingSystem: "messaging.system",
  messagingOperationName: "messaging.operation.name",
  messagingOperationType: "messaging.operation.type",
  messagingDestination: "messaging.destination.name",
  durableKey: "messaging.message.id",
  durableThread: "codex.durable.thread",
  durableDuplicate: "codex.durable.duplicate",
  durableAttempt: "codex.durable.attempt",
  durableReason: "codex.durable.reason",
  durableFound: "codex.durable.found",
  durableQueueWait: "codex.durable.queue_wait_ms",
  durableEngine: "codex.durable.engine",
  durableWorker: "codex.durable.worker",
  durableStatus: "codex.durable.status",
  durableApproval: "codex.durable.approval.id",
  durableTurns: "codex.durable.turns",
  durableApprovals: "codex.durable.approvals",
  lockResult: "codex.durable.lock.result",
  hostOperation: "codex.host.operation",
  hostState: "codex.host.state",
  hostClients: "codex.host.clients",
  hostRestarts: "codex.host.restarts"
}

export const metric = {
  inferenceDuration: "gen_ai.client.inference.duration",
  timeToFirstChunk: "gen_ai.client.inference.time_to_first_chunk",
  timePerOutputChunk: "gen_ai.client.inference.time_per_output_chunk",
  inputTokens: "gen_ai.client.inference.usage.input_tokens",
  outputTokens: "gen_ai.client.inference.usage.output_tokens",
  cachedTokens: "gen_ai.client.inference.usage.cache_read.input_tokens",
  cacheWriteTokens: "gen_ai.client.inference.usage.cache_write.input_tokens",
  reasoningTokens: "gen_ai.client.inference.usage.reasoning.output_tokens",
  requestInputTokens: "gen_ai.client.inference.operation.input_tokens",
  requestOutputTokens: "gen_ai.client.inference.operation.output_tokens",
  invokeAgentDuration: "gen_ai.invoke_agent.duration",
  inferenceCalls: "gen_ai.invoke_agent.inference_calls",
  toolCalls: "gen_ai.invoke_agent.tool_calls",
  executeToolDuration: "gen_ai.execute_tool.duration",
  componentDuration: "codex.turn.component.duration",
  cost: "codex.cost",
  limitUsed: "codex.rate_limit.used",
  approvalDuration: "codex.approval.duration",
  approvalCount: "codex.approval.count",
  commandCount: "codex.command.count",
  execDuration: "codex.exec.duration",
  fileChangeLines: "codex.file_change.lines",
  fileOperations: "codex.file.operations",
  attachmentStaged: "codex.attachment.staged",
  attachmentCleaned: "codex.attachment.cleaned",
  attachmentBytes: "codex.attachment.bytes",
  errors: "codex.errors",
  telemetryExported: "codex.telemetry.exported",
  telemetryDropped: "codex.telemetry.dropped",
  telemetrySpooled: "codex.telemetry.spooled",
  telemetryQueue: "codex.telemetry.queue",
  samplingTurns: "codex.sampling.turns",
  durableTurns: "codex.durable.turns",
  durableQueueAge: "codex.durable.queue.age",
  durableQueueWait: "codex.durable.queue.wait",
  durableDuration: "codex.durable.duration",
  durableAttaches: "codex.durable.attaches",
  durableFailovers: "codex.durable.failovers",
  durableLocks: "codex.durable.locks",
  durableApprovals: "codex.durable.approvals",
  durableApprovalAge: "codex.durable.approval.age",
  reconnectDuration: "codex.engine.reconnect.duration",
  hostDuration: "codex.host.operation.duration",
  hostProcesses: "codex.host.processes",
  hostClients: "codex.host.clients",
  hostRestarts: "codex.host.restarts"
}

/** The revision of the GenAI conventions. Most back ends still read the names of v1.41. */
export type Revision = "latest" | "1.41"

/** The names of v1.41 that were renamed later. `tokenUsage` became several metrics, so it has no entry in `metric`. */
export const v1_41 = {
  attribute: { cacheWriteTokens: "gen_ai.usage.cache_creation.input_tokens" },
  metric: {
    inferenceDuration: "gen_ai.client.operation.duration",
    timeToFirstChunk: "gen_ai.client.operation.time_to_first_chunk",
    timePerOutputChunk: "gen_ai.client.operation.time_per_output_chunk",
    tokenUsage: "gen_ai.client.token.usage"
  }
}

/** Returns the attribute names of a revision. */
export const attributesOf = (revision: Revision): typeof attribute =>
  revision === "latest" ? attribute : { ...attribute, ...v1_41.attribute }

export const event = {
  tokenUsage: "codex.token_usage.updated",
  diff: "codex.diff.updated",
  compaction: "codex.compaction",
  fileOperation: "codex.file.operation",
  exception: "exception",
  inferenceDetails: "gen_ai.client.inference.operation.details"
}

/** Values of `error.type` that are not the type of a `CodexError`. */
export const errorType = {
  commandFailed: "CommandFailed",
  toolFailed: "ToolFailed",
  processCrashed: "process_crashed",
  other: "_OTHER"
}

/** The name in telemetry of a tool whose own name is invalid. */
export const unknownTool = "unknown"

/** The value of `gen_ai.agent.name`. */
export const agent = "codex"

/** Returns a tool's name for telemetry. A model may call a tool that does not exist, and its name may be any text. */
export const safeToolName = (name: string): string => (/^[\w.-]{1,64}$/.test(name) ? name : unknownTool)
