/** Every span and every event: when it is there and what it says; one that has no entry fails the type check. */
import type * as Convention from "../../src/telemetry/Convention.ts"
import type { Attribute } from "./attributes.ts"

/** The spans of the convention, and those of commands, which have the names of what ran. */
export type Span = keyof typeof Convention.span | "command"
export type Event = keyof typeof Convention.event

/** `always`, or when it is there. */
export type Carried = Readonly<Partial<Record<Attribute, string>>>

export interface SpanEntry {
  readonly name: string
  readonly kind: "internal" | "client"
  /** The span that it is in, where that is one of these. */
  readonly parent: string
  readonly when: string
  readonly attributes: Carried
  readonly events?: ReadonlyArray<Event>
  /** Events that have their code, which nothing calls yet. */
  readonly reserved?: ReadonlyArray<Event>
}

export interface EventEntry {
  /** A span event, or a log record of that name. */
  readonly on: "span" | "record"
  readonly when: string
  readonly attributes: Carried
}

const failed = "when it failed"
const opened = {
  originator: "always",
  source: "when the thread has one",
  workflow: "when the thread has one",
  group: "when the thread has one",
  userHash: "when the thread has a user and there is a key",
  errorType: failed,
  incomplete: "when its exporter closed before it ended"
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

/** What is in a turn and never fails: a policy that does has said no, a turn that ends interrupts the rest. */
const { errorType: _, ...neverFails } = inTurn

const errors = "content: `errors`"
const prompts = "content: `prompts`"
const responses = "content: `responses`"
const known = "where the engine says so"
const counted = "when its usage is known"

export const spans: Readonly<Record<Span, SpanEntry>> = {
  run: {
    name: "effect-codex run",
    kind: "internal",
    parent: "`TRACEPARENT`, if it is set",
    when: "Around everything that one run of the command line does.",
    attributes: { originator: "always", incomplete: opened.incomplete },
    events: ["exception"]
  },
  engineStart: {
    name: "codex.engine.start",
    kind: "internal",
    parent: "whoever opened the first thread",
    when: "Codex is spawned and shakes hands: once, and again after it died.",
    attributes: opened,
    events: ["exception"]
  },
  threadStart: {
    name: "codex.thread.start",
    kind: "internal",
    parent: "the caller",
    when: "A conversation is opened.",
    attributes: { ...opened, conversationId: "when it was opened" },
    events: ["exception"]
  },
  threadResume: {
    name: "codex.thread.resume",
    kind: "internal",
    parent: "the caller",
    when: "A conversation is taken up again.",
    attributes: { ...opened, conversationId: "when it was opened" },
    events: ["exception"]
  },
  threadFork: {
    name: "codex.thread.fork",
    kind: "internal",
    parent: "the caller",
    when: "A conversation is opened that begins with what was said in another one.",
    attributes: { ...opened, conversationId: "when it was opened" },
    events: ["exception"]
  },
  invokeAgent: {
    name: "invoke_agent {agent}",
    kind: "internal",
    parent: "the caller",
    when: "One turn, from its start (not from when it began to wait for another) to its end. An interrupted turn is no error.",
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
    name: "chat {model}",
    kind: "client",
    parent: "`invoke_agent`",
    when: "One request to the model, and one more for each attempt that failed. Its bounds are exact where Codex tells them, else inferred: from the start of the turn, or the last output of a tool, to the next call, the last message or the failure.",
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
    name: "execute_tool {tool}",
    kind: "internal",
    parent: "`invoke_agent`",
    when: "One call of a tool, the wait for approval included. A command that exits with something else than 0 is a tool that worked.",
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
    name: "{executable}",
    kind: "client",
    parent: "`execute_tool exec_command`",
    when: "A command that ran, from its approval to its end; one that was declined has none. An exit code other than 0 is an error.",
    attributes: { ...inTurn, executableName: "always", exitCode: "when it came to an end" }
  },
  approval: {
    name: "codex.approval",
    kind: "internal",
    parent: "the `execute_tool` that it is about",
    when: "A policy or a person decides: as long as that took. A no is no error.",
    attributes: {
      ...neverFails,
      approvalKind: "always",
      approvalDecision: "when it was decided",
      approvalSource: "when it was decided",
      approvalPolicy: "when it was decided"
    }
  },
  retry: {
    name: "codex.retry",
    kind: "internal",
    parent: "`invoke_agent`",
    when: "A request failed and is made again: from the failure to the first that is heard of the next attempt. The wait and the model's own time are both in it, for Codex does not tell them apart.",
    attributes: {
      ...inTurn,
      retryAttempt: "always",
      retryReason: "always",
      retryStatus: "when it failed with one",
      httpStatus: "when the next attempt failed with one, too"
    }
  },
  compaction: {
    name: "codex.compaction",
    kind: "internal",
    parent: "`invoke_agent`",
    when: "Codex summarises the conversation.",
    attributes: neverFails
  },
  attachmentStage: {
    name: "codex.attachment.stage",
    kind: "internal",
    parent: "whoever stages them",
    when: "Input files are staged.",
    attributes: { ...staged },
    events: ["exception"]
  },
  attachmentCleanup: {
    name: "codex.attachment.cleanup",
    kind: "internal",
    parent: "whoever removes them",
    when: "Staged files are removed again.",
    attributes: { ...staged },
    events: ["exception"]
  }
}

export const events: Readonly<Record<Event, EventEntry>> = {
  tokenUsage: {
    on: "span",
    when: "The usage of a request became known; the numbers are those of that request.",
    attributes: { inputTokens: "always", outputTokens: "always" }
  },
  diff: {
    on: "span",
    when: "The change that the turn has made so far; sizes, no text.",
    attributes: { diffBytes: "always", diffAdded: "always", diffRemoved: "always" }
  },
  compaction: {
    on: "span",
    when: "Codex began to compact the conversation, or had done so.",
    attributes: { compactionStage: "always" }
  },
  fileOperation: {
    on: "span",
    when: "One thing that a tool did with one file.",
    attributes: {
      fileOperation: "always",
      fileBytes: "of a file that is new or gone",
      fileLinesAdded: "of a patch",
      fileLinesRemoved: "of a patch"
    }
  },
  exception: {
    on: "span",
    when: "What the span ended with, an error or a defect that has a message; only where the content `errors` is asked for. Spans of your program have it as well.",
    attributes: {
      exceptionType: "always",
      exceptionMessage: "when it has one",
      exceptionStack: "when it has one"
    }
  },
  inferenceDetails: {
    on: "record",
    when: "Content of a turn or of a call, where `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` asks for events. It goes to exporters of logs and is never printed.",
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
