/** Decodes the requests of Codex to its client and encodes the replies. Pure. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Amendment } from "../../domain/Amendment.ts"
import * as ApprovalDecision from "../../domain/ApprovalDecision.ts"
import type * as ApprovalRequest from "../../domain/ApprovalRequest.ts"
import type * as Permissions from "../../domain/Permissions.ts"
import { ItemId, type ThreadId, type TurnId } from "../../domain/Ids.ts"
import * as ShellCommand from "../../internal/ShellCommand.ts"
import type * as Item from "../../domain/Item.ts"
import * as AmendmentMapping from "./AmendmentMapping.ts"
import * as Protocol from "./Protocol.ts"
import { canonicalJson } from "../../internal/CanonicalJson.ts"
import { optionalField } from "./Translate.ts"

type Method = keyof typeof Protocol.serverRequests
type Params<M extends Method> = (typeof Protocol.serverRequests)[M]["Type"]

/** The state of the turn that a request belongs to. */
export interface RequestContext {
  readonly items: ReadonlyMap<string, Item.Item>
  /** The ids of the MCP tool calls whose approval Codex has requested. */
  readonly askedCalls: ReadonlySet<string>
  readonly cwd: string
  /** An id for a request that has no item id. */
  readonly name: string
}

/** A request of the server. `declineReply` is the reply that declines it; a request without one gets an error. */
export type ServerRequest =
  | {
      readonly _tag: "Approve"
      readonly threadId: ThreadId
      /** `undefined` if Codex does not name a turn: the request then belongs to the running one. */
      readonly turnId: TurnId | undefined
      readonly request: (context: RequestContext) => ApprovalRequest.ApprovalRequest | undefined
      readonly reply: (
        decision: ApprovalDecision.ApprovalDecision,
        request: ApprovalRequest.ApprovalRequest
      ) => unknown
      readonly declineReply: unknown
    }
  | {
      readonly _tag: "Call"
      readonly threadId: ThreadId
      readonly turnId: TurnId
      readonly callId: ItemId
      readonly tool: string
      readonly arguments: unknown
    }
  | {
      readonly _tag: "Unknown"
      readonly threadId: ThreadId | undefined
      readonly turnId: TurnId | undefined
      readonly declineReply: unknown
    }

// Codex grants a command all that its request contains, so an unknown field must not pass unseen.
const decodeAdditions = Schema.decodeUnknownOption(Protocol.requestParts.permissions, {
  onExcessProperty: "error"
})
const decodeNetwork = Schema.decodeUnknownOption(Protocol.requestParts.network)
const decodeToolApproval = Schema.decodeUnknownOption(Protocol.requestParts.toolApproval)
const decodeTurnIds = Schema.decodeUnknownOption(Protocol.TurnIds)
const decodeLegacyThread = Schema.decodeUnknownOption(Protocol.requestParts.legacyThread)

type Profile = typeof Protocol.requestParts.permissions.Type
type WireEntry = NonNullable<NonNullable<Profile["fileSystem"]>["entries"]>[number]
type Entry = Permissions.Permissions["fileSystem"][number]

const toPlace = (wire: WireEntry["path"]): Entry["place"] | undefined => {
  if (wire.type === "path" && wire.path !== undefined) return { _tag: "Path", path: wire.path }
  if (wire.type === "glob_pattern" && wire.pattern !== undefined)
    return { _tag: "Glob", pattern: wire.pattern }
  return wire.type === "special" ? { _tag: "Special", value: wire.value } : undefined
}

const accesses = new Map<string, Entry["access"]>([
  ["read", "read"],
  ["write", "write"],
  ["deny", "deny"]
])

/**
 * Decodes file system permissions. If Codex sends both forms, the list of entries is complete and the two older lists
 * hold only a part. Returns `undefined` if one entry cannot be decoded: the others alone would misstate the request.
 */
const entries = (fileSystem: Profile["fileSystem"]): ReadonlyArray<Entry> | undefined => {
  if (fileSystem === null || fileSystem === undefined) return []
  if (fileSystem.entries === null || fileSystem.entries === undefined) {
    const all = (access: "read" | "write", paths: ReadonlyArray<string>) =>
      paths.map((path): Entry => ({ access, place: { _tag: "Path", path } }))
    return [...all("read", fileSystem.read ?? []), ...all("write", fileSystem.write ?? [])]
  }
  const decoded: Array<Entry> = []
  for (const wire of fileSystem.entries) {
    const access = accesses.get(wire.access)
    const place = toPlace(wire.path)
    if (access === undefined || place === undefined) return undefined
    decoded.push({ access, place })
  }
  return decoded
}

const permissions = (wire: Profile): Permissions.Permissions | undefined => {
  const fileSystem = entries(wire.fileSystem)
  return fileSystem === undefined
    ? undefined
    : {
        network: wire.network?.enabled === true,
        fileSystem,
        ...optionalField("globDepth", wire.fileSystem?.globScanMaxDepth)
      }
}

const encodePlace = (place: Entry["place"]): unknown => {
  switch (place._tag) {
    case "Path":
      return { type: "path", path: place.path }
    case "Glob":
      return { type: "glob_pattern", pattern: place.pattern }
    case "Special":
      return { type: "special", value: place.value }
  }
}

const encodePermissions = ({ fileSystem, globDepth, network }: Permissions.Permissions): unknown => ({
  ...(network ? { network: { enabled: true } } : {}),
  ...(fileSystem.length === 0
    ? {}
    : {
        fileSystem: {
          read: null,
          write: null,
          entries: fileSystem.map((entry) => ({ path: encodePlace(entry.place), access: entry.access })),
          ...(globDepth === undefined ? {} : { globScanMaxDepth: globDepth })
        }
      })
})

/**
 * Returns what a command requests in addition to being run, or `undefined` if it requests nothing more or a part cannot be
 * decoded: the other parts alone would misstate the request.
 */
const extraOf = (
  params: Params<"item/commandExecution/requestApproval">
): ApprovalRequest.CommandExtra | undefined => {
  const { additionalPermissions: wanted = null, kind, networkApprovalContext: host = null } = params
  const as = kind ?? "command"
  const network = host === null ? undefined : Option.getOrUndefined(decodeNetwork(host))
  const profile = wanted === null ? undefined : Option.getOrUndefined(decodeAdditions(wanted))
  const additions = profile === undefined ? undefined : permissions(profile)
  if ((host !== null && network === undefined) || (wanted !== null && additions === undefined))
    return undefined
  const extra = {
    ...(as === "command" ? {} : { as }),
    ...optionalField("network", network),
    ...optionalField("permissions", additions)
  }
  return Object.keys(extra).length === 0 ? undefined : extra
}

/**
 * Encodes a decision about a command or a patch. The protocol has no field for the reason. Codex would accept later patches
 * of the same file for the session, so it never receives that decision: the library remembers exactly what was accepted.
 */
export const decisionReply = (decision: ApprovalDecision.ApprovalDecision): unknown => ({
  decision: ApprovalDecision.isGranted(decision)
    ? (AmendmentMapping.commandDecision(decision) ?? "accept")
    : ApprovalDecision.decisionName(decision)
})
const declineDecision = { decision: "decline" }

const amendmentsField = (amendments: ReadonlyArray<Amendment>) =>
  amendments.length === 0 ? {} : { amendments }

const elicitationReply = (decision: ApprovalDecision.ApprovalDecision, acceptReply: unknown): unknown =>
  decision._tag === "Accept" || decision._tag === "AcceptForSession"
    ? acceptReply
    : { action: ApprovalDecision.decisionName(decision), content: null, _meta: null }
const declineElicitation = { action: "decline", content: null, _meta: null }

/** Returns the calls of an MCP server that are in progress. */
const openCalls = (
  items: RequestContext["items"],
  server: string
): ReadonlyArray<typeof Item.McpToolCall.Type> =>
  [...items.values()].flatMap((item) =>
    item._tag === "McpToolCall" && item.server === server && item.status === "inProgress" ? [item] : []
  )

type Elicitation = Params<"mcpServer/elicitation/request">
type ToolApproval = typeof Protocol.requestParts.toolApproval.Type

/** The server of Codex's own apps. Its questions have other texts, and no other program answers under its name. */
const appsServer = "codex_apps"

/** The question of Codex about a tool of a server. */
const isCodexQuestion = (message: string, server: string, tool: string): boolean =>
  server === appsServer || message === `Allow the ${server} MCP server to run tool "${tool}"?`

/**
 * Returns the call whose approval an elicitation requests, or `undefined` if it is an elicitation of the MCP server itself.
 *
 * Codex marks its requests for approval in `_meta`, but a server can set the same mark on an elicitation of its own, and a
 * rule or a person that accepts the tool would then answer the server's form, URL or question. So the request counts as
 * Codex's only if a call of this tool is in progress, if Codex has not yet asked about this call (Codex asks before the call
 * begins, and the server can only ask afterwards), if there is nothing to fill in, and if the text is Codex's.
 */
const findAskedCall = (
  params: Elicitation,
  tool: ToolApproval,
  { askedCalls, items }: RequestContext
): ItemId | undefined => {
  const { message = "", mode, requestedSchema, serverName: server } = params
  if (mode !== "form" || !isEmptyForm(requestedSchema)) return undefined
  if (!isCodexQuestion(message, server, tool.tool_name)) return undefined
  const calls = openCalls(items, server).filter(
    (call) => call.tool === tool.tool_name && !askedCalls.has(call.id)
  )
  const wanted = canonicalJson(tool.tool_params ?? {})
  return (calls.find((call) => canonicalJson(call.arguments ?? {}) === wanted) ?? calls[0])?.id
}

const decodeForm = Schema.decodeUnknownOption(Protocol.requestParts.form)

const isEmptyForm = (schema: unknown): boolean =>
  schema === null ||
  schema === undefined ||
  Option.exists(
    decodeForm(schema),
    ({ properties, required }) => Object.keys(properties ?? {}).length === 0 && (required ?? []).length === 0
  )

const elicitation = (params: Elicitation): ServerRequest => {
  const { message = "", serverName: server } = params
  const ids = { threadId: params.threadId, turnId: params.turnId ?? undefined }
  const tool = Option.getOrUndefined(decodeToolApproval(params._meta))
  const mode = params.mode === "url" ? "url" : "form"
  if (params.mode !== "url" && params.mode !== "form")
    return { _tag: "Unknown", ...ids, declineReply: declineElicitation }
  return {
    _tag: "Approve",
    ...ids,
    request: (context) => {
      const call = tool === undefined ? undefined : findAskedCall(params, tool, context)
      if (tool !== undefined && call !== undefined)
        return {
          _tag: "McpTool",
          id: context.name,
          itemId: call,
          server,
          tool: tool.tool_name,
          arguments: tool.tool_params ?? {},
          message,
          ...amendmentsField(AmendmentMapping.ofMcpTool(params._meta))
        }
      return {
        _tag: "Elicitation",
        id: context.name,
        itemId: openCalls(context.items, server).at(-1)?.id ?? ItemId.make(context.name),
        server,
        message,
        mode,
        ...(mode === "form"
          ? optionalField("schema", params.requestedSchema)
          : optionalField("url", params.url))
      }
    },
    reply: (decision, request) => {
      // With an acceptance for the session, Codex would also run the tool with other arguments without a request.
      if (request._tag === "McpTool")
        return elicitationReply(decision, {
          action: "accept",
          content: {},
          _meta: AmendmentMapping.mcpToolMeta(decision)
        })
      const given =
        decision._tag === "Accept" || decision._tag === "AcceptForSession" ? decision.given : undefined
      const content = given?._tag === "Content" ? given.content : null
      return elicitationReply(decision, { action: "accept", content, _meta: null })
    },
    declineReply: declineElicitation
  }
}

const decoders: { readonly [M in Method]: (params: Params<M>) => ServerRequest } = {
  "item/commandExecution/requestApproval": (params) => ({
    _tag: "Approve",
    threadId: params.threadId,
    turnId: params.turnId,
    request: ({ cwd }) => {
      const command = params.command ?? ""
      const script = ShellCommand.script(command)
      const argv = ShellCommand.argv(script)
      if (!AmendmentMapping.canAccept(params)) return undefined
      return {
        _tag: "Command",
        id: params.approvalId ?? params.itemId,
        itemId: params.itemId,
        ...optionalField("reason", params.reason),
        command,
        script,
        ...optionalField("argv", argv),
        cwd: params.cwd ?? cwd,
        extra:
          (params.kind ?? "command") !== "command" ||
          (params.networkApprovalContext ?? null) !== null ||
          (params.additionalPermissions ?? null) !== null,
        ...optionalField("wants", extraOf(params)),
        ...amendmentsField(AmendmentMapping.ofCommand(params, argv))
      }
    },
    reply: decisionReply,
    declineReply: declineDecision
  }),
  // The request has no paths: the item that started just before it has them. Without that item the request is declined.
  "item/fileChange/requestApproval": (params) => ({
    _tag: "Approve",
    threadId: params.threadId,
    turnId: params.turnId,
    request: ({ cwd, items }) => {
      const found = items.get(params.itemId)
      return found?._tag !== "FileChange"
        ? undefined
        : {
            _tag: "FileChange",
            id: params.itemId,
            itemId: params.itemId,
            ...optionalField("reason", params.reason),
            changes: found.changes,
            cwd,
            extra: (params.grantRoot ?? null) !== null,
            ...optionalField("root", params.grantRoot)
          }
    },
    reply: decisionReply,
    declineReply: declineDecision
  }),
  "item/permissions/requestApproval": (params) => ({
    _tag: "Approve",
    threadId: params.threadId,
    turnId: params.turnId,
    request: () => {
      const requested = permissions(params.permissions)
      return requested === undefined
        ? undefined
        : {
            _tag: "Permissions",
            id: params.itemId,
            itemId: params.itemId,
            ...optionalField("reason", params.reason),
            permissions: requested,
            cwd: params.cwd
          }
    },
    reply: (decision) =>
      (decision._tag === "Accept" || decision._tag === "AcceptForSession") &&
      decision.given?._tag === "Permissions"
        ? {
            permissions: encodePermissions(decision.given.permissions),
            scope: decision._tag === "Accept" ? "turn" : "session"
          }
        : { permissions: {}, scope: "turn" },
    declineReply: { permissions: {}, scope: "turn" }
  }),
  "item/tool/requestUserInput": (params) => ({
    _tag: "Approve",
    threadId: params.threadId,
    turnId: params.turnId,
    request: () => ({
      _tag: "UserInput",
      id: params.itemId,
      itemId: params.itemId,
      questions: params.questions.map(({ header, id, isOther, isSecret, options, question }) => ({
        id,
        header,
        question,
        other: isOther,
        secret: isSecret,
        ...optionalField("options", options)
      }))
    }),
    reply: (decision) => {
      const given =
        decision._tag === "Accept" || decision._tag === "AcceptForSession" ? decision.given : undefined
      return {
        answers:
          given?._tag === "Answers"
            ? Object.fromEntries(Object.entries(given.answers).map(([id, answers]) => [id, { answers }]))
            : {}
      }
    },
    declineReply: { answers: {} }
  }),
  "mcpServer/elicitation/request": elicitation,
  "item/tool/call": (params) => ({ _tag: "Call", ...params })
}

/** A request with an unknown method or format, with its thread and turn if they can be decoded. */
const unknown = (method: string, params: unknown): ServerRequest => ({
  _tag: "Unknown",
  threadId: Option.getOrUndefined(
    Option.orElse(
      Option.map(decodeTurnIds(params), ({ threadId }) => threadId),
      () => Option.map(decodeLegacyThread(params), ({ conversationId }) => conversationId)
    )
  ),
  turnId: Option.getOrUndefined(decodeTurnIds(params))?.turnId ?? undefined,
  declineReply: Object.hasOwn(Protocol.declineReplies, method) ? Protocol.declineReplies[method] : undefined
})

const decoderFor = <M extends Method>(method: M): ((params: unknown) => ServerRequest) => {
  const decode = Schema.decodeUnknownOption<Schema.ConstraintDecoder<unknown> & { readonly Type: Params<M> }>(
    Protocol.serverRequests[method]
  )
  return (params) =>
    Option.match(decode(params), {
      onNone: () => unknown(method, params),
      onSome: (decoded) => decoders[method](decoded)
    })
}

const requests: { readonly [M in Method]: (params: unknown) => ServerRequest } = {
  "item/commandExecution/requestApproval": decoderFor("item/commandExecution/requestApproval"),
  "item/fileChange/requestApproval": decoderFor("item/fileChange/requestApproval"),
  "item/permissions/requestApproval": decoderFor("item/permissions/requestApproval"),
  "item/tool/requestUserInput": decoderFor("item/tool/requestUserInput"),
  "mcpServer/elicitation/request": decoderFor("mcpServer/elicitation/request"),
  "item/tool/call": decoderFor("item/tool/call")
}

const isKnown = (method: string): method is Method => Object.hasOwn(requests, method)

/** Decodes a request of the server. */
export const read = (method: string, params: unknown): ServerRequest =>
  isKnown(method) ? requests[method](params) : unknown(method, params)
