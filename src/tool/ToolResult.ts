/** The result of a successful tool call as the model receives it: text, images and sounds. */
import * as Result from "effect/Result"
import * as Prompt from "effect/ai/Prompt"
import type * as Tool from "effect/ai/Tool"
import type * as Item from "../domain/Item.ts"
import * as ToolResultText from "./ToolResultText.ts"

/** What the model receives. `content` has the parts in their order; absent if all of them are text. */
export interface ToolResult {
  readonly text: string
  readonly content?: ReadonlyArray<Item.ToolContent>
}

/** The maximum length of the images and sounds of a result, in characters of their URLs. */
const maxMedia = 32 * 1024 * 1024

/** Returns a URL of the data of a file. A string is Base64 unless it is a URL. */
const urlOf = ({ data, mediaType }: Prompt.FilePart): string => {
  if (data instanceof URL) return data.href
  if (typeof data !== "string") return `data:${mediaType};base64,${Buffer.from(data).toString("base64")}`
  return /^(data|https?):/.test(data) ? data : `data:${mediaType};base64,${data}`
}

/** Converts a part. The model receives only the name of a file that is neither an image nor a sound. */
const fromPart = (part: Prompt.ToolModelOutputPart): Item.ToolContent => {
  const kind = part.type === "text" ? undefined : /^(image|audio)\//.exec(part.mediaType)?.[1]
  if (part.type === "text" || kind === undefined)
    return { _tag: "Text", text: Prompt.toolModelOutputToText([part]) }
  const url = urlOf(part)
  if (url.length > maxMedia)
    return { _tag: "Text", text: `[${part.mediaType} omitted: it is larger than ${maxMedia} characters]` }
  return { _tag: kind === "image" ? "Image" : "Audio", url }
}

const textOf = (content: ReadonlyArray<Item.ToolContent>): string =>
  content.flatMap((part) => (part._tag === "Text" ? [part.text] : [])).join("\n")

/** Returns the result of a call. Fails if it cannot be converted to JSON. `toModelOutput` of the tool may give it other parts. */
export const fromHandler = (result: Tool.HandlerResult<Tool.Any>): Result.Result<ToolResult, unknown> => {
  const { encodedResult, modelOutput } = result
  if (modelOutput === undefined)
    return Result.map(ToolResultText.fromValue(encodedResult), (text) => ({ text }))
  return Result.try(() => {
    const content = modelOutput.map(fromPart)
    const text = textOf(content)
    return content.every(({ _tag }) => _tag === "Text") ? { text } : { text, content }
  })
}

/** Cuts the text of a result to `limit` characters, and leaves out images and sounds that together are too large. */
export const truncate = ({ content, text }: ToolResult, limit: number): ToolResult => {
  if (content === undefined) return { text: ToolResultText.truncateMiddle(text, limit) }
  const texts = content.filter(({ _tag }) => _tag === "Text").length
  const isTooLong = text.length > limit
  let media = 0
  const kept = content.map((part): Item.ToolContent => {
    if (part._tag === "Text")
      return isTooLong
        ? { ...part, text: ToolResultText.truncateMiddle(part.text, Math.floor(limit / texts)) }
        : part
    media += part.url.length
    return media <= maxMedia
      ? part
      : { _tag: "Text", text: "[omitted: the result has too many images or sounds]" }
  })
  return { text: textOf(kept), content: kept }
}
