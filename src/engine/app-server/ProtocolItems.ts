/** The wire types of the items of `codex app-server`, as Codex 0.169 generates them. `TranslateItem.ts` maps them to the domain types. */
import * as Schema from "effect/Schema"
import { ItemId, ThreadId } from "../../domain/Ids.ts"

const text = Schema.String
const nullish = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

const Change = Schema.Struct({
  path: text,
  kind: Schema.Struct({ type: text, move_path: nullish(text) }),
  diff: text
})

/** A part of a user message. Its fields depend on its `type`. */
const UserInput = Schema.Struct({
  type: text,
  text: nullish(text),
  url: nullish(text),
  fileId: nullish(text),
  path: nullish(text),
  name: nullish(text)
})

const ToolContent = Schema.Struct({
  type: text,
  text: nullish(text),
  imageUrl: nullish(text),
  audioUrl: nullish(text)
})

/** A part of a tool's output in the form of the Responses API. */
const OutputContent = Schema.Struct({
  type: text,
  text: nullish(text),
  image_url: nullish(text),
  audio_url: nullish(text)
})

const WebSearchAction = Schema.Struct({
  type: text,
  query: nullish(text),
  queries: nullish(Schema.Array(text)),
  url: nullish(text),
  pattern: nullish(text)
})

const id = { id: ItemId }
const status = text

/** The item kinds of Codex. An item of another kind passes through as `Unknown`. */
export const items = {
  userMessage: Schema.Struct({ ...id, content: Schema.Array(UserInput) }),
  hookPrompt: Schema.Struct({
    ...id,
    fragments: Schema.Array(Schema.Struct({ text, hookRunId: text }))
  }),
  agentMessage: Schema.Struct({ ...id, text, phase: nullish(text) }),
  functionCallOutput: Schema.Struct({
    ...id,
    name: text,
    namespace: nullish(text),
    output: Schema.Union([text, Schema.Array(OutputContent)])
  }),
  reasoning: Schema.Struct({ ...id, summary: Schema.Array(text), content: Schema.Array(text) }),
  plan: Schema.Struct({ ...id, text }),
  commandExecution: Schema.Struct({
    ...id,
    command: text,
    cwd: text,
    status,
    commandActions: Schema.Array(Schema.Struct({ type: text })),
    processId: nullish(text),
    source: nullish(text),
    aggregatedOutput: nullish(text),
    exitCode: nullish(Schema.Int),
    durationMs: nullish(Schema.Finite)
  }),
  fileChange: Schema.Struct({ ...id, changes: Schema.Array(Change), status }),
  dynamicToolCall: Schema.Struct({
    ...id,
    tool: text,
    arguments: Schema.Unknown,
    status,
    contentItems: nullish(Schema.Array(ToolContent)),
    success: nullish(Schema.Boolean),
    durationMs: nullish(Schema.Finite)
  }),
  mcpToolCall: Schema.Struct({
    ...id,
    server: text,
    tool: text,
    arguments: Schema.Unknown,
    status,
    result: nullish(Schema.Unknown),
    error: nullish(Schema.Struct({ message: text })),
    durationMs: nullish(Schema.Finite)
  }),
  collabAgentToolCall: Schema.Struct({
    ...id,
    tool: text,
    status,
    receiverThreadIds: Schema.Array(ThreadId),
    prompt: nullish(text),
    model: nullish(text),
    reasoningEffort: nullish(text),
    agentsStates: nullish(Schema.Record(text, Schema.Struct({ status: text, message: nullish(text) })))
  }),
  subAgentActivity: Schema.Struct({
    ...id,
    kind: Schema.Literals(["started", "interacted", "interrupted", "completed"]),
    agentThreadId: ThreadId,
    agentPath: text,
    model: nullish(text),
    reasoningEffort: nullish(text)
  }),
  webSearch: Schema.Struct({
    ...id,
    query: text,
    action: nullish(WebSearchAction),
    results: nullish(Schema.Array(Schema.Unknown))
  }),
  imageView: Schema.Struct({ ...id, path: text }),
  imageGeneration: Schema.Struct({
    ...id,
    status,
    revisedPrompt: nullish(text),
    result: nullish(text),
    fileId: nullish(text),
    savedPath: nullish(text),
    failure: nullish(Schema.Struct({ type: text }))
  }),
  sleep: Schema.Struct({ ...id, durationMs: Schema.Finite }),
  enteredReviewMode: Schema.Struct({ ...id, review: text }),
  exitedReviewMode: Schema.Struct({ ...id, review: text }),
  contextCompaction: Schema.Struct(id)
}
