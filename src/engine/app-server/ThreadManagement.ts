/** Requests that list and change Codex's stored threads, and that list its models. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as ThreadInfo from "../../domain/ThreadInfo.ts"
import type * as Engine from "../Engine.ts"
import * as Protocol from "./Protocol.ts"
import * as Translate from "./Translate.ts"

/** Sends a request to the current process, or to a new one if it has died. */
export type SendRequest = (method: string, params: unknown) => Effect.Effect<unknown, CodexError.StartError>

export type ThreadManagement = Pick<
  Engine.Engine["Service"],
  | "listThreads"
  | "readThread"
  | "renameThread"
  | "archiveThread"
  | "unarchiveThread"
  | "deleteThread"
  | "listModels"
>

const decodeThreadList = Schema.decodeUnknownOption(Protocol.ThreadList)
const decodeHistory = Schema.decodeUnknownOption(Protocol.ThreadHistory)
const decodeModelList = Schema.decodeUnknownOption(Protocol.ModelList)

const unreadable = (method: string) =>
  new CodexError.ProtocolError({ detail: `cannot decode the reply of codex app-server to ${method}` })

/** Without an explicit list, Codex omits threads that other programs started. */
const allSources = [
  "cli",
  "vscode",
  "exec",
  "appServer",
  "subAgent",
  "subAgentReview",
  "subAgentCompact",
  "subAgentThreadSpawn",
  "subAgentOther",
  "unknown"
]
const appServerSources = ["appServer", "vscode", "unknown"]

export const make = (request: SendRequest): ThreadManagement => {
  const query = <A>(method: string, params: unknown, decode: (result: unknown) => Option.Option<A>) =>
    Effect.flatMap(request(method, params), (result) =>
      Option.match(decode(result), {
        onNone: () => Effect.fail(unreadable(method)),
        onSome: (answer) => Effect.succeed(answer)
      })
    )
  const command = (method: string) => (threadId: ThreadId) => Effect.asVoid(request(method, { threadId }))

  return {
    listThreads: (filter, cursor) =>
      query(
        "thread/list",
        {
          cursor: cursor ?? null,
          archived: filter.archived ?? false,
          cwd: filter.cwd ?? null,
          searchTerm: filter.search ?? null,
          sortKey: filter.sort === "updated" ? "updated_at" : "created_at",
          sourceKinds: filter.everywhere === true ? allSources : appServerSources
        },
        decodeThreadList
      ).pipe(Effect.map(({ data, nextCursor }) => ({ data: data.map(info), next: nextCursor ?? undefined }))),
    readThread: (threadId) =>
      query("thread/read", { threadId, includeTurns: true }, decodeHistory).pipe(
        Effect.map(({ thread }) => ({ ...info(thread), turns: thread.turns.map(pastTurn) }))
      ),
    renameThread: (threadId, name) => Effect.asVoid(request("thread/name/set", { threadId, name })),
    archiveThread: command("thread/archive"),
    unarchiveThread: command("thread/unarchive"),
    deleteThread: command("thread/delete"),
    listModels: (cursor) =>
      query("model/list", { cursor: cursor ?? null }, decodeModelList).pipe(
        Effect.map(({ data, nextCursor }) => ({ data: data.map(model), next: nextCursor ?? undefined }))
      )
  }
}

type WireThread = (typeof Protocol.ThreadList.Type)["data"][number]
type WireTurn = (typeof Protocol.ThreadHistory.Type)["thread"]["turns"][number]
type WireModel = (typeof Protocol.ModelList.Type)["data"][number]

const info = (wire: WireThread): ThreadInfo.ThreadInfo => ({
  id: wire.id,
  ...Translate.optionalField("name", wire.name),
  preview: wire.preview,
  cwd: wire.cwd,
  ...Translate.optionalField("provider", wire.modelProvider),
  createdAt: wire.createdAt * 1000,
  updatedAt: wire.updatedAt * 1000,
  ...Translate.optionalField("forkedFrom", wire.forkedFromId),
  ...Translate.optionalField("parent", wire.parentThreadId),
  ephemeral: wire.ephemeral
})

const statuses = new Map<string, ThreadInfo.PastTurn["status"]>([
  ["completed", "completed"],
  ["interrupted", "interrupted"],
  ["inProgress", "inProgress"]
])

const pastTurn = (wire: WireTurn): ThreadInfo.PastTurn => ({
  id: wire.id,
  status: statuses.get(wire.status) ?? "failed",
  items: wire.items.map(Translate.item),
  ...Translate.optionalField("error", wire.error?.message),
  ...Translate.optionalField(
    "startedAt",
    typeof wire.startedAt === "number" ? wire.startedAt * 1000 : undefined
  ),
  ...Translate.optionalField("durationMillis", wire.durationMs)
})

const model = (wire: WireModel): ThreadInfo.Model => ({
  id: wire.model,
  name: wire.displayName,
  description: wire.description,
  isDefault: wire.isDefault,
  efforts: wire.supportedReasoningEfforts.map(({ reasoningEffort }) => reasoningEffort),
  ...Translate.optionalField("defaultEffort", wire.defaultReasoningEffort),
  inputs: wire.inputModalities ?? ["text"]
})
