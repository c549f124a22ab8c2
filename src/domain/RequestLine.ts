/** The schema of an approval request in the JSON of events and of the HTTP API. */
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import * as ApprovalRequest from "./ApprovalRequest.ts"
import { Permissions } from "./Permissions.ts"

const { optionalKey } = Schema

/** The fields of a tagged struct as JSON has them: with `kind` in place of `_tag`, and otherwise not encoded. */
const kind = <
  const Kind extends ApprovalRequest.RequestKind,
  Fields extends Schema.Struct.Fields & { readonly _tag: Schema.Top }
>(
  kind: Kind,
  fields: Fields
) => Schema.Struct({ kind: Schema.Literal(kind), ...Struct.omit(fields, ["_tag"]) })

/** Lists of lasting approvals are not encoded in the JSON of events. */
const amendments = Schema.toType(ApprovalRequest.CommandRequest.fields.amendments)

const permissions = Schema.toEncoded(Permissions)

const requestLine = Schema.Union([
  kind("command", {
    ...ApprovalRequest.CommandRequest.fields,
    amendments,
    wants: optionalKey(
      Schema.Struct({
        ...ApprovalRequest.CommandExtra.fields,
        permissions: optionalKey(permissions)
      })
    )
  }),
  kind("file_change", ApprovalRequest.FileChangeRequest.fields),
  kind("permissions", { ...ApprovalRequest.PermissionsRequest.fields, permissions }),
  kind("tool", ApprovalRequest.ToolRequest.fields),
  kind("mcp_tool", { ...ApprovalRequest.McpToolRequest.fields, amendments }),
  kind("elicitation", ApprovalRequest.ElicitationRequest.fields),
  kind("user_input", ApprovalRequest.UserInputRequest.fields),
  kind("unknown", ApprovalRequest.UnknownRequest.fields)
])
type RequestLineUnion = typeof requestLine
/**
 * The type of the schema, by name, so that declarations which contain it stay short.
 * @since 0.1.0
 * @category models
 */
export interface RequestLineSchema extends RequestLineUnion {}

/**
 * An approval request as JSON: `kind` names what the agent asks for.
 * @since 0.1.0
 * @category schemas
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { EventJson } from "effect-codex"
 *
 * const decodeRequest = Schema.decodeUnknownEffect(EventJson.RequestLine)
 * ```
 */
export const RequestLine: RequestLineSchema = requestLine
export type RequestLine = typeof RequestLine.Type
