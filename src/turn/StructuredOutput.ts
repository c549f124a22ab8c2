/** Structured output: what the model is asked for, and what becomes of what it says. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as OpenAiStructuredOutput from "effect/ai/OpenAiStructuredOutput"
import * as CodexError from "../domain/CodexError.ts"

/** A schema, made ready once. */
export interface StructuredOutput<A> {
  readonly jsonSchema: unknown
  readonly decode: (text: string) => Effect.Effect<A, CodexError.OutputInvalid>
}

/** A turn without an output schema: its last message may be anything. */
export const none: StructuredOutput<undefined> = { jsonSchema: undefined, decode: () => Effect.undefined }

const cache = new WeakMap<object, StructuredOutput<unknown>>()

const direct = <A, E>(schema: Schema.Codec<A, E>): StructuredOutput<A> => {
  const { codec, jsonSchema } = OpenAiStructuredOutput.toCodecOpenAI(schema)
  const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(codec))
  return {
    jsonSchema,
    decode: (text) =>
      Effect.mapError(
        decode(text),
        (error) => new CodexError.OutputInvalid({ output: text, detail: String(error) })
      )
  }
}

// The provider takes nothing but an object for the whole.
const wrapped = <A, E>(schema: Schema.Codec<A, E>): StructuredOutput<A> => {
  const { decode, jsonSchema } = direct(Schema.Struct({ value: schema }))
  return { jsonSchema, decode: (text) => Effect.map(decode(text), ({ value }) => value) }
}

/** What a schema is to the provider; `InvalidRequest` for one that it cannot be told of. */
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
          detail: `the output schema cannot be put as JSON Schema: ${error instanceof Error ? error.message : String(error)}`
        })
    }).pipe(Effect.tap((output) => Effect.sync(() => void cache.set(schema, output))))
  })
