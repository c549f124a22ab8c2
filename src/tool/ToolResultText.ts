/** Formats tool results and failures as text for the model. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AiError from "effect/ai/AiError"
import type * as Tool from "effect/ai/Tool"

/** Formats a value. Fails if it cannot be converted to JSON: a cycle, a bigint, a `toJSON` that throws. */
export const fromValue = (value: unknown): Result.Result<string, unknown> =>
  typeof value === "string"
    ? Result.succeed(value)
    : Result.try(() => (JSON.stringify(value) as string | undefined) ?? "null")

/** Formats a failure: the tool's own failure as its schema encodes it, an `AiError` by its message. */
export const fromFailure = (tool: Tool.Any, failure: unknown): Effect.Effect<string> => {
  const fallback = `The tool ${tool.name} failed.`
  if (AiError.isAiError(failure)) return Effect.succeed(failure.message)
  return Schema.encodeUnknownEffect(Schema.toCodecJson(tool.failureSchema))(failure).pipe(
    Effect.map((encoded) => Result.getOrElse(fromValue(encoded), () => fallback)),
    Effect.orElseSucceed(() => fallback)
  ) as Effect.Effect<string>
}

const isHighSurrogate = (code: number) => code >= 0xd800 && code <= 0xdbff
const isLowSurrogate = (code: number) => code >= 0xdc00 && code <= 0xdfff

/** Keeps the beginning and the end of a text, at most `limit` characters, with a note about the omitted middle. */
export const truncateMiddle = (text: string, limit: number): string => {
  if (text.length <= limit) return text
  const tail = Math.floor(limit / 4)
  let head = limit - tail
  let from = text.length - tail
  // Do not split a surrogate pair.
  if (head > 0 && isHighSurrogate(text.charCodeAt(head - 1))) head--
  if (from < text.length && isLowSurrogate(text.charCodeAt(from))) from++
  const note = `\n[${from - head} of ${text.length} characters are omitted here; request less at a time]\n`
  return text.slice(0, head) + note + text.slice(from)
}
