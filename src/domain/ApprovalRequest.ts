/** Approval requests: what the agent asks permission for, and the questions it asks. */
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import { Amendment } from "./Amendment.ts"
import { ItemId } from "./Ids.ts"
import { encodedTag } from "../internal/EncodedTag.ts"
import * as Item from "./Item.ts"
import { Permissions } from "./Permissions.ts"

/** The kinds of requests: their names in rules and JSON, and in the encoded form. */
const kinds = {
  Command: "command",
  FileChange: "file_change",
  Permissions: "permissions",
  Tool: "tool",
  McpTool: "mcp_tool",
  Elicitation: "elicitation",
  UserInput: "user_input",
  Unknown: "unknown"
} as const

const fields = {
  /** Identifies the request. One item can make several requests. */
  id: Schema.String,
  /** The item that needs the approval. A request that belongs to no item has its own id here. */
  itemId: ItemId,
  /** The reason that the agent gives. */
  reason: Schema.optionalKey(Schema.String)
}

/**
 * Where a path of a request leads. `real` is missing if it cannot be determined. `throughLink`: a symbolic link is on the
 * way. `agentWritable`: the agent can write there without approval, so it can also put a link there at any time. `hostFiles`:
 * the request would let the agent write files of this process or of Codex, such as "the spool of telemetry" or "the home
 * directory of Codex"; no decision grants that.
 * @since 0.1.0
 * @category schemas
 */
export class ResolvedPath extends Schema.Opaque<ResolvedPath>()(
  Schema.Struct({
    given: Schema.String,
    real: Schema.optionalKey(Schema.String),
    throughLink: Schema.Boolean,
    agentWritable: Schema.Boolean,
    hostFiles: Schema.optionalKey(Schema.String)
  })
) {}

/**
 * Where the paths of a request led when it arrived. `cwd` is the real path of the request's own directory, `threadCwd` that
 * of the thread. The runtime adds it before any policy decides, and the hash of the request covers it. A special place of
 * permissions is among the paths, as JSON, only if it has `hostFiles`.
 * @since 0.1.0
 * @category schemas
 */
export class ResolvedPaths extends Schema.Opaque<ResolvedPaths>()(
  Schema.Struct({
    cwd: Schema.optionalKey(Schema.String),
    cwdThroughLink: Schema.Boolean,
    threadCwd: Schema.String,
    paths: Schema.Array(ResolvedPath)
  })
) {}

/**
 * Lasting approvals that Codex offers with the request. An accepting decision grants none of them, unless it names exactly
 * one (`acceptWithAmendment`). The hash of the request covers them.
 */
const amendments = { amendments: Schema.optionalKey(Schema.Array(Amendment)) }

const resolved = { resolved: Schema.optionalKey(ResolvedPaths) }

/**
 * What a command needs besides being run. `as` is the kind of execution if it is a special one: `writeStdin` sends input
 * to a running command, `humanCommand` runs a command for a person. `network` is a host to connect to, `permissions` a
 * wider sandbox.
 * @since 0.1.0
 * @category schemas
 */
export class CommandExtra extends Schema.Opaque<CommandExtra>()(
  Schema.Struct({
    as: Schema.optionalKey(Schema.String),
    network: Schema.optionalKey(Schema.Struct({ host: Schema.String, protocol: Schema.String })),
    permissions: Schema.optionalKey(Permissions)
  })
) {}

/**
 * A command that Codex does not run without approval. `script` is the text inside the shell wrapper of `command`. `argv`
 * is the words of `script` if it is exactly one simple command. `extra` means that the request includes more than running
 * the command; `wants` describes the additions that the library understands.
 * @since 0.1.0
 * @category schemas
 */
export class CommandRequest extends Schema.Opaque<CommandRequest>()(
  Schema.Struct({
    _tag: encodedTag("Command", kinds.Command),
    ...fields,
    command: Schema.String,
    script: Schema.String,
    argv: Schema.optionalKey(Schema.Array(Schema.String)),
    cwd: Schema.String,
    extra: Schema.Boolean,
    wants: Schema.optionalKey(CommandExtra),
    ...amendments,
    ...resolved
  })
) {}

/**
 * A patch outside the sandbox. `extra` means that the request also includes write access to a whole directory, `root`.
 * @since 0.1.0
 * @category schemas
 */
export class FileChangeRequest extends Schema.Opaque<FileChangeRequest>()(
  Schema.Struct({
    _tag: encodedTag("FileChange", kinds.FileChange),
    ...fields,
    changes: Schema.Array(Item.Change),
    cwd: Schema.String,
    extra: Schema.Boolean,
    root: Schema.optionalKey(Schema.String),
    ...resolved
  })
) {}

/**
 * A wider sandbox for the rest of the turn or the session.
 * @since 0.1.0
 * @category schemas
 */
export class PermissionsRequest extends Schema.Opaque<PermissionsRequest>()(
  Schema.Struct({
    _tag: encodedTag("Permissions", kinds.Permissions),
    ...fields,
    permissions: Permissions,
    cwd: Schema.String,
    ...resolved
  })
) {}

/**
 * A call of one of the caller's tools that is marked `needsApproval`.
 * @since 0.1.0
 * @category schemas
 */
export class ToolRequest extends Schema.Opaque<ToolRequest>()(
  Schema.Struct({
    _tag: encodedTag("Tool", kinds.Tool),
    ...fields,
    tool: Schema.String,
    arguments: Schema.Unknown
  })
) {}

/**
 * A call of a tool of an MCP server that is not read-only.
 * @since 0.1.0
 * @category schemas
 */
export class McpToolRequest extends Schema.Opaque<McpToolRequest>()(
  Schema.Struct({
    _tag: encodedTag("McpTool", kinds.McpTool),
    ...fields,
    server: Schema.String,
    tool: Schema.String,
    arguments: Schema.Unknown,
    message: Schema.String,
    ...amendments
  })
) {}

/**
 * An MCP server asks the user to fill in a form (`schema` is a JSON Schema of flat fields) or to open a URL.
 * @since 0.1.0
 * @category schemas
 */
export class ElicitationRequest extends Schema.Opaque<ElicitationRequest>()(
  Schema.Struct({
    _tag: encodedTag("Elicitation", kinds.Elicitation),
    ...fields,
    server: Schema.String,
    message: Schema.String,
    mode: Schema.Literals(["form", "url"]),
    schema: Schema.optionalKey(Schema.Unknown),
    url: Schema.optionalKey(Schema.String)
  })
) {}

/**
 * A question of the agent. Without `options`, or with `other`, any text is a valid answer. The answer to a `secret`
 * question is not echoed.
 * @since 0.1.0
 * @category schemas
 */
export class Question extends Schema.Opaque<Question>()(
  Schema.Struct({
    id: Schema.String,
    header: Schema.String,
    question: Schema.String,
    other: Schema.Boolean,
    secret: Schema.Boolean,
    options: Schema.optionalKey(
      Schema.Array(Schema.Struct({ label: Schema.String, description: Schema.String }))
    )
  })
) {}

/**
 * Questions of the agent to its user.
 * @since 0.1.0
 * @category schemas
 */
export class UserInputRequest extends Schema.Opaque<UserInputRequest>()(
  Schema.Struct({
    _tag: encodedTag("UserInput", kinds.UserInput),
    ...fields,
    questions: Schema.Array(Question)
  })
) {}

/**
 * A request that this version does not know or cannot decode. It is declined without running the policy.
 * @since 0.1.0
 * @category schemas
 */
export class UnknownRequest extends Schema.Opaque<UnknownRequest>()(
  Schema.Struct({
    _tag: encodedTag("Unknown", kinds.Unknown),
    ...fields,
    method: Schema.String,
    payload: Schema.Unknown
  })
) {}

/**
 * What the agent asks permission for, or asks its user.
 * @since 0.1.0
 * @category schemas
 */
export const ApprovalRequest = Schema.Union([
  CommandRequest,
  FileChangeRequest,
  PermissionsRequest,
  ToolRequest,
  McpToolRequest,
  ElicitationRequest,
  UserInputRequest,
  UnknownRequest
]).pipe(Schema.toTaggedUnion("_tag"))
export type ApprovalRequest = typeof ApprovalRequest.Type

/**
 * The kind of a request, as rules and JSON name it.
 * @since 0.1.0
 * @category schemas
 */
export const RequestKind = Schema.Literals(Struct.keys(kinds).map((tag) => kinds[tag]))
export type RequestKind = typeof RequestKind.Type

/**
 * Returns the kind of a request, as rules and JSON name it.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 *
 * const logged: Approval.Policy = (request) =>
 *   Effect.as(Effect.logInfo(`a request of kind ${Approval.requestKind(request)}`), Approval.abstain)
 * ```
 */
export const requestKind = (request: ApprovalRequest): RequestKind => kinds[request._tag]

/**
 * The kind of a request in telemetry. It does not distinguish the two kinds of an MCP server.
 * @since 0.1.0
 * @category models
 */
export type ApprovalKind = Exclude<RequestKind, "mcp_tool" | "elicitation"> | "mcp"

/**
 * Returns the kind of a request in telemetry: the attribute `codex.approval.kind`.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * const isFromMcp = (request: Approval.ApprovalRequest) => Approval.kindOf(request) === "mcp"
 * ```
 */
export const kindOf = (request: ApprovalRequest): ApprovalKind => {
  const kind = requestKind(request)
  return kind === "mcp_tool" || kind === "elicitation" ? "mcp" : kind
}

/** Returns every path that a patch touches. */
export const paths = (request: FileChangeRequest): ReadonlyArray<string> =>
  request.changes.flatMap((change) =>
    change.movePath === undefined ? [change.path] : [change.path, change.movePath]
  )
