/** Structured output: the JSON Schema that the model receives, and the decoder of its answer. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as OpenAiStructuredOutput from "effect/ai/OpenAiStructuredOutput"
import * as CodexError from "../domain/CodexError.ts"
import type * as Review from "../domain/Review.ts"
import type { TurnOptions } from "../domain/TurnOptions.ts"

/** What a turn answers: the agent's message, and the result of a code review. */
export interface Answer {
  readonly message: string
  readonly review: Review.Review | undefined
}

/** The JSON Schema of an output schema, and its decoder. */
export interface StructuredOutput<A> {
  readonly jsonSchema: unknown
  readonly decode: (answer: Answer) => Effect.Effect<A, CodexError.OutputInvalid>
  /** How often the agent may correct an answer that does not match. */
  readonly repairs: number
}

/** The output of a code review. A turn without a review fails: it must not look like a review without findings. */
export const review: StructuredOutput<Review.Review> = {
  jsonSchema: undefined,
  decode: ({ message, review }) =>
    review === undefined
      ? Effect.fail(
          new CodexError.OutputInvalid({ output: message, detail: "the reviewing model gave no review" })
        )
      : Effect.succeed(review),
  repairs: 0
}

/** The structured output of a turn without an output schema: accepts any last message. */
export const none: StructuredOutput<undefined> = {
  jsonSchema: undefined,
  decode: () => Effect.undefined,
  repairs: 0
}

const fence = /^[ \t]*```[ \t]*[A-Za-z0-9]*[ \t]*$/

/**
 * Returns the content of the only Markdown code block of a message, or the message. Models that the provider does not bind
 * to the schema write their JSON in such a block, often with a sentence around it.
 */
export const withoutFence = (message: string): string => {
  if (!message.includes("```")) return message
  const lines = message.split(/\r?\n/)
  const fences = lines.flatMap((line, index) => (fence.test(line) ? [index] : []))
  const [open, close] = fences
  return fences.length === 2 ? lines.slice(Number(open) + 1, close).join("\n") : message
}

const maxDetail = 2_000

/** Returns the request for another answer. Long errors are cut: the first problems are enough for a correction. */
export const repairPrompt = ({ detail }: CodexError.OutputInvalid): string =>
  `Your last message does not match the JSON schema of the answer: ${detail.slice(0, maxDetail)}

Answer again with one JSON value that matches the schema, and with nothing else. Repeat no work.`

const cache = new WeakMap<object, StructuredOutput<unknown>>()

const direct = <A, E>(schema: Schema.Codec<A, E>): StructuredOutput<A> => {
  const { codec, jsonSchema } = OpenAiStructuredOutput.toCodecOpenAI(schema)
  const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(codec))
  return {
    jsonSchema,
    repairs: 0,
    decode: ({ message }) =>
      Effect.mapError(
        decode(withoutFence(message)),
        (error) => new CodexError.OutputInvalid({ output: message, detail: String(error) })
      )
  }
}

// The provider accepts only an object as the top level.
const wrapped = <A, E>(schema: Schema.Codec<A, E>): StructuredOutput<A> => {
  const { decode, ...rest } = direct(Schema.Struct({ value: schema }))
  return { ...rest, decode: (answer) => Effect.map(decode(answer), ({ value }) => value) }
}

const decodeJson = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Unknown))

const fromJsonSchema = (jsonSchema: unknown): StructuredOutput<unknown> => ({
  jsonSchema,
  repairs: 0,
  decode: ({ message }) =>
    Effect.mapError(
      decodeJson(withoutFence(message)),
      (error) => new CodexError.OutputInvalid({ output: message, detail: String(error) })
    )
})

/**
 * Returns the structured output of a schema, computed once per schema. Fails with `InvalidRequest` if the schema has no
 * JSON Schema.
 */
const fromSchema = <A, E>(
  schema: Schema.Codec<A, E>
): Effect.Effect<StructuredOutput<A>, CodexError.InvalidRequest> =>
  Effect.suspend(() => {
    const known = cache.get(schema)
    if (known !== undefined) return Effect.succeed(known as StructuredOutput<A>)
    return Effect.try({
      try: () => {
        try {
          return direct(schema)
        } catch {
          return wrapped(schema)
        }
      },
      catch: (error) =>
        new CodexError.InvalidRequest({
          reason: "BadParams",
          method: "turn/start",
          detail: `the output schema cannot be expressed as JSON Schema: ${error instanceof Error ? error.message : String(error)}`
        })
    }).pipe(Effect.tap((output) => Effect.sync(() => void cache.set(schema, output))))
  })

const badRepair = new CodexError.InvalidRequest({
  reason: "BadParams",
  method: "turn/start",
  detail: "the option repair must be a whole number that is not negative"
})

/** Returns the structured output of the option `output` of a turn. Fails with `InvalidRequest` if the option is invalid. */
export const fromOption = (
  output: TurnOptions["output"]
): Effect.Effect<StructuredOutput<unknown>, CodexError.InvalidRequest> => {
  if (output === undefined) return Effect.succeed(none)
  if (Schema.isSchema(output)) return fromSchema(output)
  const { repair = 0 } = output
  if (!Number.isSafeInteger(repair) || repair < 0) return Effect.fail(badRepair)
  const structured =
    "jsonSchema" in output ? Effect.succeed(fromJsonSchema(output.jsonSchema)) : fromSchema(output.schema)
  return Effect.map(structured, (structured) => ({ ...structured, repairs: repair }))
}
