/** The log records of each signal. A signal without an entry fails the type check. */
import type * as Signal from "../../instrumentation/Signal.ts"
import type { Attribute } from "./AttributeCatalogue.ts"

export interface RecordShape {
  readonly subjects: ReadonlyArray<string>
  readonly stages: ReadonlyArray<"start" | "stop" | "exception" | "update">
  /** The fields besides the ids: the name in a text line, and the attribute of the record. */
  readonly fields: Readonly<Record<string, Attribute>>
}

const ended = { duration_ms: "durationMs", result: "result", error_type: "errorType" } as const
const tokens = { input_tokens: "inputTokens", output_tokens: "outputTokens" } as const

export const levels = { start: "Debug", stop: "Info", exception: "Error", update: "Debug" } as const

/** The ids of each record. */
export const idFields = { thread_id: "conversationId", turn_id: "turnId" } as const
export const annotatedAttributes = [
  "originator",
  "sessionId",
  "source",
  "workflow",
  "group",
  "userHash",
  "team"
] as const

export const records: Readonly<Record<Signal.Signal["_tag"], RecordShape>> = {
  TurnStart: {
    subjects: ["turn"],
    stages: ["start"],
    fields: {}
  },
  TurnStop: {
    subjects: ["turn"],
    stages: ["stop", "exception"],
    fields: {
      duration_ms: "durationMs",
      result: "turnStatus",
      error_type: "errorType",
      class: "errorClass",
      retryable: "errorRetryable",
      retry_after_ms: "errorRetryAfter",
      ...tokens,
      model_calls: "turnModelCalls",
      tool_calls: "turnToolCalls"
    }
  },
  ModelStart: {
    subjects: ["model"],
    stages: ["start"],
    fields: {}
  },
  ModelStop: {
    subjects: ["model"],
    stages: ["stop", "exception"],
    fields: { ...ended, status: "httpStatus", ...tokens }
  },
  ToolStart: {
    subjects: ["tool"],
    stages: ["start"],
    fields: { tool: "toolName", call_id: "toolCallId" }
  },
  ToolStop: {
    subjects: ["tool"],
    stages: ["stop", "exception"],
    fields: { ...ended, tool: "toolName", call_id: "toolCallId" }
  },
  CommandStop: {
    subjects: ["command"],
    stages: ["stop", "exception"],
    fields: { ...ended, executable: "executableName", exit_code: "exitCode", call_id: "toolCallId" }
  },
  ApprovalStart: {
    subjects: ["approval"],
    stages: ["start"],
    fields: { kind: "approvalKind", call_id: "toolCallId" }
  },
  ApprovalStop: {
    subjects: ["approval"],
    stages: ["stop"],
    fields: {
      duration_ms: "durationMs",
      kind: "approvalKind",
      decision: "approvalDecision",
      source: "approvalSource",
      policy: "approvalPolicy",
      call_id: "toolCallId"
    }
  },
  UsageUpdated: {
    subjects: ["usage"],
    stages: ["update"],
    fields: tokens
  },
  DiffUpdated: {
    subjects: ["diff"],
    stages: ["update"],
    fields: { bytes: "diffBytes", added: "diffAdded", removed: "diffRemoved" }
  },
  FileOperations: {
    subjects: ["files"],
    stages: ["update"],
    fields: { operations: "fileOperations", call_id: "toolCallId" }
  },
  FilesChanged: {
    subjects: ["files"],
    stages: ["update"],
    fields: { added: "diffAdded", removed: "diffRemoved" }
  },
  Compaction: {
    subjects: ["compaction"],
    stages: ["update"],
    fields: { stage: "compactionStage", duration_ms: "durationMs" }
  },
  Retry: {
    subjects: ["retry"],
    stages: ["update"],
    fields: { attempt: "retryAttempt", error_type: "errorType", status: "httpStatus" }
  },
  RetryStop: {
    subjects: ["retry"],
    stages: ["stop"],
    fields: { duration_ms: "durationMs", attempt: "retryAttempt", result: "result" }
  },
  LimitUpdated: {
    subjects: ["limit"],
    stages: ["update"],
    fields: {
      limit: "limitId",
      window: "limitWindow",
      used_percent: "limitUsed",
      resets_at: "limitResetsAt"
    }
  },
  StartFailed: {
    subjects: ["engine", "thread"],
    stages: ["exception"],
    fields: {
      duration_ms: "durationMs",
      error_type: "errorType",
      class: "errorClass",
      retryable: "errorRetryable"
    }
  },
  ExecStart: {
    subjects: ["exec"],
    stages: ["start"],
    fields: { executable: "executableName" }
  },
  ExecStop: {
    subjects: ["exec"],
    stages: ["stop", "exception"],
    fields: { ...ended, executable: "executableName", exit_code: "exitCode", sandbox: "sandbox" }
  },
  AttachmentStart: {
    subjects: ["attachment.stage", "attachment.cleanup"],
    stages: ["start"],
    fields: {}
  },
  AttachmentStop: {
    subjects: ["attachment.stage", "attachment.cleanup"],
    stages: ["stop", "exception"],
    fields: { ...ended, files: "attachmentFiles", bytes: "attachmentBytes" }
  },
  DurableStart: {
    subjects: ["durable"],
    stages: ["start"],
    fields: {
      key: "durableKey",
      attempt: "durableAttempt",
      reason: "durableReason",
      queue_wait_ms: "durableQueueWait"
    }
  },
  DurableAttach: {
    subjects: ["durable.attach"],
    stages: ["update"],
    fields: { key: "durableKey", found: "durableFound" }
  },
  DurableMove: {
    subjects: ["durable.move"],
    stages: ["update"],
    fields: { key: "durableKey" }
  },
  DurableStop: {
    subjects: ["durable"],
    stages: ["stop", "exception"],
    fields: {
      duration_ms: "durationMs",
      key: "durableKey",
      status: "durableStatus",
      error_type: "errorType"
    }
  },
  QueueUpdate: {
    subjects: ["durable.state"],
    stages: ["update"],
    fields: { turns: "durableTurns", approvals: "durableApprovals" }
  },
  StateLock: {
    subjects: ["durable.lock"],
    stages: ["update"],
    fields: { result: "lockResult" }
  },
  Reconnect: {
    subjects: ["reconnect"],
    stages: ["stop", "exception"],
    fields: ended
  },
  HostStop: {
    subjects: ["host"],
    stages: ["stop", "exception"],
    fields: { ...ended, operation: "hostOperation" }
  },
  HostUpdate: {
    subjects: ["host.state"],
    stages: ["update"],
    fields: { clients: "hostClients", restarts: "hostRestarts" }
  }
}
