/** Random events of a turn: in any order, with repeated and re-used ids, and with times that may run backwards. */
import * as Schema from "effect/Schema"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type * as Item from "../../src/domain/Item.ts"
import * as Turn from "../../src/domain/Turn.ts"

/** Returns the item of a command. */
export const command = (id: string, status: Item.Status): Item.CommandExecution => ({
  _tag: "CommandExecution",
  id: ItemId.make(id),
  command: "ls",
  cwd: "/",
  status,
  operations: []
})

const workKinds = ["command", "patch", "tool", "mcp", "agent"] as const
const itemKinds = [...workKinds, "message", "reasoning", "user", "compaction", "unknown"] as const
type WorkKind = (typeof workKinds)[number]
type ItemKind = (typeof itemKinds)[number]

/** Schemas of random events, about items of these kinds. The fewer kinds, the more events are about the same item. */
const schemaOf = (kinds: {
  readonly items: ReadonlyArray<ItemKind>
  readonly work: ReadonlyArray<WorkKind>
}) => {
  const common = {
    name: Schema.Literals(["a", "b"]),
    passes: Schema.Int.check(Schema.isBetween({ minimum: -500, maximum: 5_000 }))
  }
  return Schema.Union([
    Schema.Struct({
      ...common,
      what: Schema.Literals(["ItemStarted", "ItemCompleted"]),
      kind: Schema.Literals(kinds.items),
      status: Schema.Literals(["completed", "failed", "declined", "interrupted"]),
      /** -1: the item has none. */
      exitCode: Schema.Literals([-1, 0, 1])
    }),
    Schema.Struct({
      ...common,
      what: Schema.Literals(["ToolRequested", "ToolReturned", "ApprovalRequested", "ApprovalDecided"]),
      kind: Schema.Literals(kinds.work)
    }),
    Schema.Struct({
      ...common,
      what: Schema.Literals([
        "TurnStarted",
        "MessageDelta",
        "ReasoningDelta",
        "OutputDelta",
        "ToolProgress",
        "ModelResponded",
        "Retrying",
        "UsageUpdated",
        "DiffUpdated",
        "Unknown"
      ])
    })
  ])
}

const any = schemaOf({ items: itemKinds, work: workKinds })
export type Happening = typeof any.Type

const listOf = <S extends Schema.Constraint>(schema: S) => Schema.Array(schema).check(Schema.isMaxLength(80))

/** Events of all kinds. */
export const Happenings = listOf(any)
/** Events that are mostly about the same two commands. */
export const CommandHappenings = listOf(schemaOf({ items: ["command"], work: ["command"] }))

const usage: Turn.Usage = { ...Turn.noUsage, input: 5, cachedInput: 2, output: 1 }

/** An id names items of one kind only, as Codex's ids do. */
const idOf = (kind: string, name: string) => ItemId.make(`${kind}-${name}`)

const itemOf = (
  happening: Extract<Happening, { readonly what: "ItemStarted" | "ItemCompleted" }>
): Item.Item => {
  const { exitCode, kind, name } = happening
  const id = idOf(kind, name)
  const done = happening.what === "ItemCompleted"
  const status = done ? happening.status : "inProgress"
  switch (kind) {
    case "command":
      return {
        _tag: "CommandExecution",
        id,
        command: "rg secret",
        cwd: "/",
        status,
        operations: ["search", "search"],
        ...(exitCode < 0 ? {} : { exitCode })
      }
    case "patch":
      return {
        _tag: "FileChange",
        id,
        changes: [{ path: "/a", kind: "add", diff: "one\ntwo\n" }],
        status
      }
    case "tool":
      return { _tag: "ToolCall", id, tool: name === "a" ? "read" : "write", arguments: {}, status }
    case "mcp":
      return { _tag: "McpToolCall", id, server: "tracker", tool: "find", arguments: {}, status }
    case "agent":
      return { _tag: "AgentCall", id, tool: "spawn_agent", agents: [ThreadId.make(name)], status }
    case "message":
      return { _tag: "AgentMessage", id, text: done ? name : "" }
    case "reasoning":
      return { _tag: "Reasoning", id, summary: [], content: [] }
    case "user":
      return { _tag: "UserMessage", id, text: name }
    case "compaction":
      return { _tag: "ContextCompaction", id }
    case "unknown":
      return { _tag: "Unknown", id, kind: "new", payload: {} }
  }
}

export const eventOf = (happening: Happening, at: number): Turn.EngineEvent => {
  const { name, what } = happening
  switch (what) {
    case "ItemStarted":
    case "ItemCompleted":
      return { _tag: what, item: itemOf(happening), at }
    case "ToolRequested":
      return { _tag: what, callId: idOf(happening.kind, name), tool: `requested_${happening.kind}`, at }
    case "ToolReturned":
      return { _tag: what, callId: idOf(happening.kind, name), at }
    case "ApprovalRequested": {
      const itemId = idOf(happening.kind, name)
      return {
        _tag: what,
        request: { _tag: "Tool", id: name, itemId, tool: "x", arguments: {} },
        at
      }
    }
    case "ApprovalDecided":
      return {
        _tag: what,
        requestId: name,
        itemId: idOf(happening.kind, name),
        decision: { _tag: "Accept" },
        source: "policy",
        at
      }
    case "TurnStarted":
      return { _tag: what, threadId: ThreadId.make("t"), turnId: TurnId.make(name), at }
    case "MessageDelta":
      return { _tag: what, itemId: idOf("message", name), delta: name, at }
    case "ReasoningDelta":
      return { _tag: what, itemId: idOf("reasoning", name), delta: name, at }
    case "OutputDelta":
      return { _tag: what, itemId: idOf("command", name), delta: name, at }
    case "ToolProgress":
      return { _tag: what, callId: idOf("tool", name), tool: "read", text: name, at }
    case "ModelResponded":
      return { _tag: what, responseId: name, ...(name === "a" ? {} : { usage }), at }
    case "Retrying":
      return { _tag: what, errorType: "TurnFailed.Overloaded", ...(name === "a" ? {} : { status: 503 }), at }
    case "UsageUpdated":
      return { _tag: what, usage: name === "a" ? usage : { ...usage, cacheWrite: 1 }, at }
    case "DiffUpdated":
      return { _tag: what, diff: `+${name}\n`, at }
    case "Unknown":
      return { _tag: what, method: "new", payload: {}, at }
  }
}
