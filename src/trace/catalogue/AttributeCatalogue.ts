/** The type and allowed values of each attribute. A missing entry fails the type check. */
import * as Struct from "effect/Struct"
import * as ApprovalDecision from "../../domain/ApprovalDecision.ts"
import * as ApprovalRequest from "../../domain/ApprovalRequest.ts"
import * as CodexError from "../../domain/CodexError.ts"
import * as Item from "../../domain/Item.ts"
import * as Convention from "../../semconv/Convention.ts"
import type * as Signal from "../../instrumentation/Signal.ts"
import type * as SelfMetrics from "../../telemetry/delivery/SelfMetrics.ts"
import { leftOut, reasons } from "../../telemetry/tail-sampling/KeepReason.ts"

export type Attribute = keyof typeof Convention.attribute

/** The OpenTelemetry value types in use. */
export type ValueType = "string" | "string[]" | "int" | "double" | "boolean"

export interface AttributeShape {
  readonly type: ValueType
  /** The allowed values, or the allowed items of an array; omitted if every value of the type is allowed. */
  readonly values?: ReadonlyArray<string | boolean>
  /** The attribute is content, which is captured only if its kind is on. */
  readonly content?: true
  /** The attribute is a unique id, which no metric may have. */
  readonly unique?: true
}

/** The reasons for lost telemetry. */
const lost: Readonly<Record<SelfMetrics.FailureReason, true>> = {
  queue_full: true,
  export_failed: true,
  rejected: true,
  timeout: true,
  shutdown: true,
  spool_full: true,
  expired: true
}

const kinds: Readonly<Record<ApprovalRequest.ApprovalKind, true>> = {
  command: true,
  file_change: true,
  permissions: true,
  tool: true,
  mcp: true,
  user_input: true,
  unknown: true
}

const attemptReasons: Readonly<Record<Signal.DurableReason, true>> = {
  submitted: true,
  worker_stopped: true,
  worker_lost: true,
  storage_lost: true,
  engine_lost: true,
  machine_lost: true
}

const durableStatuses: Readonly<Record<Signal.DurableStatus, true>> = {
  submitted: true,
  running: true,
  waiting: true,
  completed: true,
  failed: true,
  interrupted: true,
  left: true
}

const lockResults: Readonly<Record<Signal.StateLock["result"], true>> = {
  taken: true,
  refused: true,
  lost: true
}

const hostOperations: Readonly<Record<Signal.HostStop["operation"], true>> = {
  start: true,
  attach: true,
  drain: true,
  stop: true
}

const hostStates: Readonly<Record<Signal.HostProcessState, true>> = {
  running: true,
  draining: true,
  restarting: true
}

export const attributes: Readonly<Record<Attribute, AttributeShape>> = {
  operationName: {
    type: "string",
    values: [Convention.operation.invokeAgent, Convention.operation.chat, Convention.operation.executeTool]
  },
  agentName: { type: "string" },
  conversationId: { type: "string", unique: true },
  providerName: { type: "string" },
  requestModel: { type: "string" },
  reasoningLevel: { type: "string" },
  responseModel: { type: "string" },
  responseId: { type: "string", unique: true },
  compacted: { type: "boolean", values: [true] },
  finishReasons: { type: "string[]", values: ["stop", "tool_calls"] },
  timeToFirstChunk: { type: "double" },
  inputTokens: { type: "int" },
  outputTokens: { type: "int" },
  cachedTokens: { type: "int" },
  reasoningTokens: { type: "int" },
  toolName: { type: "string" },
  toolType: { type: "string", values: ["function", "extension"] },
  toolCallId: { type: "string", unique: true },
  openaiApiType: { type: "string", values: ["responses"] },
  sessionId: { type: "string", unique: true },
  errorType: { type: "string" },
  httpStatus: { type: "int" },
  executableName: { type: "string" },
  exitCode: { type: "int" },
  rpcMethod: { type: "string" },
  mcpMethod: { type: "string", values: ["tools/call"] },
  mcpServer: { type: "string" },
  originator: { type: "string", values: ["sdk", "cli"] },
  source: { type: "string" },
  workflow: { type: "string" },
  group: { type: "string" },
  turnId: { type: "string", unique: true },
  turnStatus: { type: "string", values: ["completed", "failed", "interrupted"] },
  turnTrigger: { type: "string", values: ["codex"] },
  turnModelCalls: { type: "int" },
  turnToolCalls: { type: "int" },
  limitId: { type: "string" },
  limitWindow: { type: "string", values: ["primary", "secondary"] },
  limitUsed: { type: "double" },
  limitResetsAt: { type: "double" },
  turnCost: { type: "double" },
  modelCallCost: { type: "double" },
  turnOmittedItems: { type: "int" },
  omittedCharacters: { type: "int" },
  timeThinking: { type: "double" },
  timeTools: { type: "double" },
  timeApproval: { type: "double" },
  timeOverhead: { type: "double" },
  errorClass: { type: "string", values: CodexError.Class.literals },
  errorRetryable: { type: "boolean" },
  errorRetryAfter: { type: "double" },
  approvalKind: { type: "string", values: Struct.keys(kinds) },
  approvalDecision: { type: "string", values: ApprovalDecision.DecisionName.literals },
  approvalSource: { type: "string", values: ApprovalDecision.ApprovalSource.literals },
  approvalPolicy: { type: "string" },
  fileOperations: { type: "string[]", values: Item.FileOperation.literals },
  fileBytes: { type: "int" },
  fileLinesAdded: { type: "int" },
  fileLinesRemoved: { type: "int" },
  retryAttempt: { type: "int" },
  retryReason: { type: "string" },
  retryStatus: { type: "int" },
  attachmentFiles: { type: "int" },
  attachmentBytes: { type: "int" },
  compactionStage: { type: "string", values: ["started", "completed", "interrupted"] },
  diffBytes: { type: "int" },
  diffAdded: { type: "int" },
  diffRemoved: { type: "int" },
  engineVersion: { type: "string" },
  incomplete: { type: "boolean", values: [true] },
  cacheWriteTokens: { type: "int" },
  tokenType: { type: "string", values: ["input", "output"] },
  tokenModality: { type: "string", values: ["unknown"] },
  team: { type: "string" },
  component: { type: "string", values: ["thinking", "tools", "approval", "overhead"] },
  commandSuccess: { type: "string", values: ["true", "false", "background"] },
  sandbox: { type: "string" },
  lineType: { type: "string", values: ["added", "removed"] },
  fileOperation: { type: "string", values: Item.FileOperation.literals },
  durationMs: { type: "double" },
  result: { type: "string", values: ["completed", "interrupted", "failed", "background"] },
  exceptionType: { type: "string", content: true },
  exceptionMessage: { type: "string", content: true },
  exceptionStack: { type: "string", content: true },
  userHash: { type: "string", unique: true },
  systemInstructions: { type: "string", content: true },
  inputMessages: { type: "string", content: true },
  outputMessages: { type: "string", content: true },
  toolArguments: { type: "string", content: true },
  toolResult: { type: "string", content: true },
  commandLine: { type: "string", content: true },
  workingDirectory: { type: "string", content: true },
  filePaths: { type: "string[]", content: true },
  fileDiffs: { type: "string[]", content: true },
  telemetrySignal: { type: "string", values: ["traces", "metrics", "logs"] },
  telemetryReason: { type: "string", values: Struct.keys(lost) },
  nativeSpan: { type: "boolean", values: [true] },
  nativeOutcome: { type: "string" },
  nativeToolSource: { type: "string" },
  nativeTimeInference: { type: "int" },
  nativeTimeTools: { type: "int" },
  nativeTimeWaiting: { type: "int" },
  nativeTimeOverhead: { type: "int" },
  measured: { type: "boolean", values: [true] },
  samplingReason: { type: "string", values: [...reasons, leftOut] },
  samplingShare: { type: "double" },
  samplingEarly: { type: "string", values: ["true", "false"] },
  messagingSystem: { type: "string", values: [Convention.messaging.system] },
  messagingOperationName: { type: "string", values: ["submit", "run"] },
  messagingOperationType: { type: "string", values: ["send", "process"] },
  messagingDestination: { type: "string", values: [Convention.messaging.destination] },
  durableKey: { type: "string", unique: true },
  durableThread: { type: "string", unique: true },
  durableDuplicate: { type: "boolean", values: [true] },
  durableAttempt: { type: "int" },
  durableReason: { type: "string", values: Struct.keys(attemptReasons) },
  durableFound: { type: "string", values: ["new", "running", "ended"] },
  durableQueueWait: { type: "double" },
  durableEngine: { type: "string" },
  durableWorker: { type: "string", unique: true },
  durableStatus: { type: "string", values: Struct.keys(durableStatuses) },
  durableApproval: { type: "string", unique: true },
  durableTurns: { type: "int" },
  durableApprovals: { type: "int" },
  lockResult: { type: "string", values: Struct.keys(lockResults) },
  hostOperation: { type: "string", values: Struct.keys(hostOperations) },
  hostState: { type: "string", values: Struct.keys(hostStates) },
  hostClients: { type: "int" },
  hostRestarts: { type: "int" }
}
