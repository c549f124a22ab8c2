/** The items that a turn produces: messages, reasoning, commands, file changes, tool calls, plans. */
import * as Schema from "effect/Schema"
import { ItemId } from "./Ids.ts"
import * as Review from "./Review.ts"
import {
  AgentActivity,
  AgentCall,
  CommandExecution,
  FileChange,
  FunctionCallOutput,
  McpToolCall,
  omittedCharacters,
  Status,
  ToolCall
} from "./WorkItems.ts"

export * from "./WorkItems.ts"

/**
 * A part of a user message that is not text. The `url` of an image or a sound may be a `data:` URL; `fileId` names a file
 * that the provider stores.
 * @since 0.1.0
 * @category schemas
 */
export const UserContent = Schema.TaggedUnion({
  Image: { url: Schema.optionalKey(Schema.String), fileId: Schema.optionalKey(Schema.String) },
  LocalImage: { path: Schema.String },
  Audio: { url: Schema.optionalKey(Schema.String), fileId: Schema.optionalKey(Schema.String) },
  LocalAudio: { path: Schema.String },
  Skill: { name: Schema.String, path: Schema.String },
  Mention: { name: Schema.String, path: Schema.String }
})
export type UserContent = typeof UserContent.Type

/**
 * `text` joins the text parts of the message. `content` has its other parts; absent if the message has only text.
 * @since 0.1.0
 * @category schemas
 */
export class UserMessage extends Schema.Opaque<UserMessage>()(
  Schema.TaggedStruct("UserMessage", {
    id: ItemId,
    text: Schema.String,
    content: Schema.optionalKey(Schema.Array(UserContent)),
    omittedCharacters
  })
) {}

/**
 * What a message of the agent is for: a comment on its work, a part of its answer, or its final answer. Providers do not
 * always report it.
 * @since 0.1.0
 * @category schemas
 */
export const MessagePhase = Schema.Literals(["commentary", "partial_answer", "final_answer"])
export type MessagePhase = typeof MessagePhase.Type

/**
 * A message of the agent.
 * @since 0.1.0
 * @category schemas
 */
export class AgentMessage extends Schema.Opaque<AgentMessage>()(
  Schema.TaggedStruct("AgentMessage", {
    id: ItemId,
    text: Schema.String,
    phase: Schema.optionalKey(MessagePhase),
    omittedCharacters
  })
) {}

/**
 * Whether a message may be the answer of its turn: a final answer, or a message whose phase is unknown.
 * @since 0.1.0
 * @category guards
 * @example
 * ```ts
 * import { Item, Turn } from "effect-codex"
 *
 * const answers = (turn: Turn.Turn) =>
 *   turn.items.filter((item) => item._tag === "AgentMessage").filter(Item.isAnswer)
 * ```
 */
export const isAnswer = ({ phase }: AgentMessage): boolean => phase === undefined || phase === "final_answer"

/**
 * A prompt that hooks of Codex's configuration added to the conversation.
 * @since 0.1.0
 * @category schemas
 */
export class HookPrompt extends Schema.Opaque<HookPrompt>()(
  Schema.TaggedStruct("HookPrompt", {
    id: ItemId,
    fragments: Schema.Array(Schema.Struct({ text: Schema.String, hookRunId: Schema.String })),
    omittedCharacters
  })
) {}

/**
 * The model's reasoning. `summary` is what the provider shows of it; only open models have `content`.
 * @since 0.1.0
 * @category schemas
 */
export class Reasoning extends Schema.Opaque<Reasoning>()(
  Schema.TaggedStruct("Reasoning", {
    id: ItemId,
    summary: Schema.Array(Schema.String),
    content: Schema.Array(Schema.String),
    omittedCharacters
  })
) {}

/**
 * A plan that the agent proposes, in Markdown.
 * @since 0.1.0
 * @category schemas
 */
export class Plan extends Schema.Opaque<Plan>()(
  Schema.TaggedStruct("Plan", { id: ItemId, text: Schema.String, omittedCharacters })
) {}

/**
 * What a web search did. `Other` is an action that Codex does not name.
 * @since 0.1.0
 * @category schemas
 */
export const WebSearchAction = Schema.TaggedUnion({
  Search: {
    query: Schema.optionalKey(Schema.String),
    queries: Schema.optionalKey(Schema.Array(Schema.String))
  },
  OpenPage: { url: Schema.optionalKey(Schema.String) },
  FindInPage: { url: Schema.optionalKey(Schema.String), pattern: Schema.optionalKey(Schema.String) },
  Other: {}
})
export type WebSearchAction = typeof WebSearchAction.Type

/**
 * A search that the provider ran inside the model request. `results` are undecoded, in the provider's own form.
 * @since 0.1.0
 * @category schemas
 */
export class WebSearch extends Schema.Opaque<WebSearch>()(
  Schema.TaggedStruct("WebSearch", {
    id: ItemId,
    query: Schema.String,
    action: Schema.optionalKey(WebSearchAction),
    results: Schema.optionalKey(Schema.Array(Schema.Unknown)),
    omittedCharacters
  })
) {}

/**
 * The agent looked at an image file.
 * @since 0.1.0
 * @category schemas
 */
export class ImageView extends Schema.Opaque<ImageView>()(
  Schema.TaggedStruct("ImageView", { id: ItemId, path: Schema.String, omittedCharacters })
) {}

/**
 * An image that the provider generated inside the model request. `data` is the image in Base64, `fileId` its name at the
 * provider, and `path` the file that Codex saved it to.
 * @since 0.1.0
 * @category schemas
 */
export class ImageGeneration extends Schema.Opaque<ImageGeneration>()(
  Schema.TaggedStruct("ImageGeneration", {
    id: ItemId,
    status: Status,
    prompt: Schema.optionalKey(Schema.String),
    data: Schema.optionalKey(Schema.String),
    fileId: Schema.optionalKey(Schema.String),
    path: Schema.optionalKey(Schema.String),
    error: Schema.optionalKey(Schema.String),
    omittedCharacters
  })
) {}

/**
 * The agent waited for a time that it chose.
 * @since 0.1.0
 * @category schemas
 */
export class Sleep extends Schema.Opaque<Sleep>()(
  Schema.TaggedStruct("Sleep", { id: ItemId, durationMillis: Schema.Finite, omittedCharacters }).pipe(
    Schema.encodeKeys({ durationMillis: "duration" })
  )
) {}

/**
 * A code review started. `text` says what Codex reviews.
 * @since 0.1.0
 * @category schemas
 */
export class EnteredReviewMode extends Schema.Opaque<EnteredReviewMode>()(
  Schema.TaggedStruct("EnteredReviewMode", { id: ItemId, text: Schema.String, omittedCharacters })
) {}

/**
 * A code review ended. `text` is the review as Codex shows it, and `review` the same with typed findings; absent if the
 * reviewing model gave no review.
 * @since 0.1.0
 * @category schemas
 */
export class ExitedReviewMode extends Schema.Opaque<ExitedReviewMode>()(
  Schema.TaggedStruct("ExitedReviewMode", {
    id: ItemId,
    text: Schema.String,
    review: Schema.optionalKey(Review.Review),
    omittedCharacters
  })
) {}

/**
 * Codex summarised the conversation to make room in the model's context.
 * @since 0.1.0
 * @category schemas
 */
export class ContextCompaction extends Schema.Opaque<ContextCompaction>()(
  Schema.TaggedStruct("ContextCompaction", { id: ItemId, omittedCharacters })
) {}

/**
 * An item of a kind that this version does not know. Its payload is undecoded.
 * @since 0.1.0
 * @category schemas
 */
export class Unknown extends Schema.Opaque<Unknown>()(
  Schema.TaggedStruct("Unknown", {
    id: ItemId,
    kind: Schema.String,
    payload: Schema.Unknown,
    omittedCharacters
  })
) {}

/**
 * Any item of a turn, told apart by `_tag`.
 * @since 0.1.0
 * @category schemas
 */
export const Item = Schema.Union([
  UserMessage,
  HookPrompt,
  AgentMessage,
  Reasoning,
  Plan,
  CommandExecution,
  FileChange,
  ToolCall,
  FunctionCallOutput,
  McpToolCall,
  AgentCall,
  AgentActivity,
  WebSearch,
  ImageView,
  ImageGeneration,
  Sleep,
  EnteredReviewMode,
  ExitedReviewMode,
  ContextCompaction,
  Unknown
]).pipe(Schema.toTaggedUnion("_tag"))
export type Item = typeof Item.Type

/**
 * An item that runs outside the model: it takes time and may have side effects.
 * @since 0.1.0
 * @category models
 */
export type Work = CommandExecution | FileChange | ToolCall | McpToolCall | AgentCall

/**
 * Whether an item runs outside the model.
 * @since 0.1.0
 * @category guards
 * @example
 * ```ts
 * import { Item, Turn } from "effect-codex"
 *
 * const failedWork = (turn: Turn.Turn) => turn.items.filter(Item.isWork).filter(({ status }) => status === "failed")
 * ```
 */
export const isWork: (item: Item) => item is Work = Item.isAnyOf([
  "CommandExecution",
  "FileChange",
  "ToolCall",
  "McpToolCall",
  "AgentCall"
])

/**
 * Returns the name under which the model calls the tool.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Item, Turn } from "effect-codex"
 *
 * const toolsUsed = (turn: Turn.Turn) => new Set(turn.items.filter(Item.isWork).map(Item.toolName))
 * ```
 */
export const toolName = (item: Work): string => {
  switch (item._tag) {
    case "CommandExecution":
      return "exec_command"
    case "FileChange":
      return "apply_patch"
    case "ToolCall":
    case "McpToolCall":
    case "AgentCall":
      return item.tool
  }
}

/** @internal Marks an item as interrupted if it was in progress when its turn ended. */
export const interrupt = (item: Item): Item =>
  isWork(item) && item.status === "inProgress" ? { ...item, status: "interrupted" } : item
