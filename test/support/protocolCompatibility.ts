/**
 * Whether a Codex still speaks as this library reads and writes: our schemas against the JSON Schema that the Codex
 * itself generates (`codex app-server generate-json-schema --experimental`, the file `codex_app_server_protocol.schemas.json`).
 * Every problem is a text that names the method and the field: `thread/tokenUsage/updated: tokenUsage.last.inputTokens: gone`.
 */
import * as Schema from "effect/Schema"
import * as JsonShape from "./jsonSchemaCompat.ts"
import * as Protocol from "../../src/engine/app-server/Protocol.ts"

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

/** Which of our schemas reads which part of a request of the server, where that request has it. */
export const asides = {
  networkApprovalContext: Protocol.requestParts.network,
  additionalPermissions: Protocol.requestParts.permissions
} as const

const ours = (schema: Schema.Top): JsonShape.Shape => {
  const { definitions, schema: own } = Schema.toJsonSchemaDocument(schema)
  return { schema: own, document: { $defs: definitions } }
}

const commandApproval = "item/commandExecution/requestApproval"

/** What a Codex says of its protocol. */
export interface Spoken {
  /** What is read here and it no longer says, or says otherwise. */
  readonly incompatibilities: ReadonlyArray<string>
  /** What it does not take of a request of ours. */
  readonly request: (method: string, params: unknown) => ReadonlyArray<string>
  /** What it does not take of our answer to a request of its own. */
  readonly answer: (method: string, result: unknown) => ReadonlyArray<string>
}

/** Notifications that Codex keeps to itself are in no list of methods: `rawResponse/completed`, by the name of its type. */
const internal = (method: string): string | undefined =>
  !method.startsWith("raw")
    ? undefined
    : `${method
        .split("/")
        .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
        .join("")}Notification`

/** Reads such a document, parsed. One that is nothing of the kind has every problem that there is. */
export const make = (document: unknown): Spoken => {
  const definition = (name: string | undefined): JsonShape.Shape | undefined => {
    if (name === undefined) return undefined
    const found = [`#/definitions/v2/${name}`, `#/definitions/${name}`].find((reference) =>
      JsonShape.exists(document, reference)
    )
    return found === undefined ? undefined : { schema: { $ref: found }, document }
  }
  const messages = (name: string) => {
    const all = definition(name)
    return all === undefined ? new Map<string, JsonShape.Shape>() : JsonShape.variants(all, "method")
  }
  const paramsOf = (message: JsonShape.Shape | undefined) =>
    message === undefined ? undefined : JsonShape.at(message, "params")
  const answerTo = (message: JsonShape.Shape | undefined) => {
    const params = paramsOf(message)
    const name = params === undefined ? undefined : JsonShape.referred(params)
    return name === undefined ? undefined : definition(name.replace(/Params$/, "Response"))
  }
  const notifications = messages("ServerNotification")
  const requests = messages("ClientRequest")
  const questions = messages("ServerRequest")
  const threadItem = definition("ThreadItem")
  const items =
    threadItem === undefined ? new Map<string, JsonShape.Shape>() : JsonShape.variants(threadItem, "type")

  const under = (method: string, problems: ReadonlyArray<string>) =>
    problems.map((problem) => `${method}: ${problem}`)
  const reads = (method: string, schema: Schema.Top, writer: JsonShape.Shape | undefined) =>
    under(method, writer === undefined ? ["gone"] : JsonShape.incompatibilities(ours(schema), writer))
  const gone = (methods: Iterable<string>, known: ReadonlyMap<string, unknown>) =>
    [...methods].filter((method) => !known.has(method)).map((method) => `${method}: gone`)

  return {
    incompatibilities: [
      ...new Set([
        ...Object.entries(Protocol.notifications).flatMap(([method, schema]) =>
          reads(method, schema, paramsOf(notifications.get(method)) ?? definition(internal(method)))
        ),
        ...Object.entries(Protocol.items).flatMap(([kind, schema]) =>
          reads(`item ${kind}`, schema, items.get(kind))
        ),
        ...Object.entries(Protocol.serverRequests).flatMap(([method, schema]) =>
          reads(method, schema, paramsOf(questions.get(method)))
        ),
        ...Object.entries(asides).flatMap(([name, schema]) => {
          const command = paramsOf(questions.get(commandApproval))
          const aside = command === undefined ? undefined : JsonShape.at(command, name)
          return aside === undefined
            ? [`${commandApproval}: ${name}: gone`]
            : under(commandApproval, JsonShape.incompatibilities(ours(Schema.NullOr(schema)), aside, name))
        }),
        ...Object.entries(results).flatMap(([method, schemas]) =>
          schemas.flatMap((schema) => reads(`answer to ${method}`, schema, answerTo(requests.get(method))))
        ),
        ...gone(Object.keys(Protocol.declineReplies), questions),
        ...gone(Protocol.optedOutNotifications, notifications)
      ])
    ],
    request: (method, params) => {
      const known = requests.get(method)
      const reader = paramsOf(known)
      if (known === undefined) return [`${method}: gone`]
      return reader === undefined ? [] : under(method, JsonShape.validate(params, reader))
    },
    answer: (method, result) => {
      const reader = answerTo(questions.get(method))
      return under(
        `answer to ${method}`,
        reader === undefined ? ["gone"] : JsonShape.validate(result, reader)
      )
    }
  }
}
