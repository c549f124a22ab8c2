/**
 * Checks that Codex's protocol is compatible with this library: compares our schemas with the JSON Schema that Codex
 * generates (`codex app-server generate-json-schema --experimental`, the file `codex_app_server_protocol.schemas.json`).
 * Each problem is a text with the method and the field: `thread/tokenUsage/updated: tokenUsage.last.inputTokens: gone`.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as CachedDirectory from "./cachedDirectory.ts"
import * as JsonShape from "./jsonSchemaCompat.ts"
import * as Real from "./realCodex.ts"
import * as Protocol from "../../src/engine/app-server/Protocol.ts"
import * as ProtocolItems from "../../src/engine/app-server/ProtocolItems.ts"

const schemaFile = "codex_app_server_protocol.schemas.json"

const generate = (directory: string): void => {
  const out = mkdtempSync(join(directory, "all-"))
  const { status, stderr } = spawnSync(
    Real.command,
    [...Real.launcherArgs, "app-server", "generate-json-schema", "--experimental", "--out", out],
    { env: { PATH: process.env["PATH"], HOME: out, CODEX_HOME: out }, encoding: "utf8" }
  )
  if (status !== 0) throw new Error(`codex cannot generate the schema of its protocol: ${stderr}`)
  renameSync(join(out, schemaFile), join(directory, schemaFile))
  rmSync(out, { recursive: true })
}

/**
 * The JSON Schema that the installed Codex generates for its protocol. Codex writes some 500 files for it, which takes
 * seconds on a busy machine, so it generates the schema once.
 */
export const protocolSchema = Effect.sync(() =>
  readFileSync(join(CachedDirectory.findOrBuild("codex-schema", Real.hash(), generate), schemaFile), "utf8")
)

/** The schema that decodes the reply to each of our requests. */
export const results = {
  initialize: [Protocol.Initialized],
  "thread/start": [Protocol.ThreadOpened, Protocol.ThreadSandbox, Protocol.ThreadApprovals],
  "thread/resume": [Protocol.ThreadResumed, Protocol.ThreadSandbox, Protocol.ThreadApprovals],
  "thread/fork": [Protocol.ThreadOpened, Protocol.ThreadSandbox, Protocol.ThreadApprovals],
  "turn/start": [Protocol.TurnAccepted],
  "thread/read": [Protocol.ThreadRead, Protocol.ThreadHistory],
  "thread/turns/list": [Protocol.TurnList],
  "thread/items/list": [Protocol.ItemList],
  "config/read": [Protocol.ConfigRead],
  "thread/list": [Protocol.ThreadList],
  "model/list": [Protocol.ModelList],
  "command/exec": [Protocol.CommandResult],
  "thread/backgroundTerminals/list": [Protocol.TerminalList],
  "thread/backgroundTerminals/terminate": [Protocol.TerminalTerminated]
} as const

/** The schema that decodes each optional part of a server request. */
export const asides = {
  networkApprovalContext: Protocol.requestParts.network,
  additionalPermissions: Protocol.requestParts.permissions
} as const

const ours = (schema: Schema.Top): JsonShape.Shape => {
  const { definitions, schema: own } = Schema.toJsonSchemaDocument(schema)
  return { schema: own, document: { $defs: definitions } }
}

const commandApproval = "item/commandExecution/requestApproval"

/** The compatibility of a Codex with this library. */
export interface Spoken {
  /** What this library reads and Codex no longer writes, or writes differently. */
  readonly incompatibilities: ReadonlyArray<string>
  /** Returns what Codex does not accept in a request of this library. */
  readonly request: (method: string, params: unknown) => ReadonlyArray<string>
  /** Returns what Codex does not accept in a reply to its own request. */
  readonly answer: (method: string, result: unknown) => ReadonlyArray<string>
}

/** Internal notifications that no list of methods contains, such as `rawResponse/completed`, by the name of their type. */
const internal = (method: string): string | undefined =>
  !method.startsWith("raw")
    ? undefined
    : `${method
        .split("/")
        .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
        .join("")}Notification`

/** Reads a parsed schema document. An invalid document yields every problem. */
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
        ...Object.entries({
          ...Protocol.notifications,
          ...Protocol.threadNotifications,
          ...Protocol.commandNotifications
        }).flatMap(([method, schema]) =>
          reads(method, schema, paramsOf(notifications.get(method)) ?? definition(internal(method)))
        ),
        ...Object.entries(ProtocolItems.items).flatMap(([kind, schema]) =>
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
        ...gone(Protocol.ignoredNotifications, notifications)
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
