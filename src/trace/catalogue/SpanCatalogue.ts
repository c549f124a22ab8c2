/** The kind and attributes of each span and event. A missing entry fails the type check. */
import type * as Convention from "../../semconv/Convention.ts"
import type { Attribute } from "./AttributeCatalogue.ts"

/** The spans of the convention, and the span of a command, which has the name of the executable. */
export type CataloguedSpan = keyof typeof Convention.span | "command"
export type CataloguedEvent = keyof typeof Convention.event

/** Attributes, each with the condition under which a span or event has it; `always` if it is unconditional. */
export type AttributePresence = Readonly<Partial<Record<Attribute, string>>>

export interface SpanShape {
  readonly kind: "internal" | "client" | "producer" | "consumer"
  readonly attributes: AttributePresence
  readonly events?: ReadonlyArray<CataloguedEvent>
  /** The allowed parents; omitted if any parent is allowed. */
  readonly parents?: ReadonlyArray<CataloguedSpan>
}

export interface EventShape {
  /** Whether it is a span event or a log record of that name. */
  readonly on: "span" | "record"
  readonly attributes: AttributePresence
}

const failed = "on failure"
const sampled = "with tail sampling"
const opened = {
  originator: "always",
  source: "if the thread has one",
  workflow: "if the thread has one",
  group: "if the thread has one",
  userHash: "if the thread has a user and a key is configured",
  team: "in a durable turn, if its submission names one",
  errorType: failed,
  incomplete: "if its exporter closed before it ended",
  samplingReason: sampled,
  samplingShare: sampled
} satisfies AttributePresence

/** The attributes of every span of a turn. */
const inTurn = {
  ...opened,
  conversationId: "always",
  sessionId: "always",
  turnId: "after Codex has accepted the turn"
} satisfies AttributePresence

const staged = {
  ...inTurn,
  conversationId: "inside a turn",
  sessionId: "inside a turn",
  turnId: "inside a turn",
  attachmentFiles: "always",
  attachmentBytes: "always"
} satisfies AttributePresence

/** A request to Codex that belongs to no open thread. It may be made inside a turn, by a tool or a policy. */
const outsideThread = {
  ...inTurn,
  conversationId: "inside a turn",
  sessionId: "inside a turn",
  turnId: "inside a turn"
} satisfies AttributePresence

const ofThread = {
  ...outsideThread,
  conversationId: "always: the thread that the request is about"
} satisfies AttributePresence

/** The attributes of spans that never fail: a failing policy declines, and the end of a turn interrupts the rest. */
const { errorType: _, ...neverFails } = inTurn

/** The attributes of the spans of the queue. */
const ofQueue = {
  originator: "always",
  messagingSystem: "always",
  messagingDestination: "always",
  messagingOperationName: "always",
  messagingOperationType: "always",
  durableKey: "always",
  userHash: "if the submission has a user and a key is configured",
  team: "if the submission names one",
  errorType: failed,
  incomplete: opened.incomplete,
  samplingReason: sampled,
  samplingShare: sampled
} satisfies AttributePresence

const ofHost: SpanShape = { kind: "internal", attributes: outsideThread, events: ["exception"] }

const errors = "content: `errors`"
const prompts = "content: `prompts`"
const responses = "content: `responses`"
const known = "if the engine reports it"
const cut = "if content was left out to bound memory"
const counted = "if its usage is known"

/** Whether an attribute is required. */
export const isRequired = (condition: string): boolean => condition.startsWith("always")
/** Whether an attribute is recommended on a successful span. */
export const isRecommended = (condition: string): boolean => condition === known || condition === counted

export const spans: Readonly<Record<CataloguedSpan, SpanShape>> = {
  run: {
    kind: "internal",
    attributes: {
      originator: "always",
      errorType: "on failure",
      incomplete: opened.incomplete,
      samplingReason: sampled,
      samplingShare: sampled
    }
  },
  engineStart: {
    kind: "internal",
    attributes: opened,
    events: ["exception"]
  },
  threadStart: {
    kind: "internal",
    attributes: { ...opened, conversationId: "on success" },
    events: ["exception"]
  },
  threadResume: {
    kind: "internal",
    attributes: { ...opened, conversationId: "on success" },
    events: ["exception"]
  },
  threadFork: {
    kind: "internal",
    attributes: { ...opened, conversationId: "on success" },
    events: ["exception"]
  },
  listThreads: { kind: "internal", attributes: outsideThread, events: ["exception"] },
  readThread: { kind: "internal", attributes: ofThread, events: ["exception"] },
  renameThread: { kind: "internal", attributes: ofThread, events: ["exception"] },
  archiveThread: { kind: "internal", attributes: ofThread, events: ["exception"] },
  unarchiveThread: { kind: "internal", attributes: ofThread, events: ["exception"] },
  deleteThread: { kind: "internal", attributes: ofThread, events: ["exception"] },
  listModels: { kind: "internal", attributes: outsideThread, events: ["exception"] },
  request: { kind: "internal", attributes: { ...outsideThread, rpcMethod: "always" }, events: ["exception"] },
  invokeAgent: {
    kind: "internal",
    attributes: {
      ...inTurn,
      operationName: "always",
      agentName: "always",
      providerName: known,
      requestModel: known,
      inputTokens: "always; of this turn only",
      outputTokens: "always; of this turn only",
      turnStatus: "always",
      turnTrigger: "if Codex started the turn by itself, for example for a goal",
      turnModelCalls: "always",
      turnToolCalls: "always",
      turnCost: "if the price of the model is known (`Prices`)",
      turnOmittedItems: "if the turn dropped items to bound its memory",
      omittedCharacters: cut,
      timeThinking: "always",
      timeTools: "always",
      timeApproval: "always",
      timeOverhead: "always",
      errorClass: failed,
      errorRetryable: failed,
      errorRetryAfter: "if the provider requested a wait",
      systemInstructions: prompts,
      inputMessages: prompts,
      outputMessages: responses
    },
    events: ["tokenUsage", "diff", "compaction", "exception"]
  },
  chat: {
    kind: "client",
    parents: ["invokeAgent"],
    attributes: {
      ...inTurn,
      operationName: "always",
      openaiApiType: "always",
      providerName: known,
      requestModel: known,
      responseModel: known,
      reasoningLevel: "if the turn requested one",
      compacted: "after a compaction",
      responseId: "if its end is exact",
      finishReasons: "if its end is exact",
      timeToFirstChunk: "if its output was streamed",
      measured: "if Codex measured its times (its own spans are joined)",
      inputTokens: counted,
      outputTokens: counted,
      cachedTokens: counted,
      cacheWriteTokens: "if the provider reports it",
      reasoningTokens: counted,
      modelCallCost: "if its usage and the price of the model are known (`Prices`)",
      httpStatus: "if it failed with an HTTP status",
      systemInstructions: prompts,
      inputMessages: prompts,
      outputMessages: responses
    }
  },
  executeTool: {
    kind: "internal",
    parents: ["invokeAgent"],
    attributes: {
      ...inTurn,
      operationName: "always",
      toolName: "always",
      toolCallId: "always",
      toolType: "if Codex reports the type",
      mcpMethod: "for a tool of an MCP server",
      mcpServer: "for a tool of an MCP server",
      fileOperations: "if it works with files",
      omittedCharacters: cut,
      fileBytes: "for a patch that adds or deletes files",
      fileLinesAdded: "for a patch",
      fileLinesRemoved: "for a patch",
      commandLine: "content: `commands`",
      workingDirectory: "content: `paths`",
      filePaths: "content: `paths`",
      fileDiffs: "content: `diffs`",
      toolArguments: "content: `toolArguments`",
      toolResult: "content: `toolResults`"
    },
    events: ["fileOperation"]
  },
  command: {
    kind: "client",
    parents: ["executeTool"],
    attributes: {
      ...inTurn,
      executableName: "always",
      exitCode: "if it ran to its end",
      omittedCharacters: cut
    }
  },
  approval: {
    kind: "internal",
    parents: ["executeTool", "invokeAgent"],
    attributes: {
      ...neverFails,
      approvalKind: "always",
      approvalDecision: "after the decision",
      approvalSource: "after the decision",
      approvalPolicy: "after the decision"
    }
  },
  retry: {
    kind: "internal",
    parents: ["invokeAgent"],
    attributes: {
      ...inTurn,
      retryAttempt: "always",
      retryReason: "always",
      retryStatus: "if it failed with an HTTP status",
      httpStatus: "if the next attempt failed with an HTTP status too"
    }
  },
  compaction: {
    kind: "internal",
    parents: ["invokeAgent"],
    attributes: neverFails
  },
  exec: {
    kind: "client",
    attributes: {
      ...outsideThread,
      executableName: "always",
      sandbox: "always",
      exitCode: "if it ran to its end",
      commandLine: "content: `commands`",
      workingDirectory: "content: `paths`"
    },
    events: ["exception"]
  },
  durableSubmit: {
    kind: "producer",
    attributes: {
      ...ofQueue,
      durableThread: "on success",
      durableDuplicate: "if the key was submitted before"
    },
    events: ["exception"]
  },
  durableRun: {
    kind: "consumer",
    attributes: {
      ...ofQueue,
      durableThread: "always",
      durableAttempt: "always",
      durableReason: "always",
      durableQueueWait: "on the first attempt",
      durableEngine: "if an engine took the turn",
      durableWorker: "always",
      durableFound: "if the turn has started",
      durableStatus: "if the turn has ended or the worker left it",
      conversationId: "if the turn has started",
      sessionId: "if the turn has started",
      turnId: "if the turn has started"
    },
    events: ["exception"]
  },
  durableApproval: {
    kind: "internal",
    parents: ["approval"],
    attributes: {
      ...neverFails,
      durableApproval: "always",
      approvalKind: "always",
      approvalDecision: "after the decision",
      approvalSource: "after the decision",
      approvalPolicy: "after the decision"
    }
  },
  hostStart: ofHost,
  hostAttach: ofHost,
  hostDrain: ofHost,
  hostStop: ofHost,
  attachmentStage: {
    kind: "internal",
    attributes: { ...staged },
    events: ["exception"]
  },
  attachmentCleanup: {
    kind: "internal",
    attributes: { ...staged },
    events: ["exception"]
  }
}

export const events: Readonly<Record<CataloguedEvent, EventShape>> = {
  tokenUsage: {
    on: "span",
    attributes: { inputTokens: "always", outputTokens: "always" }
  },
  diff: {
    on: "span",
    attributes: { diffBytes: "always", diffAdded: "always", diffRemoved: "always" }
  },
  compaction: {
    on: "span",
    attributes: { compactionStage: "always" }
  },
  fileOperation: {
    on: "span",
    attributes: {
      fileOperation: "always",
      fileBytes: "for an added or deleted file",
      fileLinesAdded: "for a patch",
      fileLinesRemoved: "for a patch"
    }
  },
  exception: {
    on: "span",
    attributes: {
      exceptionType: "always",
      exceptionMessage: "if it has one",
      exceptionStack: "if it has one"
    }
  },
  inferenceDetails: {
    on: "record",
    attributes: {
      originator: "always",
      conversationId: "always",
      sessionId: "always",
      turnId: inTurn.turnId,
      source: opened.source,
      workflow: opened.workflow,
      group: opened.group,
      userHash: opened.userHash,
      team: opened.team,
      systemInstructions: prompts,
      inputMessages: prompts,
      outputMessages: responses,
      exceptionType: errors,
      exceptionMessage: errors,
      exceptionStack: errors,
      toolCallId: "for a call",
      commandLine: "content: `commands`",
      workingDirectory: "content: `paths`",
      filePaths: "content: `paths`",
      fileDiffs: "content: `diffs`",
      toolArguments: "content: `toolArguments`",
      toolResult: "content: `toolResults`"
    }
  }
}
