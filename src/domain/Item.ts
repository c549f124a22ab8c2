/** The items that a turn produces: messages, reasoning, commands, file changes, tool calls, plans. */
import * as Schema from "effect/Schema"
import { ItemId, ThreadId } from "./Ids.ts"

/** The state of an item. `declined`: a policy or a person declined it. `interrupted`: the turn ended before Codex reported its end. */
export const Status = Schema.Literals(["inProgress", "completed", "failed", "declined", "interrupted"])
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

export class UserMessage extends Schema.Opaque<UserMessage>()(
  Schema.TaggedStruct("UserMessage", { id: ItemId, text: Schema.String, omittedCharacters })
) {}

export class AgentMessage extends Schema.Opaque<AgentMessage>()(
  Schema.TaggedStruct("AgentMessage", { id: ItemId, text: Schema.String, omittedCharacters })
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

/** A command as Codex ran it, including the shell wrapper. `durationMillis` excludes the wait for approval. */
export class CommandExecution extends Schema.Opaque<CommandExecution>()(
  Schema.TaggedStruct("CommandExecution", {
    id: ItemId,
    command: Schema.String,
    cwd: Schema.String,
    status: Status,
    operations: Schema.Array(FileOperation),
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

/** A call of one of the caller's tools. `output` is the text that the model received. `duration` is in milliseconds. */
export class ToolCall extends Schema.Opaque<ToolCall>()(
  Schema.TaggedStruct("ToolCall", {
    id: ItemId,
    tool: Schema.String,
    arguments: Schema.Unknown,
    status: Status,
    output: Schema.optionalKey(Schema.String),
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

/**
 * A call that concerns sub-agents: `tool` is `spawn_agent`, `send_input`, `wait_agent`, …, and `agents` are the threads of
 * those sub-agents.
 */
export class AgentCall extends Schema.Opaque<AgentCall>()(
  Schema.TaggedStruct("AgentCall", {
    id: ItemId,
    tool: Schema.String,
    agents: Schema.Array(ThreadId),
    prompt: Schema.optionalKey(Schema.String),
    model: Schema.optionalKey(Schema.String),
    status: Status,
    omittedCharacters
  })
) {}

/** A search that the provider ran inside the model request. */
export class WebSearch extends Schema.Opaque<WebSearch>()(
  Schema.TaggedStruct("WebSearch", { id: ItemId, query: Schema.String, omittedCharacters })
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
  AgentMessage,
  Reasoning,
  Plan,
  CommandExecution,
  FileChange,
  ToolCall,
  McpToolCall,
  AgentCall,
  WebSearch,
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
