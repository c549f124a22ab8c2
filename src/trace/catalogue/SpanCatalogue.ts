/** Every span and every event: its kind, and what it says when; one that has no entry fails the type check. */
import type * as Convention from "../../semconv/Convention.ts"
import type { Attribute } from "./AttributeCatalogue.ts"

/** The spans of the convention, and those of commands, which have the names of what ran. */
export type CataloguedSpan = keyof typeof Convention.span | "command"
export type CataloguedEvent = keyof typeof Convention.event

/** `always`, or when it is there. */
export type Carried = Readonly<Partial<Record<Attribute, string>>>

export interface SpanShape {
  readonly kind: "internal" | "client"
  readonly attributes: Carried
  readonly events?: ReadonlyArray<CataloguedEvent>
  /** It is in one of these and nowhere else. */
  readonly parents?: ReadonlyArray<CataloguedSpan>
}

export interface EventShape {
  /** A span event, or a log record of that name. */
  readonly on: "span" | "record"
  readonly attributes: Carried
}

const failed = "when it failed"
const sampled = "with tail sampling"
const opened = {
  originator: "always",
  source: "when the thread has one",
  workflow: "when the thread has one",
  group: "when the thread has one",
  userHash: "when the thread has a user and there is a key",
  errorType: failed,
  incomplete: "when its exporter closed before it ended",
  samplingReason: sampled,
  samplingShare: sampled
} satisfies Carried

/** What everything below a turn says of where it belongs. */
const inTurn = {
  ...opened,
  conversationId: "always",
  sessionId: "always",
  turnId: "once Codex has taken the turn"
} satisfies Carried

const staged = {
  ...inTurn,
  conversationId: "inside a turn",
  sessionId: "inside a turn",
  turnId: "inside a turn",
  attachmentFiles: "always",
  attachmentBytes: "always"
} satisfies Carried

/** A request to Codex that belongs to no open thread. It may be made inside a turn, by a tool or a policy. */
const outsideThread = {
  ...inTurn,
  conversationId: "inside a turn",
  sessionId: "inside a turn",
  turnId: "inside a turn"
} satisfies Carried

const ofThread = {
  ...outsideThread,
  conversationId: "always: the thread that the request is about"
} satisfies Carried

/** What is in a turn and never fails: a policy that does has said no, a turn that ends interrupts the rest. */
const { errorType: _, ...neverFails } = inTurn

const errors = "content: `errors`"
const prompts = "content: `prompts`"
const responses = "content: `responses`"
const known = "where the engine says so"
const counted = "when its usage is known"

/** Whether an attribute has to be there. */
export const isRequired = (there: string): boolean => there.startsWith("always")
/** Whether it should be there on a span that went well: what reads it is poorer without. */
export const isRecommended = (there: string): boolean => there === known || there === counted

export const spans: Readonly<Record<CataloguedSpan, SpanShape>> = {
  run: {
    kind: "internal",
    attributes: {
      originator: "always",
      errorType: "when it failed",
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
    attributes: { ...opened, conversationId: "when it was opened" },
    events: ["exception"]
  },
  threadResume: {
    kind: "internal",
    attributes: { ...opened, conversationId: "when it was opened" },
    events: ["exception"]
  },
  threadFork: {
    kind: "internal",
    attributes: { ...opened, conversationId: "when it was opened" },
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
      inputTokens: "always: of this turn alone",
      outputTokens: "always: of this turn alone",
      turnStatus: "always",
      turnModelCalls: "always",
      turnToolCalls: "always",
      timeThinking: "always",
      timeTools: "always",
      timeApproval: "always",
      timeOverhead: "always",
      errorClass: failed,
      errorRetryable: failed,
      errorRetryAfter: "when the provider said how long to wait",
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
      reasoningLevel: "when the turn asked for one",
      compacted: "after a compaction",
      responseId: "where its end is exact",
      finishReasons: "where its end is exact",
      timeToFirstChunk: "when its output was streamed",
      measured: "when its bounds are those that Codex measured: with its own spans joined",
      inputTokens: counted,
      outputTokens: counted,
      cachedTokens: counted,
      cacheWriteTokens: "when the provider tells it",
      reasoningTokens: counted,
      httpStatus: "when it failed with one",
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
      toolType: "where Codex tells what it was",
      mcpMethod: "for a tool of an MCP server",
      mcpServer: "for a tool of an MCP server",
      fileOperations: "when it is about files",
      fileBytes: "of a patch that made or deleted files",
      fileLinesAdded: "of a patch",
      fileLinesRemoved: "of a patch",
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
    attributes: { ...inTurn, executableName: "always", exitCode: "when it came to an end" }
  },
  approval: {
    kind: "internal",
    parents: ["executeTool", "invokeAgent"],
    attributes: {
      ...neverFails,
      approvalKind: "always",
      approvalDecision: "when it was decided",
      approvalSource: "when it was decided",
      approvalPolicy: "when it was decided"
    }
  },
  retry: {
    kind: "internal",
    parents: ["invokeAgent"],
    attributes: {
      ...inTurn,
      retryAttempt: "always",
      retryReason: "always",
      retryStatus: "when it failed with one",
      httpStatus: "when the next attempt failed with one, too"
    }
  },
  compaction: {
    kind: "internal",
    parents: ["invokeAgent"],
    attributes: neverFails
  },
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
      fileBytes: "of a file that is new or gone",
      fileLinesAdded: "of a patch",
      fileLinesRemoved: "of a patch"
    }
  },
  exception: {
    on: "span",
    attributes: {
      exceptionType: "always",
      exceptionMessage: "when it has one",
      exceptionStack: "when it has one"
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
