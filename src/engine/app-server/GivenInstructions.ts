/** Finds the instructions that the model of a stored thread received last, in the file where Codex stores the thread. */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const Content = Schema.Array(Schema.Struct({ type: Schema.String, text: Schema.optionalKey(Schema.String) }))
const Message = Schema.Struct({
  type: Schema.Literal("message"),
  role: Schema.Literal("developer"),
  content: Content
})
const Line = Schema.fromJsonString(
  Schema.Struct({
    type: Schema.String,
    payload: Schema.StructWithRest(
      Schema.Struct({ replacement_history: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Unknown))) }),
      [Schema.Record(Schema.String, Schema.Unknown)]
    )
  })
)
const decodeLine = Schema.decodeUnknownOption(Line)
const decodeMessage = Schema.decodeUnknownOption(Message)

interface Found {
  /** Whether some message of the developer contains the instructions. */
  readonly isGiven: boolean
  /** Whether the last instructions that were added to the conversation are others. */
  readonly isReplaced: boolean
}

const nothing: Found = { isGiven: false, isReplaced: false }

/** Folds a message. Codex's own messages of the developer have several parts, or a part that starts with a tag. */
const addMessage = (found: Found, item: unknown, instructions: string): Found =>
  Option.match(decodeMessage(item), {
    onNone: () => found,
    onSome: ({ content }) => {
      if (content.some(({ text }) => text === instructions)) return { isGiven: true, isReplaced: false }
      const [only, ...others] = content
      const isAdded = others.length === 0 && only?.text !== undefined && !only.text.startsWith("<")
      return isAdded ? { ...found, isReplaced: true } : found
    }
  })

/** Folds a line of the file. Compaction replaces the conversation before it. */
const addLine = (found: Found, text: string, instructions: string): Found => {
  if (!text.includes('"developer"') && !text.includes('"compacted"')) return found
  return Option.match(decodeLine(text), {
    onNone: () => found,
    onSome: ({ payload, type }) => {
      if (type === "response_item") return addMessage(found, payload, instructions)
      return type === "compacted"
        ? (payload.replacement_history ?? []).reduce<Found>(
            (found, item) => addMessage(found, item, instructions),
            nothing
          )
        : found
    }
  })
}

/**
 * Returns whether these are the last instructions in the conversation of a thread. Returns false if the file cannot be read:
 * instructions that the model receives twice do less harm than instructions that it never receives.
 */
export const isLast = (
  fs: FileSystem.FileSystem,
  path: string | null | undefined,
  instructions: string | undefined
): Effect.Effect<boolean> =>
  path === null || path === undefined || instructions === undefined
    ? Effect.succeed(false)
    : fs.stream(path).pipe(
        Stream.decodeText(),
        Stream.splitLines,
        Stream.runFold(
          () => nothing,
          (found, line) => addLine(found, line, instructions)
        ),
        Effect.map(({ isGiven, isReplaced }) => isGiven && !isReplaced),
        Effect.orElseSucceed(() => false)
      )
