/** Maps the items of Codex's wire format to the domain types. Pure. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { ItemId } from "../../domain/Ids.ts"
import { ThreadId } from "../../domain/Ids.ts"
import type * as Item from "../../domain/Item.ts"
import * as Review from "../../domain/Review.ts"
import * as ProtocolItems from "./ProtocolItems.ts"

/** Returns an object with one field, or an empty object if the value is null or undefined. */
export const optionalField = <K extends string, V>(
  key: K,
  value: V | null | undefined
): { readonly [P in K]?: V } => {
  const out: { [P in K]?: V } = {}
  if (value !== null && value !== undefined) out[key] = value
  return out
}

// Maps instead of objects: Codex chooses the keys, and an object also has inherited ones.
const statuses = new Map<string, Item.Status>([
  ["inProgress", "inProgress"],
  ["completed", "completed"],
  ["failed", "failed"],
  ["declined", "declined"],
  ["interrupted", "interrupted"]
])
const status = (wire: string): Item.Status => statuses.get(wire) ?? "failed"

const operations = new Map<string, Item.FileOperation>([
  ["read", "read"],
  ["listFiles", "list"],
  ["search", "search"]
])
const changeKinds = new Map<string, Item.Change["kind"]>([
  ["add", "add"],
  ["delete", "delete"],
  ["update", "update"]
])

const phases = new Map<string, Item.MessagePhase>([
  ["commentary", "commentary"],
  ["partial_answer", "partial_answer"],
  ["final_answer", "final_answer"]
])
const sources = new Map<string, Item.CommandSource>([
  ["agent", "agent"],
  ["userShell", "userShell"],
  ["unifiedExecStartup", "unifiedExecStartup"],
  ["unifiedExecInteraction", "unifiedExecInteraction"]
])
// The provider names the states of a generation, in more than one spelling.
const generationStatuses = new Map<string, Item.Status>([
  ["inProgress", "inProgress"],
  ["in_progress", "inProgress"],
  ["generating", "inProgress"],
  ["completed", "completed"]
])

/** Looks up a value that Codex may leave out. */
const lookup = <V>(values: ReadonlyMap<string, V>, key: string | null | undefined): V | undefined =>
  key === null || key === undefined ? undefined : values.get(key)

const texts = (content: ReadonlyArray<{ readonly text?: string | null }>): string =>
  content.flatMap((part) => (part.text === undefined || part.text === null ? [] : [part.text])).join("\n")

/** Returns a list, or `undefined` if it is empty. */
const nonEmpty = <A>(list: ReadonlyArray<A>): ReadonlyArray<A> | undefined =>
  list.length === 0 ? undefined : list

const userContent = (part: Wire<"userMessage">["content"][number]): ReadonlyArray<Item.UserContent> => {
  const { fileId, name, path, url } = part
  const source = { ...optionalField("url", url), ...optionalField("fileId", fileId) }
  switch (part.type) {
    case "image":
      return [{ _tag: "Image", ...source }]
    case "audio":
      return [{ _tag: "Audio", ...source }]
    case "localImage":
      return [{ _tag: "LocalImage", path: path ?? "" }]
    case "localAudio":
      return [{ _tag: "LocalAudio", path: path ?? "" }]
    case "skill":
      return [{ _tag: "Skill", name: name ?? "", path: path ?? "" }]
    case "mention":
      return [{ _tag: "Mention", name: name ?? "", path: path ?? "" }]
    default:
      return []
  }
}

interface WireContent {
  readonly text?: string | null | undefined
  readonly image?: string | null | undefined
  readonly audio?: string | null | undefined
}

/** Returns the parts of a tool's result, or `undefined` if all of them are text. */
const toolContent = (parts: ReadonlyArray<WireContent>): ReadonlyArray<Item.ToolContent> | undefined => {
  const content = parts.flatMap(({ audio, image, text }): ReadonlyArray<Item.ToolContent> => {
    if (image !== null && image !== undefined) return [{ _tag: "Image", url: image }]
    if (audio !== null && audio !== undefined) return [{ _tag: "Audio", url: audio }]
    return text === null || text === undefined ? [] : [{ _tag: "Text", text }]
  })
  return content.every(({ _tag }) => _tag === "Text") ? undefined : content
}

const searchAction = (action: NonNullable<Wire<"webSearch">["action"]>): Item.WebSearchAction => {
  const { pattern, queries, query, url } = action
  switch (action.type) {
    case "search":
      return { _tag: "Search", ...optionalField("query", query), ...optionalField("queries", queries) }
    case "openPage":
      return { _tag: "OpenPage", ...optionalField("url", url) }
    case "findInPage":
      return { _tag: "FindInPage", ...optionalField("url", url), ...optionalField("pattern", pattern) }
    default:
      return { _tag: "Other" }
  }
}

type Wire<K extends keyof typeof ProtocolItems.items> = (typeof ProtocolItems.items)[K]["Type"]

const toItem: { readonly [K in keyof typeof ProtocolItems.items]: (wire: Wire<K>) => Item.Item } = {
  userMessage: (wire) => ({
    _tag: "UserMessage",
    id: wire.id,
    text: texts(wire.content),
    ...optionalField("content", nonEmpty(wire.content.flatMap(userContent)))
  }),
  hookPrompt: (wire) => ({ _tag: "HookPrompt", id: wire.id, fragments: wire.fragments }),
  agentMessage: (wire) => ({
    _tag: "AgentMessage",
    id: wire.id,
    text: wire.text,
    ...optionalField("phase", lookup(phases, wire.phase))
  }),
  functionCallOutput: (wire) => {
    const parts = typeof wire.output === "string" ? [{ text: wire.output }] : wire.output
    const content = toolContent(
      typeof wire.output === "string"
        ? []
        : wire.output.map(({ audio_url: audio, image_url: image, text }) => ({ text, image, audio }))
    )
    return {
      _tag: "FunctionCallOutput",
      id: wire.id,
      name: wire.name,
      ...optionalField("namespace", wire.namespace),
      output: texts(parts),
      ...optionalField("content", content)
    }
  },
  reasoning: (wire) => ({ _tag: "Reasoning", id: wire.id, summary: wire.summary, content: wire.content }),
  plan: (wire) => ({ _tag: "Plan", id: wire.id, text: wire.text }),
  commandExecution: (wire) => ({
    _tag: "CommandExecution",
    id: wire.id,
    command: wire.command,
    cwd: wire.cwd,
    status: status(wire.status),
    operations: wire.commandActions.flatMap((action) => operations.get(action.type) ?? []),
    ...optionalField("processId", wire.processId),
    ...optionalField("source", lookup(sources, wire.source)),
    ...optionalField("exitCode", wire.exitCode),
    ...optionalField("output", wire.aggregatedOutput),
    ...optionalField("durationMillis", wire.durationMs)
  }),
  fileChange: (wire) => ({
    _tag: "FileChange",
    id: wire.id,
    status: status(wire.status),
    changes: wire.changes.map((change) => ({
      path: change.path,
      kind: changeKinds.get(change.kind.type) ?? "update",
      diff: change.diff,
      ...optionalField("movePath", change.kind.move_path)
    }))
  }),
  dynamicToolCall: (wire) => ({
    _tag: "ToolCall",
    id: wire.id,
    tool: wire.tool,
    arguments: wire.arguments,
    status: status(wire.status),
    ...optionalField(
      "output",
      wire.contentItems === null || wire.contentItems === undefined ? undefined : texts(wire.contentItems)
    ),
    ...optionalField(
      "content",
      toolContent(
        (wire.contentItems ?? []).map(({ audioUrl: audio, imageUrl: image, text }) => ({
          text,
          image,
          audio
        }))
      )
    ),
    ...optionalField("durationMillis", wire.durationMs)
  }),
  mcpToolCall: (wire) => ({
    _tag: "McpToolCall",
    id: wire.id,
    server: wire.server,
    tool: wire.tool,
    arguments: wire.arguments,
    status: status(wire.status),
    ...optionalField("result", wire.result),
    ...optionalField("error", wire.error?.message),
    ...optionalField("durationMillis", wire.durationMs)
  }),
  collabAgentToolCall: (wire) => ({
    _tag: "AgentCall",
    id: wire.id,
    // The wire's `spawnAgent` is the model's tool `spawn_agent`.
    tool: wire.tool.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    agents: wire.receiverThreadIds,
    status: status(wire.status),
    ...optionalField("prompt", wire.prompt),
    ...optionalField("model", wire.model === "" ? undefined : wire.model),
    ...optionalField("effort", wire.reasoningEffort),
    ...optionalField(
      "states",
      nonEmpty(
        Object.entries(wire.agentsStates ?? {}).map(([agent, { message, status }]) => ({
          agent: ThreadId.make(agent),
          status,
          ...optionalField("message", message)
        }))
      )
    )
  }),
  subAgentActivity: (wire) => ({
    _tag: "AgentActivity",
    id: wire.id,
    activity: wire.kind,
    agent: wire.agentThreadId,
    path: wire.agentPath,
    ...optionalField("model", wire.model),
    ...optionalField("effort", wire.reasoningEffort)
  }),
  webSearch: (wire) => ({
    _tag: "WebSearch",
    id: wire.id,
    query: wire.query,
    ...optionalField(
      "action",
      wire.action === null || wire.action === undefined ? undefined : searchAction(wire.action)
    ),
    ...optionalField("results", wire.results)
  }),
  imageView: (wire) => ({ _tag: "ImageView", id: wire.id, path: wire.path }),
  imageGeneration: (wire) => ({
    _tag: "ImageGeneration",
    id: wire.id,
    status: generationStatuses.get(wire.status) ?? "failed",
    ...optionalField("prompt", wire.revisedPrompt),
    ...optionalField("data", wire.result === "" ? undefined : wire.result),
    ...optionalField("fileId", wire.fileId),
    ...optionalField("path", wire.savedPath),
    ...optionalField("error", wire.failure?.type)
  }),
  sleep: (wire) => ({ _tag: "Sleep", id: wire.id, durationMillis: wire.durationMs }),
  enteredReviewMode: (wire) => ({ _tag: "EnteredReviewMode", id: wire.id, text: wire.review }),
  exitedReviewMode: (wire) => ({
    _tag: "ExitedReviewMode",
    id: wire.id,
    text: wire.review,
    ...optionalField("review", Review.fromText(wire.review))
  }),
  contextCompaction: (wire) => ({ _tag: "ContextCompaction", id: wire.id })
}

const itemDecoders = {
  userMessage: itemDecoder("userMessage"),
  hookPrompt: itemDecoder("hookPrompt"),
  agentMessage: itemDecoder("agentMessage"),
  functionCallOutput: itemDecoder("functionCallOutput"),
  reasoning: itemDecoder("reasoning"),
  plan: itemDecoder("plan"),
  commandExecution: itemDecoder("commandExecution"),
  fileChange: itemDecoder("fileChange"),
  dynamicToolCall: itemDecoder("dynamicToolCall"),
  mcpToolCall: itemDecoder("mcpToolCall"),
  collabAgentToolCall: itemDecoder("collabAgentToolCall"),
  subAgentActivity: itemDecoder("subAgentActivity"),
  webSearch: itemDecoder("webSearch"),
  imageView: itemDecoder("imageView"),
  imageGeneration: itemDecoder("imageGeneration"),
  sleep: itemDecoder("sleep"),
  enteredReviewMode: itemDecoder("enteredReviewMode"),
  exitedReviewMode: itemDecoder("exitedReviewMode"),
  contextCompaction: itemDecoder("contextCompaction")
}

function itemDecoder<K extends keyof typeof ProtocolItems.items>(
  kind: K
): (wire: unknown) => Option.Option<Item.Item> {
  const decode = Schema.decodeUnknownOption<Schema.ConstraintDecoder<unknown> & { readonly Type: Wire<K> }>(
    ProtocolItems.items[kind]
  )
  return (wire) => Option.map(decode(wire), toItem[kind])
}

const isKnownItem = (kind: string): kind is keyof typeof itemDecoders => Object.hasOwn(itemDecoders, kind)

/** Maps an item to its domain type. An item that has an unknown kind or cannot be decoded becomes `Unknown`. */
export const item = (wire: { readonly id: ItemId; readonly type: string }): Item.Item => {
  const known = isKnownItem(wire.type) ? itemDecoders[wire.type](wire) : Option.none()
  return Option.getOrElse(known, (): Item.Item => ({
    _tag: "Unknown",
    id: wire.id,
    kind: wire.type,
    payload: wire
  }))
}
