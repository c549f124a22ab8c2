/** What the agent is told when its engine died in the middle of a turn, and the turn continues on a new one. Pure. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as EventJson from "../../domain/EventJson.ts"
import type { DurableInput } from "../DurableInput.ts"

/** Something that the turn began. `ended` is whether its end was seen: without it, it may have run in part. */
export interface Effect {
  readonly what: string
  readonly ended: boolean
}

const maxEffects = 50
const maxText = 300

const shorten = (text: string): string => {
  const line = text.replaceAll(/\s+/g, " ").trim()
  return line.length <= maxText ? line : `${line.slice(0, maxText)}…`
}

const describe = (item: EventJson.ItemLine): string | undefined => {
  switch (item.type) {
    case "command_execution":
      return `command: ${shorten(item.command)}`
    case "file_change":
      return `edit: ${shorten(item.changes.map(({ kind, path }) => `${kind} ${path}`).join(", "))}`
    case "tool_call":
      return `tool: ${item.tool}`
    case "mcp_tool_call":
      return `tool of the MCP server ${item.server}: ${item.tool}`
    case "agent_call":
      return `sub-agent: ${item.tool}`
    default:
      return undefined
  }
}

const decode = Schema.decodeUnknownOption(EventJson.EventLine)

/**
 * Returns the commands, edits and calls that the stored events of a turn show, in order. A declined one did not happen. An
 * event that this version cannot read is left out.
 */
export const effectsOf = (events: ReadonlyArray<unknown>): ReadonlyArray<Effect> => {
  const effects = new Map<string, Effect>()
  for (const event of events) {
    const line = Option.getOrUndefined(decode(event))
    if (line?.type !== "item.started" && line?.type !== "item.completed") continue
    const what = describe(line.item)
    if (what === undefined || !("status" in line.item)) continue
    const { id, status } = line.item
    if (status === "declined") effects.delete(id)
    else effects.set(id, { what, ended: line.type === "item.completed" && status !== "interrupted" })
  }
  return [...effects.values()]
}

/**
 * Returns the message with which a turn continues. It says that the engine died, and lists what the turn may already have
 * done, because the model may not have seen the results.
 */
export const make = (effects: ReadonlyArray<Effect>): string => {
  const opening =
    "The program that ran you stopped in the middle of this task and has been started again. The conversation so far is complete except for what was in progress at that moment."
  if (effects.length === 0)
    return `${opening} No command, edit or tool call is recorded. Continue with the task.`
  const list = effects
    .slice(-maxEffects)
    .map(({ ended, what }) => `- ${what}${ended ? "" : " (its end is unknown; it may have run in part)"}`)
  const omitted = effects.length - list.length
  return [
    `${opening} You had already begun the following. It may have taken effect, even if you see no result of it:`,
    "",
    ...(omitted === 0 ? [] : [`- ${omitted} earlier ones, which are not listed`]),
    ...list,
    "",
    "Look at the current state before you repeat any of it. Then continue with the task."
  ].join("\n")
}

/** Adds the message to the input of the turn, which the history of the thread does not have. */
export const withTask = (input: DurableInput, message: string): DurableInput => {
  const note = { _tag: "Text", text: `${message} The task:` } as const
  return [note, ...(typeof input === "string" ? [{ _tag: "Text", text: input } as const] : input)]
}
