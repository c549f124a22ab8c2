/** Every log record of a turn, by the signal that it is made of; a signal that has no entry fails the type check. */
import type * as Signal from "../../src/telemetry/Signal.ts"
import type { Attribute } from "./attributes.ts"

export interface RecordEntry {
  readonly subjects: ReadonlyArray<string>
  readonly stages: ReadonlyArray<"start" | "stop" | "exception" | "update">
  readonly when: string
  /** What it says beside where it belongs: the name in a line, and the attribute of the record. */
  readonly fields: Readonly<Record<string, Attribute>>
  /** It has its code, and nothing calls that yet. */
  readonly reserved?: true
}

const ended = { duration_ms: "durationMs", result: "result", error_type: "errorType" } as const
const tokens = { input_tokens: "inputTokens", output_tokens: "outputTokens" } as const

export const levels = { start: "Debug", stop: "Info", exception: "Error", update: "Debug" } as const

/** Where a record belongs, on each of them. */
export const where = { thread_id: "conversationId", turn_id: "turnId" } as const
export const annotated = ["originator", "sessionId", "source", "workflow", "group", "userHash"] as const

export const records: Readonly<Record<Signal.Signal["_tag"], RecordEntry>> = {
  TurnStart: { subjects: ["turn"], stages: ["start"], when: "Codex has taken the turn.", fields: {} },
  TurnStop: {
    subjects: ["turn"],
    stages: ["stop", "exception"],
    when: "The turn completed or was interrupted; or it failed.",
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
  ModelStart: { subjects: ["model"], stages: ["start"], when: "A request to the model.", fields: {} },
  ModelStop: {
    subjects: ["model"],
    stages: ["stop", "exception"],
    when: "Its end; or one attempt at it failed.",
    fields: { ...ended, status: "httpStatus", ...tokens }
  },
  ToolStart: {
    subjects: ["tool"],
    stages: ["start"],
    when: "A call of a tool.",
    fields: { tool: "toolName", call_id: "toolCallId" }
  },
  ToolStop: {
    subjects: ["tool"],
    stages: ["stop", "exception"],
    when: "Its end; or it failed.",
    fields: { ...ended, tool: "toolName", call_id: "toolCallId" }
  },
  CommandStop: {
    subjects: ["command"],
    stages: ["stop", "exception"],
    when: "A command exited with 0 or was interrupted; or it failed.",
    fields: { ...ended, executable: "executableName", exit_code: "exitCode", call_id: "toolCallId" }
  },
  ApprovalStart: {
    subjects: ["approval"],
    stages: ["start"],
    when: "The agent asks.",
    fields: { kind: "approvalKind", call_id: "toolCallId" }
  },
  ApprovalStop: {
    subjects: ["approval"],
    stages: ["stop"],
    when: "It has its answer, also where the end of the turn was the answer.",
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
    when: "The usage of a request became known.",
    fields: tokens
  },
  DiffUpdated: {
    subjects: ["diff"],
    stages: ["update"],
    when: "The change that the turn has made so far.",
    fields: { bytes: "diffBytes", added: "diffAdded", removed: "diffRemoved" }
  },
  FileOperations: {
    subjects: ["files"],
    stages: ["update"],
    when: "What a tool did with files.",
    fields: { operations: "fileOperations", call_id: "toolCallId" }
  },
  FilesChanged: {
    subjects: ["files"],
    stages: ["update"],
    when: "A patch was applied.",
    fields: { added: "diffAdded", removed: "diffRemoved" }
  },
  Compaction: {
    subjects: ["compaction"],
    stages: ["update"],
    when: "Codex compacts the conversation.",
    fields: { stage: "compactionStage", duration_ms: "durationMs" }
  },
  Retry: {
    subjects: ["retry"],
    stages: ["update"],
    when: "An attempt failed and another follows. The failed one is a `chat` span of its own.",
    fields: { attempt: "retryAttempt", error_type: "errorType", status: "httpStatus" }
  },
  RetryStop: {
    subjects: ["retry"],
    stages: ["stop"],
    when: "The first is heard of that next attempt, or it failed, too.",
    fields: { duration_ms: "durationMs", attempt: "retryAttempt", result: "result" }
  },
  StartFailed: {
    subjects: ["engine", "thread"],
    stages: ["exception"],
    when: "The engine did not come up, or a thread could not be opened.",
    fields: {
      duration_ms: "durationMs",
      error_type: "errorType",
      class: "errorClass",
      retryable: "errorRetryable"
    }
  },
  AttachmentStart: {
    subjects: ["attachment.stage", "attachment.cleanup"],
    stages: ["start"],
    when: "Files are staged, or removed again.",
    fields: {}
  },
  AttachmentStop: {
    subjects: ["attachment.stage", "attachment.cleanup"],
    stages: ["stop", "exception"],
    when: "They are; or it failed.",
    fields: { ...ended, files: "attachmentFiles", bytes: "attachmentBytes" }
  }
}
