/** The items that run outside the model: commands, file changes, calls of tools and of sub-agents. */
import * as Schema from "effect/Schema"
import { ItemId, ThreadId } from "./Ids.ts"

/**
 * The state of an item. `declined`: a policy or a person declined it. `interrupted`: the turn ended before Codex reported
 * its end. `background`: a command that continued to run when its turn ended. `Thread.terminals` lists and ends it.
 * @since 0.1.0
 * @category schemas
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

/**
 * What a command or a patch does with files.
 * @since 0.1.0
 * @category schemas
 */
export const FileOperation = Schema.Literals(["read", "list", "search", "add", "update", "delete"])
export type FileOperation = typeof FileOperation.Type

/**
 * One file of a patch: its path as Codex reports it, and a unified diff of this file.
 * @since 0.1.0
 * @category schemas
 */
export class Change extends Schema.Opaque<Change>()(
  Schema.Struct({
    path: Schema.String,
    kind: Schema.Literals(["add", "update", "delete"]),
    movePath: Schema.optionalKey(Schema.String),
    diff: Schema.String
  })
) {}

/**
 * @internal How many characters of an item this library left out to bound its memory; absent if the item is whole. What is left out
 * of a text is in its middle, where a line says so. See `ContentLimits`.
 */
export const omittedCharacters = Schema.optionalKey(Schema.Natural)

/**
 * What started a command: the agent, the user, or a terminal that the agent opened or wrote to.
 * @since 0.1.0
 * @category schemas
 */
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
 * @since 0.1.0
 * @category schemas
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

/**
 * A patch that the agent applies.
 * @since 0.1.0
 * @category schemas
 */
export class FileChange extends Schema.Opaque<FileChange>()(
  Schema.TaggedStruct("FileChange", {
    id: ItemId,
    changes: Schema.Array(Change),
    status: Status,
    omittedCharacters
  })
) {}

/**
 * A part of a tool's result as the model receives it. The `url` of an image or a sound may be a `data:` URL.
 * @since 0.1.0
 * @category schemas
 */
export const ToolContent = Schema.TaggedUnion({
  Text: { text: Schema.String },
  Image: { url: Schema.String },
  Audio: { url: Schema.String }
})
export type ToolContent = typeof ToolContent.Type

/**
 * A call of one of the caller's tools. `output` is the text that the model received. `content` has all parts of the
 * result in their order; absent if the result has only text. `duration` is in milliseconds.
 * @since 0.1.0
 * @category schemas
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

/**
 * A call of a tool of an MCP server. `result` is undecoded; `durationMillis` is in milliseconds.
 * @since 0.1.0
 * @category schemas
 */
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
 * The output of a tool that ran outside the turn and that the client of Codex supplied.
 * @since 0.1.0
 * @category schemas
 */
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

/**
 * The last known state of a sub-agent. `status` is Codex's own word, such as `running` or `completed`.
 * @since 0.1.0
 * @category schemas
 */
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
 * @since 0.1.0
 * @category schemas
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

/**
 * A change of a sub-agent: it started, got input, was interrupted or completed. `path` is its place in the tree of agents.
 * @since 0.1.0
 * @category schemas
 */
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
