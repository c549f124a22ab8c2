/** The schema of an item in the JSON of events. docs/events.md documents each kind. */
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import { ItemId } from "./Ids.ts"
import * as Item from "./Item.ts"

const { optionalKey } = Schema

/** @internal The fields of a tagged struct, with `type` in place of `_tag`. */
export const typed = <
  const Type extends string,
  Fields extends Schema.Struct.Fields & { readonly _tag: Schema.Top }
>(
  type: Type,
  fields: Fields
) => Schema.Struct({ type: Schema.Literal(type), ...Struct.omit(fields, ["_tag"]) })

const duration = optionalKey(Schema.Finite)
const omittedCharacters = optionalKey(Schema.Natural)

const userContent = Schema.Union([
  typed("image", Item.UserContent.cases.Image.fields),
  typed("local_image", Item.UserContent.cases.LocalImage.fields),
  typed("audio", Item.UserContent.cases.Audio.fields),
  typed("local_audio", Item.UserContent.cases.LocalAudio.fields),
  typed("skill", Item.UserContent.cases.Skill.fields),
  typed("mention", Item.UserContent.cases.Mention.fields)
])

const toolContent = optionalKey(
  Schema.Array(
    Schema.Union([
      typed("text", Item.ToolContent.cases.Text.fields),
      typed("image", Item.ToolContent.cases.Image.fields),
      typed("audio", Item.ToolContent.cases.Audio.fields)
    ])
  )
)

const searchAction = Schema.Union([
  typed("search", Item.WebSearchAction.cases.Search.fields),
  typed("open_page", Item.WebSearchAction.cases.OpenPage.fields),
  typed("find_in_page", Item.WebSearchAction.cases.FindInPage.fields),
  typed("other", Item.WebSearchAction.cases.Other.fields)
])

const itemLine = Schema.Union([
  typed("user_message", {
    ...Item.UserMessage.fields,
    content: optionalKey(Schema.Array(userContent))
  }),
  typed("hook_prompt", Item.HookPrompt.fields),
  typed("agent_message", Item.AgentMessage.fields),
  typed("reasoning", Item.Reasoning.fields),
  typed("plan", Item.Plan.fields),
  Schema.Struct({
    type: Schema.Literal("command_execution"),
    id: ItemId,
    command: Schema.String,
    cwd: Schema.String,
    status: Item.Status,
    operations: Schema.Array(Item.FileOperation),
    processId: optionalKey(Schema.String),
    source: optionalKey(Item.CommandSource),
    exitCode: optionalKey(Schema.Int),
    output: optionalKey(Schema.String),
    duration,
    omittedCharacters
  }),
  typed("file_change", Item.FileChange.fields),
  Schema.Struct({
    type: Schema.Literal("tool_call"),
    id: ItemId,
    tool: Schema.String,
    arguments: Schema.Unknown,
    status: Item.Status,
    output: optionalKey(Schema.String),
    content: toolContent,
    duration,
    omittedCharacters
  }),
  typed("function_call_output", { ...Item.FunctionCallOutput.fields, content: toolContent }),
  Schema.Struct({
    type: Schema.Literal("mcp_tool_call"),
    id: ItemId,
    server: Schema.String,
    tool: Schema.String,
    arguments: Schema.Unknown,
    status: Item.Status,
    result: optionalKey(Schema.Unknown),
    error: optionalKey(Schema.String),
    duration,
    omittedCharacters
  }),
  typed("agent_call", Item.AgentCall.fields),
  typed("agent_activity", Item.AgentActivity.fields),
  typed("web_search", { ...Item.WebSearch.fields, action: optionalKey(searchAction) }),
  typed("image_view", Item.ImageView.fields),
  typed("image_generation", Item.ImageGeneration.fields),
  Schema.Struct({
    type: Schema.Literal("sleep"),
    id: ItemId,
    duration: Schema.Finite,
    omittedCharacters
  }),
  typed("entered_review_mode", Item.EnteredReviewMode.fields),
  typed("exited_review_mode", Item.ExitedReviewMode.fields),
  typed("context_compaction", Item.ContextCompaction.fields),
  typed("unknown", Item.Unknown.fields)
])
type ItemLineUnion = typeof itemLine
/**
 * The type of the schema, by name, so that declarations which contain it stay short.
 * @since 0.1.0
 * @category models
 */
export interface ItemLineSchema extends ItemLineUnion {}

/**
 * An item as JSON: `type` names its kind in snake case.
 * @since 0.1.0
 * @category schemas
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { EventJson } from "effect-codex"
 *
 * const isMessage = (line: unknown) =>
 *   Schema.is(EventJson.ItemLine)(line) && line.type === "agent_message"
 * ```
 */
export const ItemLine: ItemLineSchema = itemLine
export type ItemLine = typeof ItemLine.Type
