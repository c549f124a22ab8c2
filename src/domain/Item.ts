/** What a turn produces: messages, reasoning, commands, file changes, tool calls, plans. */
import * as Schema from "effect/Schema"
import { ItemId, ThreadId } from "./Ids.ts"

/** Where an item stands. `declined` is a policy's or a person's no, `interrupted` an end that nobody reported. */
export const Status = Schema.Literals(["inProgress", "completed", "failed", "declined", "interrupted"])
export type Status = typeof Status.Type

export const FileOperation = Schema.Literals(["read", "list", "search", "add", "update", "delete"])
export type FileOperation = typeof FileOperation.Type

/** One file of a patch: its path as Codex gave it and a unified diff of the file alone. */
export class Change extends Schema.Opaque<Change>()(
  Schema.Struct({
    path: Schema.String,
    kind: Schema.Literals(["add", "update", "delete"]),
    movePath: Schema.optionalKey(Schema.String),
    diff: Schema.String
  })
) {}

export class UserMessage extends Schema.Opaque<UserMessage>()(
  Schema.TaggedStruct("UserMessage", { id: ItemId, text: Schema.String })
) {}

export class AgentMessage extends Schema.Opaque<AgentMessage>()(
  Schema.TaggedStruct("AgentMessage", { id: ItemId, text: Schema.String })
) {}

/** `summary` is what the provider lets be seen of it; `content` only exists for open models. */
export class Reasoning extends Schema.Opaque<Reasoning>()(
  Schema.TaggedStruct("Reasoning", {
    id: ItemId,
    summary: Schema.Array(Schema.String),
    content: Schema.Array(Schema.String)
  })
) {}

export class Plan extends Schema.Opaque<Plan>()(
  Schema.TaggedStruct("Plan", { id: ItemId, text: Schema.String })
) {}

/** A command as Codex ran it, shell wrapper included. `duration` is in milliseconds, without the wait for approval. */
export class CommandExecution extends Schema.Opaque<CommandExecution>()(
  Schema.TaggedStruct("CommandExecution", {
    id: ItemId,
    command: Schema.String,
    cwd: Schema.String,
    status: Status,
    operations: Schema.Array(FileOperation),
    exitCode: Schema.optionalKey(Schema.Int),
    output: Schema.optionalKey(Schema.String),
    duration: Schema.optionalKey(Schema.Finite)
  })
) {}

export class FileChange extends Schema.Opaque<FileChange>()(
  Schema.TaggedStruct("FileChange", {
    id: ItemId,
    changes: Schema.Array(Change),
    status: Status
  })
) {}

/** A call of one of the caller's own tools. `output` is the text that the model got. */
export class ToolCall extends Schema.Opaque<ToolCall>()(
  Schema.TaggedStruct("ToolCall", {
    id: ItemId,
    tool: Schema.String,
    arguments: Schema.Unknown,
    status: Status,
    output: Schema.optionalKey(Schema.String),
    duration: Schema.optionalKey(Schema.Finite)
  })
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
    duration: Schema.optionalKey(Schema.Finite)
  })
) {}

/**
 * What the agent had its sub-agents do: `tool` is `spawn_agent`, `send_input`, `wait_agent`, …, `agents` the threads of
 * those it was about.
 */
export class AgentCall extends Schema.Opaque<AgentCall>()(
  Schema.TaggedStruct("AgentCall", {
    id: ItemId,
    tool: Schema.String,
    agents: Schema.Array(ThreadId),
    prompt: Schema.optionalKey(Schema.String),
    model: Schema.optionalKey(Schema.String),
    status: Status
  })
) {}

/** A search that the provider ran inside the model request. */
export class WebSearch extends Schema.Opaque<WebSearch>()(
  Schema.TaggedStruct("WebSearch", { id: ItemId, query: Schema.String })
) {}

/** The conversation was summarised to make room. */
export class ContextCompaction extends Schema.Opaque<ContextCompaction>()(
  Schema.TaggedStruct("ContextCompaction", { id: ItemId })
) {}

/** A kind that this version does not know: passed on as it came, never an error. */
export class Unknown extends Schema.Opaque<Unknown>()(
  Schema.TaggedStruct("Unknown", {
    id: ItemId,
    kind: Schema.String,
    payload: Schema.Unknown
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

/** An item that runs outside the model: it takes time of its own and may change something. */
export type Work = CommandExecution | FileChange | ToolCall | McpToolCall | AgentCall

export const isWork = (item: Item): item is Work =>
  item._tag === "CommandExecution" ||
  item._tag === "FileChange" ||
  item._tag === "ToolCall" ||
  item._tag === "McpToolCall" ||
  item._tag === "AgentCall"

/** The tool's name as the model knows it: Codex's own tools by theirs, ours and MCP's by the name they were given. */
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

/** @internal An item that will not be heard of again, because its turn ended first. */
export const interrupt = (item: Item): Item =>
  isWork(item) && item.status === "inProgress" ? { ...item, status: "interrupted" } : item
