/** Finds the messages of the protocol in the types of the generator: which methods exist, and their types. */
import type { Declaration } from "./CodexFiles.ts"
import { type Field, type TypeNode, unionMembers } from "./TypeText.ts"

export interface Message {
  readonly method: string
  /** `undefined` for a message without parameters. */
  readonly params: TypeNode | undefined
}

export interface RequestMessage extends Message {
  /** The path of the type of the reply. */
  readonly result: string
}

export interface Messages {
  readonly clientRequests: ReadonlyArray<RequestMessage>
  readonly serverRequests: ReadonlyArray<RequestMessage>
  readonly notifications: ReadonlyArray<Message>
}

/**
 * The types of the replies to requests whose parameters have another name, or that have none. The generator does not say
 * which reply belongs to which request; the names agree otherwise.
 */
const otherResults: Readonly<Record<string, string>> = {
  "account/gatewayOAuth/cancel": "GatewayOAuthCancelResponse",
  "account/gatewayOAuth/login": "GatewayOAuthLoginResponse",
  "account/gatewayOAuth/read": "GatewayOAuthReadResponse",
  "account/logout": "LogoutAccountResponse",
  "account/rateLimits/read": "GetAccountRateLimitsResponse",
  "account/securitySetup/read": "GetAccountSecuritySetupResponse",
  "account/usage/read": "GetAccountTokenUsageResponse",
  "account/workspaceMessages/read": "GetWorkspaceMessagesResponse",
  "accountSession/list": "AccountSessionsResponse",
  "config/batchWrite": "ConfigWriteResponse",
  "config/mcpServer/reload": "McpServerRefreshResponse",
  "config/value/write": "ConfigWriteResponse",
  "configRequirements/read": "ConfigRequirementsReadResponse",
  "externalAgentConfig/import/readHistories": "ExternalAgentConfigImportHistoriesReadResponse",
  "memory/reset": "MemoryResetResponse",
  "remoteControl/disable": "RemoteControlDisableResponse",
  "remoteControl/enable": "RemoteControlEnableResponse",
  "remoteControl/status/read": "RemoteControlStatusReadResponse",
  "rollout/compress": "RolloutCompressResponse",
  "windowsSandbox/readiness": "WindowsSandboxReadinessResponse"
}

const field = (node: TypeNode, name: string): Field | undefined =>
  node.kind === "object" ? node.fields.find((field) => field.name === name) : undefined

const isAbsent = (node: TypeNode) => node.kind === "name" && node.name === "undefined"

/** Returns the declaration of a message list and its messages. */
const readList = (declarations: ReadonlyMap<string, Declaration>, path: string) => {
  const list = declarations.get(path)
  if (list === undefined) throw new Error(`Codex has no ${path}`)
  const messages = unionMembers(list.type).map((message) => {
    const method = field(message, "method")?.type
    const params = field(message, "params")
    if (method?.kind !== "literal") throw new Error(`a message of ${path} has no method`)
    const present = params !== undefined && !isAbsent(params.type)
    return { method: String(JSON.parse(method.text)), params: present ? params.type : undefined }
  })
  return { list, messages }
}

/** Finds all messages. Throws if the type of a reply is not known, or if no request has a type of a reply. */
export const find = (declarations: ReadonlyMap<string, Declaration>): Messages => {
  const unused = new Set(
    [...declarations.keys()].filter((path) => path.endsWith("Response")).map((path) => path.split("/").at(-1))
  )
  const requests = (path: string): ReadonlyArray<RequestMessage> => {
    const { list, messages } = readList(declarations, path)
    return messages.map(({ method, params }) => {
      const [named] = params === undefined ? [] : unionMembers(params)
      const paramsPath = named?.kind === "name" ? list.imports.get(named.name) : undefined
      const name =
        otherResults[method] ??
        paramsPath
          ?.split("/")
          .at(-1)
          ?.replace(/Params$/, "Response")
      const result = [`v2/${name}`, `${name}`].find((path) => declarations.has(path))
      if (name === undefined || result === undefined)
        throw new Error(`no type is known for the reply to ${method}: add it to otherResults`)
      unused.delete(name)
      return { method, params, result }
    })
  }
  const found = {
    clientRequests: requests("ClientRequest"),
    serverRequests: requests("ServerRequest"),
    notifications: readList(declarations, "ServerNotification").messages
  }
  if (unused.size > 0) throw new Error(`no request has a reply of the type ${[...unused].join(", ")}`)
  return found
}

/** Returns the methods of all messages. */
export const findMethods = (declarations: ReadonlyMap<string, Declaration>): ReadonlySet<string> =>
  new Set(
    ["ClientRequest", "ServerRequest", "ServerNotification"].flatMap((path) =>
      readList(declarations, path).messages.map(({ method }) => method)
    )
  )
