/** The model requests of Codex, decoded for tests. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Http from "node:http"

/**
 * A request for a model response. `at` is in milliseconds since the epoch.
 * @since 0.1.0
 * @category models
 */
export interface RecordedRequest {
  readonly index: number
  readonly at: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Schema.JsonObject
  /** The Codex thread of the request. */
  readonly threadId: string | undefined
  readonly traceparent: string | undefined
  /** The last user message, or an empty text. */
  readonly lastUserText: string
  /** The outputs of all tool calls in the request, oldest first. */
  readonly toolOutputs: ReadonlyArray<ToolOutput>
}

export interface ToolOutput {
  readonly callId: string
  readonly output: string
}

export const decodeBody = Schema.decodeOption(Schema.fromJsonString(Schema.JsonObject))

const Content = Schema.Union([
  Schema.String,
  Schema.Array(Schema.Struct({ text: Schema.optionalKey(Schema.String) }))
])
const asUserMessage = Schema.decodeUnknownOption(
  Schema.Struct({ type: Schema.Literal("message"), role: Schema.Literal("user"), content: Content })
)
const asToolOutput = Schema.decodeUnknownOption(
  Schema.Struct({
    type: Schema.Literals(["function_call_output", "custom_tool_call_output"]),
    call_id: Schema.String,
    output: Content
  })
)

const plainText = (content: typeof Content.Type) =>
  typeof content === "string" ? content : content.map((part) => part.text ?? "").join("")

/** Decodes a request. */
export const make = (
  index: number,
  at: number,
  headers: Http.IncomingHttpHeaders,
  body: Schema.JsonObject
): RecordedRequest => {
  const flat = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : (value ?? "")
    ])
  )
  const input: ReadonlyArray<Schema.Json> = Array.isArray(body["input"]) ? body["input"] : []
  const lastUserMessage = input.findLast((item) => Option.isSome(asUserMessage(item)))
  return {
    index,
    at,
    headers: flat,
    body,
    threadId: flat["thread-id"],
    traceparent: flat["traceparent"],
    lastUserText: Option.match(asUserMessage(lastUserMessage), {
      onNone: () => "",
      onSome: (message) => plainText(message.content)
    }),
    toolOutputs: input.flatMap((item) =>
      Option.match(asToolOutput(item), {
        onNone: () => [],
        onSome: (output) => [{ callId: output.call_id, output: plainText(output.output) }]
      })
    )
  }
}
