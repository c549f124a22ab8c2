/** What a turn produces: messages, reasoning, commands, file changes, tool calls, plans. */
import * as Schema from "effect/Schema"
import { ItemId, ThreadId } from "./Ids.ts"

/** Where an item stands. `declined` is a policy's or a person's no, `interrupted` an end that nobody reported. */
export const Status = Schema.Literals(["inProgress", "completed", "failed", "declined", "interrupted"])
export type Status = typeof Status.Type

export const FileOperation = Schema.Literals(["read", "list", "search", "add", "update", "delete"])
export type FileOperation = typeof FileOperation.Type

/** One file of a patch: its path as Codex gave it and a unified diff of the file alone. */
export const Change = Schema.Struct({
  path: Schema.String,
  kind: Schema.Literals(["add", "update", "delete"]),
  movePath: Schema.optionalKey(Schema.String),
  diff: Schema.String
})
export type Change = typeof Change.Type

export const UserMessage = Schema.TaggedStruct("UserMessage", { id: ItemId, text: Schema.String })
export type UserMessage = typeof UserMessage.Type

export const AgentMessage = Schema.TaggedStruct("AgentMessage", { id: ItemId, text: Schema.String })
export type AgentMessage = typeof AgentMessage.Type

/** `summary` is what the provider lets be seen of it; `content` only exists for open models. */
export const Reasoning = Schema.TaggedStruct("Reasoning", {
  id: ItemId,
  summary: Schema.Array(Schema.String),
  content: Schema.Array(Schema.String)
})
export type Reasoning = typeof Reasoning.Type

export const Plan = Schema.TaggedStruct("Plan", { id: ItemId, text: Schema.String })
export type Plan = typeof Plan.Type

/** A command as Codex ran it, shell wrapper included. `duration` is in milliseconds, without the wait for approval. */
export const CommandExecution = Schema.TaggedStruct("CommandExecution", {
  id: ItemId,
  command: Schema.String,
  cwd: Schema.String,
  status: Status,
  operations: Schema.Array(FileOperation),
  exitCode: Schema.optionalKey(Schema.Int),
  output: Schema.optionalKey(Schema.String),
  duration: Schema.optionalKey(Schema.Finite)
})
export type CommandExecution = typeof CommandExecution.Type

export const FileChange = Schema.TaggedStruct("FileChange", {
  id: ItemId,
  changes: Schema.Array(Change),
  status: Status
})
export type FileChange = typeof FileChange.Type

/** A call of one of the caller's own tools. `output` is the text that the model got. */
export const ToolCall = Schema.TaggedStruct("ToolCall", {
  id: ItemId,
  tool: Schema.String,
  arguments: Schema.Unknown,
  status: Status,
  output: Schema.optionalKey(Schema.String),
  duration: Schema.optionalKey(Schema.Finite)
})
export type ToolCall = typeof ToolCall.Type

export const McpToolCall = Schema.TaggedStruct("McpToolCall", {
  id: ItemId,
  server: Schema.String,
  tool: Schema.String,
  arguments: Schema.Unknown,
  status: Status,
  result: Schema.optionalKey(Schema.Unknown),
  error: Schema.optionalKey(Schema.String),
  duration: Schema.optionalKey(Schema.Finite)
})
export type McpToolCall = typeof McpToolCall.Type

/**
 * What the agent had its sub-agents do: `tool` is `spawn_agent`, `send_input`, `wait_agent`, …, `agents` the threads of
 * those it was about.
 */
export const AgentCall = Schema.TaggedStruct("AgentCall", {
  id: ItemId,
  tool: Schema.String,
  agents: Schema.Array(ThreadId),
  prompt: Schema.optionalKey(Schema.String),
  model: Schema.optionalKey(Schema.String),
  status: Status
})
export type AgentCall = typeof AgentCall.Type

/** A search that the provider ran inside the model request. */
export const WebSearch = Schema.TaggedStruct("WebSearch", { id: ItemId, query: Schema.String })
export type WebSearch = typeof WebSearch.Type

/** The conversation was summarised to make room. */
export const ContextCompaction = Schema.TaggedStruct("ContextCompaction", { id: ItemId })
export type ContextCompaction = typeof ContextCompaction.Type

/** A kind that this version does not know: passed on as it came, never an error. */
export const Unknown = Schema.TaggedStruct("Unknown", {
  id: ItemId,
  kind: Schema.String,
  payload: Schema.Unknown
})
export type Unknown = typeof Unknown.Type

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

/** An item that will not be heard of again, because its turn ended first. */
export const interrupt = (item: Item): Item =>
  isWork(item) && item.status === "inProgress" ? { ...item, status: "interrupted" } : item
