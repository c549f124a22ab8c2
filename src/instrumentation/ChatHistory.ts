/** The messages of a turn so far, in the format of the GenAI convention: the input of the next model request. */
import * as ShellCommand from "../internal/ShellCommand.ts"
import * as Item from "../domain/Item.ts"
import type * as ContentCapture from "./ContentCapture.ts"
import { safeToolName } from "../semconv/Convention.ts"

type Part = { readonly type: string } & Readonly<Record<string, unknown>>

interface Message {
  readonly role: string
  readonly parts: ReadonlyArray<Part>
}

// Every request of the turn carries the whole history, so it is limited to this many characters.
const maxCharacters = 65_536

export interface History {
  readonly addOutput: (part: Part) => void
  readonly addWork: (item: Item.Work) => void
  /** Returns `undefined` if no captured kind of content has produced a message. */
  readonly messages: () => ReadonlyArray<Message> | undefined
}

/** Returns the arguments and the result of a tool, as far as the captured kinds include them. */
const exchangeOf = (
  item: Item.Work,
  kinds: ContentCapture.Kinds
): readonly [given: unknown, back: unknown] => {
  switch (item._tag) {
    case "CommandExecution":
      return [
        kinds.commands ? { command: ShellCommand.script(item.command) } : undefined,
        kinds.toolResults ? item.output : undefined
      ]
    case "FileChange":
      return [
        kinds.diffs
          ? item.changes.map(({ diff, kind, path }) => ({ kind, diff, ...(kinds.paths ? { path } : {}) }))
          : undefined,
        undefined
      ]
    case "ToolCall":
      return [kinds.toolArguments ? item.arguments : undefined, kinds.toolResults ? item.output : undefined]
    case "AgentCall":
      return [kinds.toolArguments ? item.prompt : undefined, undefined]
    case "McpToolCall":
      return [
        kinds.toolArguments ? item.arguments : undefined,
        kinds.toolResults ? (item.error ?? item.result) : undefined
      ]
  }
}

export const make = (kinds: ContentCapture.Kinds, input: ReadonlyArray<Message> | undefined): History => {
  const messages: Array<Message> = [...(input ?? [])]
  let length = 0

  const add = (role: string, part: Part) => {
    length += JSON.stringify(part)?.length ?? 0
    if (length > maxCharacters) return
    const last = messages.at(-1)
    if (last?.role === role) messages[messages.length - 1] = { role, parts: [...last.parts, part] }
    else messages.push({ role, parts: [part] })
  }

  return {
    addOutput: (part) => add("assistant", part),
    addWork: (item) => {
      const [input, output] = exchangeOf(item, kinds)
      const { id } = item
      const name = safeToolName(Item.toolName(item))
      if (input !== undefined) add("assistant", { type: "tool_call", id, name, arguments: input })
      if (output !== undefined) add("tool", { type: "tool_call_response", id, response: output })
    },
    messages: () => (messages.length === 0 ? undefined : messages)
  }
}
