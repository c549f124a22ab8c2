/** The items that a turn produces: messages, reasoning, commands, file changes, tool calls, plans. */
import * as Schema from "effect/Schema"
import { ItemId, ThreadId } from "./Ids.ts"
import * as Review from "./Review.ts"

/**
 * The state of an item. `declined`: a policy or a person declined it. `interrupted`: the turn ended before Codex reported
 * its end. `background`: a command that continued to run when its turn ended. `Thread.terminals` lists and ends it.
 */
export const Status = Schema.Literals([
  "inProgress",
  "completed",
  "failed",
  "declined",
  "interrupted",
  "background"
])
export type Status = typeof Status.Type

export const FileOperation = Schema.Literals(["read", "list", "search", "add", "update", "delete"])
export type FileOperation = typeof FileOperation.Type

/** One file of a patch: its path as Codex reports it, and a unified diff of this file. */
export class Change extends Schema.Opaque<Change>()(
  Schema.Struct({
    path: Schema.String,
    kind: Schema.Literals(["add", "update", "delete"]),
    movePath: Schema.optionalKey(Schema.String),
    diff: Schema.String
  })
) {}

/**
 * How many characters of an item this library left out to bound its memory; absent if the item is whole. What is left out
 * of a text is in its middle, where a line says so. See `ContentLimits`.
 */
const omittedCharacters = Schema.optionalKey(Schema.Natural)

/**
 * A part of a user message that is not text. The `url` of an image or a sound may be a `data:` URL; `fileId` names a file
 * that the provider stores.
 */
export const UserContent = Schema.TaggedUnion({
  Image: { url: Schema.optionalKey(Schema.String), fileId: Schema.optionalKey(Schema.String) },
  LocalImage: { path: Schema.String },
  Audio: { url: Schema.optionalKey(Schema.String), fileId: Schema.optionalKey(Schema.String) },
  LocalAudio: { path: Schema.String },
  Skill: { name: Schema.String, path: Schema.String },
  Mention: { name: Schema.String, path: Schema.String }
})
export type UserContent = typeof UserContent.Type

/** `text` joins the text parts of the message. `content` has its other parts; absent if the message has only text. */
export class UserMessage extends Schema.Opaque<UserMessage>()(
  Schema.TaggedStruct("UserMessage", {
    id: ItemId,
    text: Schema.String,
    content: Schema.optionalKey(Schema.Array(UserContent)),
    omittedCharacters
  })
) {}

/**
 * What a message of the agent is for: a comment on its work, a part of its answer, or its final answer. Providers do not
 * always report it.
 */
export const MessagePhase = Schema.Literals(["commentary", "partial_answer", "final_answer"])
export type MessagePhase = typeof MessagePhase.Type

export class AgentMessage extends Schema.Opaque<AgentMessage>()(
  Schema.TaggedStruct("AgentMessage", {
    id: ItemId,
    text: Schema.String,
    phase: Schema.optionalKey(MessagePhase),
    omittedCharacters
  })
) {}

/** Whether a message may be the answer of its turn: a final answer, or a message whose phase is unknown. */
export const isAnswer = ({ phase }: AgentMessage): boolean => phase === undefined || phase === "final_answer"

/** A prompt that hooks of Codex's configuration added to the conversation. */
export class HookPrompt extends Schema.Opaque<HookPrompt>()(
  Schema.TaggedStruct("HookPrompt", {
    id: ItemId,
    fragments: Schema.Array(Schema.Struct({ text: Schema.String, hookRunId: Schema.String })),
    omittedCharacters
  })
) {}

/** The model's reasoning. `summary` is what the provider shows of it; only open models have `content`. */
export class Reasoning extends Schema.Opaque<Reasoning>()(
  Schema.TaggedStruct("Reasoning", {
    id: ItemId,
    summary: Schema.Array(Schema.String),
    content: Schema.Array(Schema.String),
    omittedCharacters
  })
) {}

export class Plan extends Schema.Opaque<Plan>()(
  Schema.TaggedStruct("Plan", { id: ItemId, text: Schema.String, omittedCharacters })
) {}

/** What started a command: the agent, the user, or a terminal that the agent opened or wrote to. */
export const CommandSource = Schema.Literals([
  "agent",
  "userShell",
  "unifiedExecStartup",
  "unifiedExecInteraction"
])
export type CommandSource = typeof CommandSource.Type

/**
 * A command as Codex ran it, including the shell wrapper. `durationMillis` excludes the wait for approval. `processId` is
 * Codex's own name of the terminal in which it runs, not a process id of the system.
 */
export class CommandExecution extends Schema.Opaque<CommandExecution>()(
  Schema.TaggedStruct("CommandExecution", {
    id: ItemId,
    command: Schema.String,
    cwd: Schema.String,
    status: Status,
    operations: Schema.Array(FileOperation),
    processId: Schema.optionalKey(Schema.String),
    source: Schema.optionalKey(CommandSource),
    exitCode: Schema.optionalKey(Schema.Int),
    output: Schema.optionalKey(Schema.String),
    durationMillis: Schema.optionalKey(Schema.Finite),
    omittedCharacters
  }).pipe(Schema.encodeKeys({ durationMillis: "duration" }))
) {}

export class FileChange extends Schema.Opaque<FileChange>()(
  Schema.TaggedStruct("FileChange", {
    id: ItemId,
    changes: Schema.Array(Change),
    status: Status,
    omittedCharacters
  })
) {}

/** A part of a tool's result as the model receives it. The `url` of an image or a sound may be a `data:` URL. */
export const ToolContent = Schema.TaggedUnion({
  Text: { text: Schema.String },
  Image: { url: Schema.String },
  Audio: { url: Schema.String }
})
export type ToolContent = typeof ToolContent.Type

/**
 * A call of one of the caller's tools. `output` is the text that the model received. `content` has all parts of the
 * result in their order; absent if the result has only text. `duration` is in milliseconds.
 */
export class ToolCall extends Schema.Opaque<ToolCall>()(
  Schema.TaggedStruct("ToolCall", {
    id: ItemId,
    tool: Schema.String,
    arguments: Schema.Unknown,
    status: Status,
    output: Schema.optionalKey(Schema.String),
    content: Schema.optionalKey(Schema.Array(ToolContent)),
    durationMillis: Schema.optionalKey(Schema.Finite),
    omittedCharacters
  }).pipe(Schema.encodeKeys({ durationMillis: "duration" }))
) {}

export class McpToolCall extends Schema.Opaque<McpToolCall>()(
  Schema.TaggedStruct("McpToolCall", {
    id: ItemId,
    server: Schema.String,
    tool: Schema.String,
    arguments: Schema.Unknown,
    status: Status,
    result: Schema.optionalKey(Schema.Unknown),
    error: Schema.optionalKey(Schema.String),
    durationMillis: Schema.optionalKey(Schema.Finite),
    omittedCharacters
  }).pipe(Schema.encodeKeys({ durationMillis: "duration" }))
) {}

/** The output of a tool that ran outside the turn and that the client of Codex supplied. */
export class FunctionCallOutput extends Schema.Opaque<FunctionCallOutput>()(
  Schema.TaggedStruct("FunctionCallOutput", {
    id: ItemId,
    name: Schema.String,
    namespace: Schema.optionalKey(Schema.String),
    output: Schema.String,
    content: Schema.optionalKey(Schema.Array(ToolContent)),
    omittedCharacters
  })
) {}

/** The last known state of a sub-agent. `status` is Codex's own word, such as `running` or `completed`. */
export class AgentState extends Schema.Opaque<AgentState>()(
  Schema.Struct({
    agent: ThreadId,
    status: Schema.String,
    message: Schema.optionalKey(Schema.String)
  })
) {}

/**
 * A call that concerns sub-agents: `tool` is `spawn_agent`, `send_input`, `wait_agent`, …, and `agents` are the threads of
 * those sub-agents. `model` and `effort` are the settings that the call requests for a new sub-agent.
 */
export class AgentCall extends Schema.Opaque<AgentCall>()(
  Schema.TaggedStruct("AgentCall", {
    id: ItemId,
    tool: Schema.String,
    agents: Schema.Array(ThreadId),
    prompt: Schema.optionalKey(Schema.String),
    model: Schema.optionalKey(Schema.String),
    effort: Schema.optionalKey(Schema.String),
    states: Schema.optionalKey(Schema.Array(AgentState)),
    status: Status,
    omittedCharacters
  })
) {}

/** A change of a sub-agent: it started, got input, was interrupted or completed. `path` is its place in the tree of agents. */
export class AgentActivity extends Schema.Opaque<AgentActivity>()(
  Schema.TaggedStruct("AgentActivity", {
    id: ItemId,
    activity: Schema.Literals(["started", "interacted", "interrupted", "completed"]),
    agent: ThreadId,
    path: Schema.String,
    model: Schema.optionalKey(Schema.String),
    effort: Schema.optionalKey(Schema.String),
    omittedCharacters
  })
) {}

/** What a web search did. `Other` is an action that Codex does not name. */
export const WebSearchAction = Schema.TaggedUnion({
  Search: {
    query: Schema.optionalKey(Schema.String),
    queries: Schema.optionalKey(Schema.Array(Schema.String))
  },
  OpenPage: { url: Schema.optionalKey(Schema.String) },
  FindInPage: { url: Schema.optionalKey(Schema.String), pattern: Schema.optionalKey(Schema.String) },
  Other: {}
})
export type WebSearchAction = typeof WebSearchAction.Type

/** A search that the provider ran inside the model request. `results` are undecoded, in the provider's own form. */
export class WebSearch extends Schema.Opaque<WebSearch>()(
  Schema.TaggedStruct("WebSearch", {
    id: ItemId,
    query: Schema.String,
    action: Schema.optionalKey(WebSearchAction),
    results: Schema.optionalKey(Schema.Array(Schema.Unknown)),
    omittedCharacters
  })
) {}

/** The agent looked at an image file. */
export class ImageView extends Schema.Opaque<ImageView>()(
  Schema.TaggedStruct("ImageView", { id: ItemId, path: Schema.String, omittedCharacters })
) {}

/**
 * An image that the provider generated inside the model request. `data` is the image in Base64, `fileId` its name at the
 * provider, and `path` the file that Codex saved it to.
 */
export class ImageGeneration extends Schema.Opaque<ImageGeneration>()(
  Schema.TaggedStruct("ImageGeneration", {
    id: ItemId,
    status: Status,
    prompt: Schema.optionalKey(Schema.String),
    data: Schema.optionalKey(Schema.String),
    fileId: Schema.optionalKey(Schema.String),
    path: Schema.optionalKey(Schema.String),
    error: Schema.optionalKey(Schema.String),
    omittedCharacters
  })
) {}

/** The agent waited for a time that it chose. */
export class Sleep extends Schema.Opaque<Sleep>()(
  Schema.TaggedStruct("Sleep", { id: ItemId, durationMillis: Schema.Finite, omittedCharacters }).pipe(
    Schema.encodeKeys({ durationMillis: "duration" })
  )
) {}

/** A code review started. `text` says what Codex reviews. */
export class EnteredReviewMode extends Schema.Opaque<EnteredReviewMode>()(
  Schema.TaggedStruct("EnteredReviewMode", { id: ItemId, text: Schema.String, omittedCharacters })
) {}

/**
 * A code review ended. `text` is the review as Codex shows it, and `review` the same with typed findings; absent if the
 * reviewing model gave no review.
 */
export class ExitedReviewMode extends Schema.Opaque<ExitedReviewMode>()(
  Schema.TaggedStruct("ExitedReviewMode", {
    id: ItemId,
    text: Schema.String,
    review: Schema.optionalKey(Review.Review),
    omittedCharacters
  })
) {}

/** Codex summarised the conversation to make room in the model's context. */
export class ContextCompaction extends Schema.Opaque<ContextCompaction>()(
  Schema.TaggedStruct("ContextCompaction", { id: ItemId, omittedCharacters })
) {}

/** An item of a kind that this version does not know. Its payload is undecoded. */
export class Unknown extends Schema.Opaque<Unknown>()(
  Schema.TaggedStruct("Unknown", {
    id: ItemId,
    kind: Schema.String,
    payload: Schema.Unknown,
    omittedCharacters
  })
) {}

export const Item = Schema.Union([
  UserMessage,
  HookPrompt,
  AgentMessage,
  Reasoning,
  Plan,
  CommandExecution,
  FileChange,
  ToolCall,
  FunctionCallOutput,
  McpToolCall,
  AgentCall,
  AgentActivity,
  WebSearch,
  ImageView,
  ImageGeneration,
  Sleep,
  EnteredReviewMode,
  ExitedReviewMode,
  ContextCompaction,
  Unknown
]).pipe(Schema.toTaggedUnion("_tag"))
export type Item = typeof Item.Type

/** An item that runs outside the model: it takes time and may have side effects. */
export type Work = CommandExecution | FileChange | ToolCall | McpToolCall | AgentCall

export const isWork: (item: Item) => item is Work = Item.isAnyOf([
  "CommandExecution",
  "FileChange",
  "ToolCall",
  "McpToolCall",
  "AgentCall"
])

/** Returns the name under which the model calls the tool. */
export const toolName = (item: Work): string => {
  switch (item._tag) {
    case "CommandExecution":
      return "exec_command"
    case "FileChange":
      return "apply_patch"
    case "ToolCall":
    case "McpToolCall":
    case "AgentCall":
      return item.tool
  }
}

/** @internal Marks an item as interrupted if it was in progress when its turn ended. */
export const interrupt = (item: Item): Item =>
  isWork(item) && item.status === "inProgress" ? { ...item, status: "interrupted" } : item
