/** Structured output: the JSON Schema that the model receives, and the decoder of its answer. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as OpenAiStructuredOutput from "effect/ai/OpenAiStructuredOutput"
import * as CodexError from "../domain/CodexError.ts"
import type * as Review from "../domain/Review.ts"

/** What a turn answers: the agent's message, and the result of a code review. */
export interface Answer {
  readonly message: string
  readonly review: Review.Review | undefined
}

/** The JSON Schema of an output schema, and its decoder. */
export interface StructuredOutput<A> {
  readonly jsonSchema: unknown
  readonly decode: (answer: Answer) => Effect.Effect<A, CodexError.OutputInvalid>
}

/** The output of a code review. A turn without a review fails: it must not look like a review without findings. */
export const review: StructuredOutput<Review.Review> = {
  jsonSchema: undefined,
  decode: ({ message, review }) =>
    review === undefined
      ? Effect.fail(
          new CodexError.OutputInvalid({ output: message, detail: "the reviewing model gave no review" })
        )
      : Effect.succeed(review)
}

/** The structured output of a turn without an output schema: accepts any last message. */
export const none: StructuredOutput<undefined> = { jsonSchema: undefined, decode: () => Effect.undefined }

const cache = new WeakMap<object, StructuredOutput<unknown>>()

const direct = <A, E>(schema: Schema.Codec<A, E>): StructuredOutput<A> => {
  const { codec, jsonSchema } = OpenAiStructuredOutput.toCodecOpenAI(schema)
  const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(codec))
  return {
    jsonSchema,
    decode: ({ message }) =>
      Effect.mapError(
        decode(message),
        (error) => new CodexError.OutputInvalid({ output: message, detail: String(error) })
      )
  }
}

// The provider accepts only an object as the top level.
const wrapped = <A, E>(schema: Schema.Codec<A, E>): StructuredOutput<A> => {
  const { decode, jsonSchema } = direct(Schema.Struct({ value: schema }))
  return { jsonSchema, decode: (answer) => Effect.map(decode(answer), ({ value }) => value) }
}

/**
 * Returns the structured output of a schema, computed once per schema. Fails with `InvalidRequest` if the schema has no
 * JSON Schema.
 */
export const fromSchema = <A, E>(
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
