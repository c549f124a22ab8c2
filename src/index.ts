/**
 * Runs the real Codex from Effect: threads, turns, tools and approvals as Effect programs, and their telemetry.
 *
 * @module effect-codex
 */
export * as AppServer from "./engine/AppServer.ts"
export * as Approval from "./Approval.ts"
export { Attachment } from "./domain/Attachment.ts"
export {
  type AttachmentOptions,
  Attachments,
  type CleanupSummary,
  type NamedOptions,
  type StageOptions
} from "./attachment/Attachments.ts"
export type { Budget } from "./domain/Budget.ts"
export * as ContentLimits from "./domain/ContentLimits.ts"
export { Codex, type ThreadOptions } from "./Codex.ts"
export * as CodexProtocol from "./engine/CodexProtocol.ts"
export * as CodexError from "./domain/CodexError.ts"
export type { StartError, TurnError } from "./domain/CodexError.ts"
export {
  type Conversation,
  ConversationLimit,
  ConversationNotFound,
  Conversations,
  type ConversationsOptions,
  type ConversationStatus,
  ShuttingDown
} from "./conversations/Conversations.ts"
export * as Console from "./telemetry/Console.ts"
export { ConsoleLayer } from "./telemetry/Console.ts"
export * as ContentCapture from "./instrumentation/ContentCapture.ts"
export * as Engine from "./engine/Engine.ts"
export * as EngineHost from "./host/EngineHost.ts"
export * as EventJson from "./domain/EventJson.ts"
export type * as Exec from "./domain/Exec.ts"
export * as File from "./telemetry/File.ts"
export { FileLayer } from "./telemetry/File.ts"
export * as Goal from "./domain/Goal.ts"
export { ItemId, ThreadId, TurnId } from "./domain/Ids.ts"
export * as Item from "./domain/Item.ts"
export * as Logging from "./telemetry/logs/Logging.ts"
export * as McpServers from "./tool/McpServers.ts"
export * as Metrics from "./telemetry/metrics/Metrics.ts"
export * as NativeSpans from "./telemetry/NativeSpans.ts"
export * as OpenTelemetryInterop from "./telemetry/tracer/OpenTelemetryInterop.ts"
export * as Otlp from "./telemetry/Otlp.ts"
export { OtlpLayer } from "./telemetry/Otlp.ts"
export * as Prices from "./domain/Prices.ts"
export * as Prometheus from "./telemetry/Prometheus.ts"
export { PrometheusLayer } from "./telemetry/Prometheus.ts"
export * as Redaction from "./redaction/Redaction.ts"
export * as Retry from "./domain/Retry.ts"
export * as Review from "./domain/Review.ts"
export * as Sampling from "./Sampling.ts"
export * as Settings from "./telemetry/config/Settings.ts"
export * as Signal from "./instrumentation/Signal.ts"
export * as TailSampling from "./telemetry/tail-sampling/TailSampling.ts"
export * as Telemetry from "./Telemetry.ts"
export * as Terminal from "./domain/Terminal.ts"
export type { Terminals, Thread } from "./Thread.ts"
export { ThreadEvent } from "./domain/ThreadEvent.ts"
export * as ThreadInfo from "./domain/ThreadInfo.ts"
export * as ThreadSettings from "./domain/ThreadSettings.ts"
export * as ToolCommand from "./tool/ToolCommand.ts"
export * as ToolJournal from "./tool/ToolJournal.ts"
export * as ToolSettings from "./tool/ToolSettings.ts"
export * as Tracer from "./telemetry/tracer/Tracer.ts"
export * as Turn from "./Turn.ts"
export type { TurnEvent } from "./domain/Turn.ts"
export * as UserHash from "./instrumentation/UserHash.ts"
