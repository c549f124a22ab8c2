/** What a scripted model calls besides shells and patches: permissions, and the tools of a small MCP server. */
import { fileURLToPath } from "node:url"
import * as M from "../../src/testing/ModelServer.ts"

const server = fileURLToPath(new URL("./mcpServer.ts", import.meta.url))

/**
 * The configuration of the MCP server `things`. Without `required`, Codex starts a turn without the tools of a server that
 * takes a second to start.
 */
export const things = `
[mcp_servers.things]
command = ${JSON.stringify(process.execPath)}
args = ["--no-warnings", ${JSON.stringify(server)}]
required = true
startup_timeout_sec = 60
`

/** The model calls a tool of the MCP server `things`. */
export const callThings = (name: string, args: object, callId: string = name): M.ModelStep =>
  M.item({
    type: "function_call",
    namespace: "mcp__things",
    name,
    arguments: JSON.stringify(args),
    call_id: callId
  })

/** The configuration that gives the model the tool for permissions. */
export const permissionsTool = "[features]\nrequest_permissions_tool = true\n"

/** The model asks for permissions. */
export const askPermissions = (permissions: object, reason = "I need it"): M.Reply =>
  M.reply(M.call("request_permissions", { reason, permissions }))

/** The model asks to write these paths. */
export const askWrite = (...paths: ReadonlyArray<string>): M.Reply =>
  askPermissions({ file_system: { write: paths } })
