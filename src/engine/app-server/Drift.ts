/**
 * Whether a Codex still speaks as this library reads and writes: our schemas against the JSON Schema that the Codex
 * itself generates (`codex app-server generate-json-schema --experimental`, the file `codex_app_server_protocol.schemas.json`).
 * Every problem is a text that names the method and the field: `thread/tokenUsage/updated: tokenUsage.last.inputTokens: gone`.
 */
import * as Schema from "effect/Schema"
import * as JsonShape from "./JsonShape.ts"
import * as Protocol from "./Protocol.ts"

/** Which of our schemas reads the answer to which of our requests. */
export const results = {
  initialize: [Protocol.Initialized],
  "thread/start": [Protocol.ThreadOpened],
  "thread/resume": [Protocol.ThreadOpened],
  "thread/fork": [Protocol.ThreadOpened],
  "turn/start": [Protocol.TurnAccepted],
  "thread/read": [Protocol.ThreadRead, Protocol.ThreadHistory],
  "thread/list": [Protocol.ThreadList],
  "model/list": [Protocol.ModelList]
} as const

const ours = (schema: Schema.Top): JsonShape.Shape => {
  const { definitions, schema: own } = Schema.toJsonSchemaDocument(schema)
  return { schema: own, document: { $defs: definitions } }
}

const under = (method: string, problems: ReadonlyArray<string>) =>
  problems.map((problem) => `${method}: ${problem}`)

/** What a Codex says of its protocol. */
export interface Spoken {
  /** What we read and it no longer says, or says otherwise. */
  readonly unread: ReadonlyArray<string>
  /** What does not fit of a request of ours. */
  readonly request: (method: string, params: unknown) => ReadonlyArray<string>
  /** What does not fit of an answer of ours to a request of the server. */
  readonly answer: (method: string, result: unknown) => ReadonlyArray<string>
}

export const make = (document: unknown): Spoken => {
  const definition = (name: string): JsonShape.Shape | undefined => {
    const found = JsonShape.at({ schema: { properties: document }, document }, "definitions")
    const own = found === undefined ? undefined : JsonShape.at({ ...found, schema: { properties: found.schema } }, name)
    return own
  }
  return { unread: [definition.name], request: () => [], answer: () => [] }
}
void under
void ours
