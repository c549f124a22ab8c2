/** What the agent asks. */
import * as Schema from "effect/Schema"
import { ItemId } from "./Ids.ts"
import * as Item from "./Item.ts"
import { oneLine } from "../internal/TerminalText.ts"
import { Permissions, type FileSystemPlace } from "./Permissions.ts"

const fields = {
  /** Names this question; one item may ask more than once. */
  id: Schema.String,
  /** The item that asks; a question that belongs to none is named by itself. */
  itemId: ItemId,
  /** Why the agent wants it, in its own words. */
  reason: Schema.optionalKey(Schema.String)
}

/**
 * What a command asks for besides being run: input to one that runs already (`as`: `writeStdin`), a run on a person's
 * behalf (`humanCommand`), a host on the network, a wider sandbox.
 */
export class CommandExtra extends Schema.Opaque<CommandExtra>()(
  Schema.Struct({
    as: Schema.optionalKey(Schema.String),
    network: Schema.optionalKey(Schema.Struct({ host: Schema.String, protocol: Schema.String })),
    permissions: Schema.optionalKey(Permissions)
  })
) {}

/**
 * A command that Codex will not run unasked. `script` is what stands inside the shell wrapper of `command`, `argv` the
 * words of it if it is one simple command and nothing else. `extra` means that more than running the command is asked
 * for; `wants` says what, where it can be told.
 */
export class CommandRequest extends Schema.Opaque<CommandRequest>()(
  Schema.TaggedStruct("command", {
    ...fields,
    command: Schema.String,
    script: Schema.String,
    argv: Schema.optionalKey(Schema.Array(Schema.String)),
    cwd: Schema.String,
    extra: Schema.Boolean,
    wants: Schema.optionalKey(CommandExtra)
  })
) {}

/** A patch that reaches beyond what the sandbox allows. `extra` means that a whole folder, `root`, is asked for besides. */
export class FileChangeRequest extends Schema.Opaque<FileChangeRequest>()(
  Schema.TaggedStruct("file_change", {
    ...fields,
    changes: Schema.Array(Item.Change),
    cwd: Schema.String,
    extra: Schema.Boolean,
    root: Schema.optionalKey(Schema.String)
  })
) {}

/** A wider sandbox for what follows. */
export class PermissionsRequest extends Schema.Opaque<PermissionsRequest>()(
  Schema.TaggedStruct("permissions", {
    ...fields,
    permissions: Permissions,
    cwd: Schema.String
  })
) {}

/** A call of one of the caller's tools that is marked `needsApproval`. */
export class ToolRequest extends Schema.Opaque<ToolRequest>()(
  Schema.TaggedStruct("tool", {
    ...fields,
    tool: Schema.String,
    arguments: Schema.Unknown
  })
) {}

/** A call of a tool of an MCP server that does not only read. */
export class McpToolRequest extends Schema.Opaque<McpToolRequest>()(
  Schema.TaggedStruct("mcp_tool", {
    ...fields,
    server: Schema.String,
    tool: Schema.String,
    arguments: Schema.Unknown,
    message: Schema.String
  })
) {}

/** An MCP server wants a form filled in (`schema` is a JSON Schema of flat fields) or an address opened. */
export class ElicitationRequest extends Schema.Opaque<ElicitationRequest>()(
  Schema.TaggedStruct("elicitation", {
    ...fields,
    server: Schema.String,
    message: Schema.String,
    mode: Schema.Literals(["form", "url"]),
    schema: Schema.optionalKey(Schema.Unknown),
    url: Schema.optionalKey(Schema.String)
  })
) {}

/** A question of the agent's. Without `options`, or with `other`, any text is an answer; a `secret` one is not shown. */
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

export class UserInputRequest extends Schema.Opaque<UserInputRequest>()(
  Schema.TaggedStruct("user_input", {
    ...fields,
    questions: Schema.Array(Question)
  })
) {}

/** Something that this version does not know, or cannot read: answered no before anybody is asked. */
export class UnknownRequest extends Schema.Opaque<UnknownRequest>()(
  Schema.TaggedStruct("unknown", {
    ...fields,
    method: Schema.String,
    payload: Schema.Unknown
  })
) {}

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

/** The kind of a request as telemetry names it. */
export type ApprovalKind =
  | "command"
  | "file_change"
  | "permissions"
  | "tool"
  | "mcp"
  | "user_input"
  | "unknown"

export const kindOf = (request: ApprovalRequest): ApprovalKind =>
  request._tag === "mcp_tool" || request._tag === "elicitation" ? "mcp" : request._tag

/** Every path that a patch touches. */
export const paths = (request: FileChangeRequest): ReadonlyArray<string> =>
  request.changes.flatMap((change) =>
    change.movePath === undefined ? [change.path] : [change.path, change.movePath]
  )

const json = (value: unknown, width: number): string => oneLine(JSON.stringify(value) ?? "", width)

const placeName = (place: FileSystemPlace): string => {
  switch (place._tag) {
    case "path":
      return place.path
    case "glob":
      return place.pattern
    case "special":
      return JSON.stringify(place.value)
  }
}

const permissionWords = (permissions: Permissions): string =>
  oneLine(
    [
      ...(permissions.network ? ["the network"] : []),
      ...permissions.fileSystem.map((entry) =>
        entry.access === "deny"
          ? `not ${placeName(entry.place)}`
          : `to ${entry.access} ${placeName(entry.place)}`
      )
    ].join(", "),
    400
  )

const extraWords = (request: CommandRequest): string => {
  const { as, network, permissions } = request.wants ?? {}
  return [
    ...(as === undefined ? [] : [`as ${oneLine(as, 40)}`]),
    ...(network === undefined
      ? []
      : [`with network access to ${oneLine(`${network.protocol}://${network.host}`, 200)}`]),
    ...(permissions === undefined ? [] : [`with ${permissionWords(permissions)}`])
  ]
    .map((words) => ` ${words}`)
    .join("")
}

/** What is asked, in words for a person. */
export const describe = (request: ApprovalRequest): string => {
  switch (request._tag) {
    case "command":
      return `run ${oneLine(request.script, 400)}${extraWords(request)}`
    case "file_change": {
      const root = request.root === undefined ? "" : ` and all of ${oneLine(request.root, 200)}`
      return `change ${request.changes.length === 0 ? "files" : oneLine(paths(request).join(", "), 400)}${root}`
    }
    case "permissions":
      return `be allowed ${permissionWords(request.permissions) || "nothing"}`
    case "tool":
      return `call ${oneLine(request.tool, 80)} with ${json(request.arguments, 300)}`
    case "mcp_tool":
      return `call ${oneLine(request.tool, 80)} of ${oneLine(request.server, 80)} with ${json(request.arguments, 300)}`
    case "elicitation":
      return `${request.mode === "url" ? `have ${oneLine(request.url ?? "an address", 300)} opened` : "have a form filled in"} for ${oneLine(request.server, 80)}: ${oneLine(request.message, 300)}`
    case "user_input":
      return `be told: ${oneLine(request.questions.map(({ question }) => question).join(" "), 400)}`
    case "unknown":
      return `do what effect-codex does not know: ${oneLine(request.method, 80)}`
  }
}
