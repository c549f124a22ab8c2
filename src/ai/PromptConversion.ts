/** Converts a prompt to what Codex receives: instructions, the items of the history, and the input of a turn. */
import * as Arr from "effect/Array"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as AiError from "effect/ai/AiError"
import type * as Prompt from "effect/ai/Prompt"
import { createHash } from "node:crypto"
import type * as TurnOptions from "../domain/TurnOptions.ts"
import * as ToolResultText from "../tool/ToolResultText.ts"

/** An item of a conversation, in the format of OpenAI's Responses API. */
export type HistoryItem = Schema.JsonObject

export interface ConvertedPrompt {
  /** The system messages at the start. */
  readonly instructions: string | undefined
  /** Everything between the instructions and the input. */
  readonly history: ReadonlyArray<HistoryItem>
  /** The user messages at the end. Empty if the prompt ends with another message: Codex then continues. */
  readonly input: ReadonlyArray<TurnOptions.InputPart>
  /** The results of tools after the last message of the assistant, by the ids of their calls. */
  readonly results: ReadonlyMap<string, Prompt.ToolResultPart>
  /** Whether only results, and then user messages, follow the last message of the assistant. */
  readonly isFollowUp: boolean
}

type Converted<A> = Result.Result<A, AiError.InvalidUserInputError>

const unsupported = (description: string): Converted<never> =>
  Result.fail(new AiError.InvalidUserInputError({ description }))

/** Returns a URL of the data of a file. A string is Base64 unless it is a URL. */
const urlOf = ({ data, mediaType }: Prompt.FilePart): string => {
  if (data instanceof URL) return data.href
  if (typeof data !== "string") return `data:${mediaType};base64,${Buffer.from(data).toString("base64")}`
  return /^(data|https?):/i.test(data) ? data : `data:${mediaType};base64,${data}`
}

const imageDetail = (part: Prompt.FilePart): TurnOptions.ImageDetail | undefined =>
  part.options.codex?.imageDetail ?? undefined

const fromFile = (part: Prompt.FilePart): Converted<TurnOptions.InputPart> => {
  const { mediaType } = part
  const url = urlOf(part)
  if (!/^(data|https?):/i.test(url))
    return unsupported(`Codex takes the data of a file, or a URL with the scheme http, https or data`)
  const detail = imageDetail(part)
  if (mediaType.startsWith("image/"))
    return Result.succeed({ _tag: "Image", url, ...(detail === undefined ? {} : { detail }) })
  if (mediaType.startsWith("audio/")) return Result.succeed({ _tag: "Audio", url })
  return unsupported(
    `Codex takes images and sounds in a prompt, not "${mediaType}"; put the text of the file into the prompt, or a file into the directory "cwd" of the model`
  )
}

/** Returns the parts of a user message as the input of a turn. */
const toInput = (message: Prompt.UserMessage): Converted<ReadonlyArray<TurnOptions.InputPart>> =>
  Result.all(
    message.content.map((part) =>
      part.type === "text" ? Result.succeed({ _tag: "Text", text: part.text } as const) : fromFile(part)
    )
  )

const toContent = (part: TurnOptions.InputPart): HistoryItem => {
  switch (part._tag) {
    case "Image":
      return {
        type: "input_image",
        image_url: part.url,
        ...(part.detail === undefined ? {} : { detail: part.detail })
      }
    case "Audio":
      return { type: "input_audio", audio_url: part.url }
    default:
      return { type: "input_text", text: "text" in part ? part.text : "" }
  }
}

const message = (role: "user" | "developer" | "assistant", content: ReadonlyArray<HistoryItem>) => ({
  type: "message",
  role,
  content
})

/** A message in the name of the developer, which models follow before those of the user. */
export const developerMessage = (text: string): HistoryItem =>
  message("developer", [{ type: "input_text", text }])

/** The API accepts at most 64 letters, digits, `_` and `-` as the id of a call. Other providers have longer ids. */
const callId = (id: string): string =>
  /^[\w-]{1,64}$/.test(id) ? id : `call_${createHash("sha256").update(id).digest("hex").slice(0, 40)}`

/** The same for the name of a tool that another provider ran. */
const toolName = (name: string): string => name.replaceAll(/[^\w-]/g, "_").slice(0, 64)

const json = (value: unknown): string => Result.getOrElse(ToolResultText.fromValue(value), () => "null")

const argumentsOf = (params: unknown): string => {
  const text = json(params)
  // The arguments of a call are an object. A string that is one has not been parsed.
  return typeof params === "string" ? (text.startsWith("{") ? text : JSON.stringify({ value: text })) : text
}

const functionCall = ({ id, name, params }: Prompt.ToolCallPart): HistoryItem => ({
  type: "function_call",
  name: toolName(name),
  arguments: argumentsOf(params),
  call_id: callId(id)
})

const functionOutput = ({ id, modelOutput, result }: Prompt.ToolResultPart): HistoryItem => ({
  type: "function_call_output",
  call_id: callId(id),
  output:
    modelOutput === undefined
      ? json(result)
      : modelOutput.map((part) => {
          if (part.type === "text") return { type: "input_text", text: part.text }
          return part.mediaType.startsWith("image/")
            ? { type: "input_image", image_url: urlOf(part) }
            : { type: "input_text", text: `[a file of the type ${part.mediaType}]` }
        })
})

/** Reasoning is left out: without the encrypted form of its provider, no model accepts it. */
const fromAssistant = ({ content }: Prompt.AssistantMessage): ReadonlyArray<HistoryItem> =>
  content.flatMap((part): ReadonlyArray<HistoryItem> => {
    switch (part.type) {
      case "text":
        return part.text === "" ? [] : [message("assistant", [{ type: "output_text", text: part.text }])]
      case "file":
        return [
          message("assistant", [{ type: "output_text", text: `[a file of the type ${part.mediaType}]` }])
        ]
      case "tool-call":
        return [functionCall(part)]
      case "tool-result":
        return [functionOutput(part)]
      case "reasoning":
      case "tool-approval-request":
        return []
    }
  })

const resultsOf = (message: Prompt.Message): ReadonlyArray<Prompt.ToolResultPart> =>
  message.role === "tool" ? message.content.filter((part) => part.type === "tool-result") : []

const fromMessage = (each: Prompt.Message): Converted<ReadonlyArray<HistoryItem>> => {
  switch (each.role) {
    case "system":
      return Result.succeed([developerMessage(each.content)])
    case "user":
      return Result.map(toInput(each), (parts) => [message("user", parts.map(toContent))])
    case "assistant":
      return Result.succeed(fromAssistant(each))
    case "tool":
      return Result.succeed(resultsOf(each).map(functionOutput))
  }
}

const isSystem = (message: Prompt.Message): message is Prompt.SystemMessage => message.role === "system"
const isUser = (message: Prompt.Message): message is Prompt.UserMessage => message.role === "user"

/** Converts a prompt. Fails for content that Codex cannot take, and for a prompt without content. */
export const convert = ({ content }: Prompt.Prompt): Converted<ConvertedPrompt> => {
  const system = Arr.takeWhile(content, isSystem)
  const others = content.slice(system.length)
  const lastAssistant = others.findLastIndex(({ role }) => role === "assistant")
  const trailing = others.slice(lastAssistant + 1)
  const inputStart = others.findLastIndex((message) => !isUser(message)) + 1
  const input = others.slice(inputStart).filter(isUser)
  if (others.length === 0) return unsupported("the prompt has no message of the user")
  return Result.map(
    Result.all({
      history: Result.all(others.slice(0, inputStart).map(fromMessage)),
      input: Result.all(input.map(toInput))
    }),
    ({ history, input }) => ({
      instructions: system.length === 0 ? undefined : system.map(({ content }) => content).join("\n\n"),
      history: history.flat(),
      input: input.flat(),
      results: new Map(trailing.flatMap(resultsOf).map((part) => [part.id, part])),
      isFollowUp:
        lastAssistant >= 0 && /^(tool,)+(user,)*$/.test(trailing.map(({ role }) => `${role},`).join(""))
    })
  )
}
