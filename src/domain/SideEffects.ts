/**
 * Whether a turn may have changed something. Items say what ran, but Codex reports no item for some calls, for example for
 * a quick command that its sandbox denied in part. Such a call counts unless its tool only reads. Pure.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Item from "./Item.ts"
import type * as Turn from "./Turn.ts"

/** Tools of Codex that change nothing outside the conversation. */
const builtIn: ReadonlySet<string> = new Set([
  "clock__curr_time",
  "clock__sleep",
  "create_goal",
  "curr_time",
  "get_goal",
  "list_agents",
  "list_mcp_resource_templates",
  "list_mcp_resources",
  "read_mcp_resource",
  "request_permissions",
  "request_user_input",
  "sleep",
  "tool_search",
  "update_goal",
  "update_plan",
  "view_image",
  "wait",
  "wait_agent",
  "web_search"
])

/** Calls that may change something and have no item yet, each with the names of the tools whose items it lacks. */
export type CallsWithoutItem = HashMap.HashMap<string, ReadonlyArray<string>>

export interface SideEffects {
  readonly happened: boolean
  readonly calls: CallsWithoutItem
}

export const none: SideEffects = { happened: false, calls: HashMap.empty() }

const onlyReads = (tool: string, readOnly: ReadonlySet<string>): boolean =>
  builtIn.has(tool) || readOnly.has(tool)

/** Whether an item may have changed something: all work that ran, except tools that only read. */
export const ofItem = (item: Item.Item, readOnly: ReadonlySet<string>): boolean =>
  Item.isWork(item) && item.status !== "declined" && !(item._tag === "ToolCall" && readOnly.has(item.tool))

const requested = (
  state: SideEffects,
  { callId, nested, tool }: Extract<Turn.EngineEvent, { readonly _tag: "ToolRequested" }>,
  readOnly: ReadonlySet<string>
): SideEffects => {
  const tools = (nested ?? [tool]).filter((name) => !onlyReads(name, readOnly))
  return tools.length === 0 ? state : { ...state, calls: HashMap.set(state.calls, callId, tools) }
}

/** A script calls the tool of an MCP server, and some of Codex's own, with a prefix. */
const names = (tool: string, name: string): boolean => name === tool || name.endsWith(`__${tool}`)

/** Removes a call that has its item. A call that a script makes has an id of its own, so its tool identifies it. */
const reported = (state: SideEffects, item: Item.Work): SideEffects => {
  if (HashMap.isEmpty(state.calls)) return state
  if (HashMap.has(state.calls, item.id)) return { ...state, calls: HashMap.remove(state.calls, item.id) }
  const tool = Item.toolName(item).replaceAll(/\W/g, "_")
  for (const [callId, tools] of HashMap.entries(state.calls)) {
    const at = tools.findIndex((name) => names(tool, name))
    if (at < 0) continue
    const left = tools.toSpliced(at, 1)
    const calls =
      left.length === 0 ? HashMap.remove(state.calls, callId) : HashMap.set(state.calls, callId, left)
    return { ...state, calls }
  }
  return state
}

/** Folds an event. `readOnly` names the caller's tools that only read. */
export const step = (
  state: SideEffects,
  event: Turn.EngineEvent,
  readOnly: ReadonlySet<string>
): SideEffects => {
  switch (event._tag) {
    case "ToolRequested":
      return state.happened ? state : requested(state, event, readOnly)
    case "ItemStarted":
      return Item.isWork(event.item) ? reported(state, event.item) : state
    case "ItemCompleted":
      if (state.happened) return state
      if (ofItem(event.item, readOnly)) return { ...none, happened: true }
      return HashMap.has(state.calls, event.item.id) && Item.isWork(event.item)
        ? { ...state, calls: HashMap.remove(state.calls, event.item.id) }
        : state
    case "ToolReturned":
      return Option.isNone(HashMap.get(state.calls, event.callId)) ? state : { ...none, happened: true }
    default:
      return state
  }
}

/** Whether the turn may have changed something when it ends. A call that has not returned may have run. */
export const atEnd = ({ calls, happened }: SideEffects): boolean => happened || !HashMap.isEmpty(calls)
