/** What every attribute means; one that has no entry here fails the type check. */
import * as Approval from "../../src/Approval.ts"
import * as Item from "../../src/Item.ts"
import type * as Convention from "../../src/telemetry/Convention.ts"
import type * as SelfMetrics from "../../src/telemetry/internal/SelfMetrics.ts"

export type Attribute = keyof typeof Convention.attribute

/** The part of an OpenTelemetry value type that is used here. */
export type ValueType = "string" | "string[]" | "int" | "double" | "boolean"

export interface AttributeEntry {
  readonly type: ValueType
  readonly meaning: string
  /** Content: off unless it is asked for, kind by kind. */
  readonly content?: true
  /** It has its name and nothing carries it yet. */
  readonly reserved?: string
}

const oneOf = (values: ReadonlyArray<string>): string => {
  const shown = values.map((value) => `\`${value}\``)
  return `${shown.slice(0, -1).join(", ")} or ${shown.at(-1)}`
}

const reasons: Readonly<Record<SelfMetrics.Reason, true>> = {
  queue_full: true,
  export_failed: true,
  rejected: true,
  timeout: true,
  shutdown: true,
  spool_full: true,
  expired: true
}

export const attributes: Readonly<Record<Attribute, AttributeEntry>> = {
  operationName: { type: "string", meaning: "what is done: `invoke_agent`, `chat` or `execute_tool`" },
  agentName: { type: "string", meaning: "the agent; always `codex`" },
  conversationId: {
    type: "string",
    meaning: "the thread, as Codex names it: what to resume it by, and what all its turns share"
  },
  providerName: { type: "string", meaning: "the provider of the model, as Codex's configuration names it" },
  requestModel: { type: "string", meaning: "the model that was asked for" },
  reasoningLevel: { type: "string", meaning: "the effort that the turn asked for" },
  responseModel: { type: "string", meaning: "the model that answered" },
  responseId: { type: "string", meaning: "the provider's id of the response, for its own logs" },
  compacted: {
    type: "boolean",
    meaning: "the conversation was compacted before this request, in this turn; never `false`"
  },
  finishReasons: { type: "string[]", meaning: "why the model stopped: `stop` or `tool_calls`" },
  timeToFirstChunk: { type: "double", meaning: "seconds from the request to its first output" },
  inputTokens: { type: "int", meaning: "tokens sent to the model; those of the cache are among them" },
  outputTokens: { type: "int", meaning: "tokens the model gave; those of reasoning are among them" },
  cachedTokens: { type: "int", meaning: "the part of the input that the provider had in its cache" },
  reasoningTokens: { type: "int", meaning: "the part of the output that was reasoning" },
  toolName: {
    type: "string",
    meaning: "the tool: `exec_command`, `apply_patch`, one of yours or of MCP; a made-up name is `unknown`"
  },
  toolType: {
    type: "string",
    meaning: "`function`, or `extension` for a tool of an MCP server"
  },
  toolCallId: { type: "string", meaning: "the call, as the model and Codex name it" },
  openaiApiType: { type: "string", meaning: "the API that Codex talks; always `responses`" },
  sessionId: {
    type: "string",
    meaning: "the same as `gen_ai.conversation.id`, for back ends that read this one"
  },
  errorType: { type: "string", meaning: "what went wrong, out of [a closed list](#errortype)" },
  httpStatus: { type: "int", meaning: "the HTTP status with which the provider refused or failed" },
  executableName: {
    type: "string",
    meaning: "the base name of what ran: no path, no argument, no variable before it"
  },
  exitCode: { type: "int", meaning: "the exit code of the command; other than 0 is an error" },
  mcpMethod: { type: "string", meaning: "the method of MCP; always `tools/call`" },
  mcpServer: { type: "string", meaning: "the MCP server, as Codex's configuration names it" },
  originator: { type: "string", meaning: "`sdk` from a program, `cli` from the command line" },
  source: { type: "string", meaning: "the `source` that the thread was opened with" },
  workflow: { type: "string", meaning: "the `workflow` that the thread was opened with" },
  group: { type: "string", meaning: "the `group` that the thread was opened with" },
  turnId: { type: "string", meaning: "the turn, as Codex names it" },
  turnStatus: { type: "string", meaning: "`completed`, `failed` or `interrupted`" },
  turnModelCalls: { type: "int", meaning: "requests to the model in the turn, failed attempts included" },
  turnToolCalls: { type: "int", meaning: "calls of tools in the turn" },
  timeThinking: { type: "double", meaning: "milliseconds of the turn that went to the model" },
  timeTools: { type: "double", meaning: "milliseconds of the turn that went to tools" },
  timeApproval: { type: "double", meaning: "milliseconds of the turn that went to waiting for a decision" },
  timeOverhead: {
    type: "double",
    meaning: "milliseconds of the turn that went to none of these; the four sum to the turn"
  },
  errorClass: {
    type: "string",
    meaning: "what kind of trouble it is, for routing: see [error.type](#errortype)"
  },
  errorRetryable: { type: "boolean", meaning: "whether the same may go well when it is tried again" },
  errorRetryAfter: { type: "double", meaning: "milliseconds that the provider asked to wait" },
  approvalKind: {
    type: "string",
    meaning: `what was asked for: ${oneOf(Object.keys(Approval.Request.cases))}`
  },
  approvalDecision: {
    type: "string",
    meaning: oneOf(Object.keys(Approval.Decision.cases))
  },
  approvalSource: {
    type: "string",
    meaning: `who decided: ${oneOf(Approval.Source.literals)}, which is nobody`
  },
  approvalPolicy: { type: "string", meaning: "which policy decided: its name, or `custom`" },
  fileOperations: {
    type: "string[]",
    meaning: `what the tool was to do with files, each kind once: ${oneOf(Item.FileOperation.literals)}`
  },
  fileBytes: {
    type: "int",
    meaning: "bytes of files, as far as they are known: of those that are new or gone"
  },
  fileLinesAdded: { type: "int", meaning: "lines added to files" },
  fileLinesRemoved: { type: "int", meaning: "lines removed from files" },
  retryAttempt: {
    type: "int",
    meaning: "for which time the request is made again; the first one is not counted"
  },
  retryReason: { type: "string", meaning: "the `error.type` of the attempt before" },
  retryStatus: { type: "int", meaning: "the HTTP status of the attempt before" },
  attachmentFiles: { type: "int", meaning: "how many files; 0 of what failed" },
  attachmentBytes: { type: "int", meaning: "what they hold together" },
  compactionStage: {
    type: "string",
    meaning: "`started`, `completed`, or `interrupted` where the turn ended meanwhile"
  },
  diffBytes: { type: "int", meaning: "size of the diff of the turn so far" },
  diffAdded: { type: "int", meaning: "lines added" },
  diffRemoved: { type: "int", meaning: "lines removed" },
  engineVersion: {
    type: "string",
    meaning: "the version of Codex",
    reserved: "the name is kept; nothing sets it yet"
  },
  incomplete: {
    type: "boolean",
    meaning: "the span was still open when its exporter closed, and ends there; never `false`"
  },
  cacheWriteTokens: { type: "int", meaning: "the part of the input that the provider put into its cache" },
  tokenType: { type: "string", meaning: "`input` or `output`; only with the names of v1.41" },
  tokenModality: {
    type: "string",
    meaning: "what the tokens were of; always `unknown`, for Codex does not say"
  },
  team: { type: "string", meaning: "the value of `Metrics.Team`: a handful of names, never a person" },
  component: { type: "string", meaning: "`thinking`, `tools`, `approval` or `overhead`" },
  commandSuccess: { type: "string", meaning: "`true` when the command exited with 0, else `false`" },
  sandbox: {
    type: "string",
    meaning: "the sandbox of the thread; `default` where Codex's own configuration decides"
  },
  lineType: { type: "string", meaning: "`added` or `removed`" },
  fileOperation: {
    type: "string",
    meaning: oneOf(Item.FileOperation.literals)
  },
  durationMs: { type: "double", meaning: "how long it took, in milliseconds, to the microsecond" },
  result: { type: "string", meaning: "`completed` or `interrupted`; `failed` of a retry" },
  exceptionType: {
    type: "string",
    meaning: "the `error.type` once more, beside message and stack",
    content: true
  },
  exceptionMessage: { type: "string", meaning: "the message of an error", content: true },
  exceptionStack: { type: "string", meaning: "the stack of an error", content: true },
  userHash: {
    type: "string",
    meaning:
      "a keyed hash (HMAC-SHA-256) of the thread's `user`: the same person is found again, and not known"
  },
  systemInstructions: { type: "string", meaning: "the instructions of the thread, as JSON", content: true },
  inputMessages: {
    type: "string",
    meaning: "the prompt, and what of the turn came before, as JSON",
    content: true
  },
  outputMessages: {
    type: "string",
    meaning: "messages and reasoning summaries of the agent, as JSON",
    content: true
  },
  toolArguments: { type: "string", meaning: "what a tool was called with, as JSON", content: true },
  toolResult: { type: "string", meaning: "what a tool or a command gave back", content: true },
  commandLine: { type: "string", meaning: "the whole command", content: true },
  workingDirectory: { type: "string", meaning: "the folder that the command ran in", content: true },
  filePaths: { type: "string[]", meaning: "the files that a patch changes", content: true },
  fileDiffs: { type: "string[]", meaning: "the diffs of a patch, file by file", content: true },
  telemetrySignal: { type: "string", meaning: "`traces`, `metrics` or `logs`" },
  telemetryReason: {
    type: "string",
    meaning: `why it was lost: ${oneOf(Object.keys(reasons))}`
  }
}
