/** What every attribute means; one that has no entry here fails the type check. */
import * as Record from "effect/Record"
import * as Approval from "../../src/Approval.ts"
import * as Item from "../../src/domain/Item.ts"
import * as AttributeCatalogue from "../../src/trace/catalogue/AttributeCatalogue.ts"
import { leftOut, reasons } from "../../src/telemetry/tail-sampling/KeepReason.ts"

export type { ValueType } from "../../src/trace/catalogue/AttributeCatalogue.ts"
export type Attribute = AttributeCatalogue.Attribute

export interface AttributeEntry extends AttributeCatalogue.AttributeShape {
  readonly meaning: string
  /** It has its name and nothing carries it yet. */
  readonly reserved?: string
}

const oneOf = (values: ReadonlyArray<unknown>): string => {
  const shown = values.map((value) => `\`${String(value)}\``)
  return `${shown.slice(0, -1).join(", ")} or ${shown.at(-1)}`
}

const entries: {
  readonly [Key in Attribute]: Omit<AttributeEntry, keyof AttributeCatalogue.AttributeShape>
} = {
  operationName: { meaning: "what is done: `invoke_agent`, `chat` or `execute_tool`" },
  agentName: { meaning: "the agent; always `codex`" },
  conversationId: {
    meaning: "the thread, as Codex names it: what to resume it by, and what all its turns share"
  },
  providerName: { meaning: "the provider of the model, as Codex's configuration names it" },
  requestModel: { meaning: "the model that was asked for" },
  reasoningLevel: { meaning: "the effort that the turn asked for" },
  responseModel: { meaning: "the model that answered" },
  responseId: { meaning: "the provider's id of the response, for its own logs" },
  compacted: {
    meaning: "the conversation was compacted before this request, in this turn; never `false`"
  },
  finishReasons: { meaning: "why the model stopped: `stop` or `tool_calls`" },
  timeToFirstChunk: { meaning: "seconds from the request to its first output" },
  inputTokens: { meaning: "tokens sent to the model; those of the cache are among them" },
  outputTokens: { meaning: "tokens the model gave; those of reasoning are among them" },
  cachedTokens: { meaning: "the part of the input that the provider had in its cache" },
  reasoningTokens: { meaning: "the part of the output that was reasoning" },
  toolName: {
    meaning: "the tool: `exec_command`, `apply_patch`, one of yours or of MCP; a made-up name is `unknown`"
  },
  toolType: {
    meaning: "`function`, or `extension` for a tool of an MCP server"
  },
  toolCallId: { meaning: "the call, as the model and Codex name it" },
  openaiApiType: { meaning: "the API that Codex talks; always `responses`" },
  sessionId: {
    meaning: "the same as `gen_ai.conversation.id`, for back ends that read this one"
  },
  errorType: { meaning: "what went wrong, out of [a closed list](#errortype)" },
  httpStatus: { meaning: "the HTTP status with which the provider refused or failed" },
  executableName: {
    meaning: "the base name of what ran: no path, no argument, no variable before it"
  },
  exitCode: { meaning: "the exit code of the command; other than 0 is an error" },
  rpcMethod: { meaning: "the method of `codex app-server` that the caller requested" },
  mcpMethod: { meaning: "the method of MCP; always `tools/call`" },
  mcpServer: { meaning: "the MCP server, as Codex's configuration names it" },
  originator: { meaning: "`sdk` from a program, `cli` from the command line" },
  source: { meaning: "the `source` that the thread was opened with" },
  workflow: { meaning: "the `workflow` that the thread was opened with" },
  group: { meaning: "the `group` that the thread was opened with" },
  turnId: { meaning: "the turn, as Codex names it" },
  turnStatus: { meaning: "`completed`, `failed` or `interrupted`" },
  turnModelCalls: { meaning: "requests to the model in the turn, failed attempts included" },
  turnToolCalls: { meaning: "calls of tools in the turn" },
  timeThinking: { meaning: "milliseconds of the turn that went to the model" },
  timeTools: { meaning: "milliseconds of the turn that went to tools" },
  timeApproval: { meaning: "milliseconds of the turn that went to waiting for a decision" },
  timeOverhead: {
    meaning: "milliseconds of the turn that went to none of these; the four sum to the turn"
  },
  errorClass: {
    meaning: "what kind of trouble it is, for routing: see [error.type](#errortype)"
  },
  errorRetryable: { meaning: "whether the same may go well when it is tried again" },
  errorRetryAfter: { meaning: "milliseconds that the provider asked to wait" },
  approvalKind: {
    meaning: `what was asked for: ${oneOf(AttributeCatalogue.attributes.approvalKind.values ?? [])}`
  },
  approvalDecision: {
    meaning: oneOf(Object.keys(Approval.ApprovalDecision.cases))
  },
  approvalSource: {
    meaning: `who decided: ${oneOf(Approval.ApprovalSource.literals)}, which is nobody`
  },
  approvalPolicy: { meaning: "which policy decided: its name, or `custom`" },
  fileOperations: {
    meaning: `what the tool was to do with files, each kind once: ${oneOf(Item.FileOperation.literals)}`
  },
  fileBytes: {
    meaning: "bytes of files, as far as they are known: of those that are new or gone"
  },
  fileLinesAdded: { meaning: "lines added to files" },
  fileLinesRemoved: { meaning: "lines removed from files" },
  retryAttempt: {
    meaning: "for which time the request is made again; the first one is not counted"
  },
  retryReason: { meaning: "the `error.type` of the attempt before" },
  retryStatus: { meaning: "the HTTP status of the attempt before" },
  attachmentFiles: { meaning: "how many files; 0 of what failed" },
  attachmentBytes: { meaning: "what they hold together" },
  compactionStage: {
    meaning: "`started`, `completed`, or `interrupted` where the turn ended meanwhile"
  },
  diffBytes: { meaning: "size of the diff of the turn so far" },
  diffAdded: { meaning: "lines added" },
  diffRemoved: { meaning: "lines removed" },
  engineVersion: {
    meaning: "the version of Codex",
    reserved: "the name is kept; nothing sets it yet"
  },
  incomplete: {
    meaning: "the span was still open when its exporter closed, and ends there; never `false`"
  },
  cacheWriteTokens: { meaning: "the part of the input that the provider put into its cache" },
  tokenType: { meaning: "`input` or `output`; only with the names of v1.41" },
  tokenModality: {
    meaning: "what the tokens were of; always `unknown`, for Codex does not say"
  },
  team: { meaning: "the value of `Metrics.Team`: a handful of names, never a person" },
  component: { meaning: "`thinking`, `tools`, `approval` or `overhead`" },
  commandSuccess: { meaning: "`true` when the command exited with 0, else `false`" },
  sandbox: {
    meaning: "the sandbox of the thread; `default` where Codex's own configuration decides"
  },
  lineType: { meaning: "`added` or `removed`" },
  fileOperation: {
    meaning: oneOf(Item.FileOperation.literals)
  },
  durationMs: { meaning: "how long it took, in milliseconds, to the microsecond" },
  result: { meaning: "`completed` or `interrupted`; `failed` of a retry" },
  exceptionType: {
    meaning: "the `error.type` once more, beside message and stack"
  },
  exceptionMessage: { meaning: "the message of an error" },
  exceptionStack: { meaning: "the stack of an error" },
  userHash: {
    meaning:
      "a keyed hash (HMAC-SHA-256) of the thread's `user`: the same person is found again, and not known"
  },
  systemInstructions: { meaning: "the instructions of the thread, as JSON" },
  inputMessages: {
    meaning: "the prompt, and what of the turn came before, as JSON"
  },
  outputMessages: {
    meaning: "messages and reasoning summaries of the agent, as JSON"
  },
  toolArguments: { meaning: "what a tool was called with, as JSON" },
  toolResult: { meaning: "what a tool or a command gave back" },
  commandLine: { meaning: "the whole command" },
  workingDirectory: { meaning: "the folder that the command ran in" },
  filePaths: { meaning: "the files that a patch changes" },
  fileDiffs: { meaning: "the diffs of a patch, file by file" },
  telemetrySignal: { meaning: "`traces`, `metrics` or `logs`" },
  telemetryReason: {
    meaning: `why it was lost: ${oneOf(AttributeCatalogue.attributes.telemetryReason.values ?? [])}`
  },
  nativeSpan: { meaning: "the span is one of Codex's own, relayed; never `false`" },
  nativeOutcome: { meaning: "how Codex says that it ended; an exit code other than 0 is no failure to it" },
  nativeToolSource: { meaning: "who called the tool: the model (`direct`) or its script (`code_mode`)" },
  nativeTimeInference: { meaning: "the turn's time with the model, by Codex's own reckoning" },
  nativeTimeTools: { meaning: "the turn's time in tools, by Codex's own reckoning" },
  nativeTimeWaiting: { meaning: "the turn's time waiting for answers, by Codex's own reckoning" },
  nativeTimeOverhead: { meaning: "the rest of the turn's time, by Codex's own reckoning" },
  measured: { meaning: "start and end of the request are those that Codex measured; never `false`" },
  samplingReason: {
    meaning: `why tail sampling kept the turn: ${oneOf(reasons)}, which is for a share of those that tell nothing; in the metric also \`${leftOut}\``
  },
  samplingShare: {
    meaning: "the share of such turns that tail sampling keeps: one of these stands for 1 / share"
  },
  samplingEarly: { meaning: "`true` where too much was held to wait for the end of the turn, else `false`" }
}

export const attributes: { readonly [Key in Attribute]: AttributeEntry } = Record.map(
  entries,
  (entry, key) => ({
    ...entry,
    ...AttributeCatalogue.attributes[key]
  })
)
