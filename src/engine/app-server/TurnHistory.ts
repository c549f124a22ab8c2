/** Finds a turn in the history of a thread by the id that its client gave to its input. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as Turn from "../../domain/Turn.ts"
import type * as Engine from "../Engine.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import type * as JsonRpcConnection from "./JsonRpcConnection.ts"
import * as Protocol from "./Protocol.ts"
import * as Translate from "./Translate.ts"

const decodeTurns = Schema.decodeUnknownOption(Protocol.TurnList)
const decodeItems = Schema.decodeUnknownOption(Protocol.ItemList)

type StoredTurn = (typeof Protocol.TurnList.Type)["data"][number]
type StoredItem = (typeof Protocol.ItemList.Type)["data"][number]["item"]

type Request<A> = Effect.Effect<A, JsonRpcConnection.RpcRequestError | CodexError.ProtocolError>

/** How many turns or items a page has. */
const pageSize = 100

const unreadable = (method: string) =>
  new CodexError.ProtocolError({ detail: `cannot decode the reply of codex app-server to ${method}` })

/** Requests a page. Fails if the reply is not understood: a turn that is overlooked would be started twice. */
const page = <A>(
  { connection }: Pick<AppServerProcess.Process, "connection">,
  method: string,
  params: Readonly<Record<string, unknown>>,
  decode: (reply: unknown) => Option.Option<A>
): Request<A> =>
  Effect.flatMap(connection.request(method, { ...params, limit: pageSize }), (reply) =>
    Option.match(decode(reply), {
      onNone: () => Effect.fail(unreadable(method)),
      onSome: (decoded) => Effect.succeed(decoded)
    })
  )

/** Codex has no history of a thread before its first input. */
const noHistory = { data: [], nextCursor: undefined }
const isUnused = (error: JsonRpcConnection.RpcRequestError | CodexError.ProtocolError): boolean =>
  error._tag === "RpcError" && /is not materialized yet/.test(error.text)

/** How long to wait before another look at a turn that has just started and whose input is not stored yet. */
const lookAgain = Duration.millis(20)

/**
 * How often to look again at a turn without an input that does not seem to run. Codex reports each turn so at its start, for
 * some 100 ms on a slow machine. If its process died then, it stays so.
 */
const maxLooks = 25

/** Looks for the turn, newest first. A summary has the input of each turn. */
const findStored = (
  process: Pick<AppServerProcess.Process, "connection">,
  threadId: ThreadId,
  clientId: string,
  cursor?: string,
  looks = 0
): Request<StoredTurn | undefined> =>
  Effect.flatMap(
    page(
      process,
      "thread/turns/list",
      { threadId, cursor, sortDirection: "desc", itemsView: "summary" },
      decodeTurns
    ).pipe(Effect.catchIf(isUnused, () => Effect.succeed(noHistory))),
    ({ data, nextCursor }): Request<StoredTurn | undefined> => {
      const [newest] = data
      const mayStart =
        newest?.status === "inProgress" ||
        (newest !== undefined && Translate.lacksEnd(newest) && looks < maxLooks)
      if (mayStart && newest.items.length === 0)
        return Effect.andThen(
          Effect.sleep(lookAgain),
          findStored(process, threadId, clientId, cursor, looks + 1)
        )
      const found = data.find(({ items }) => items.some((item) => item.clientId === clientId))
      if (found !== undefined || typeof nextCursor !== "string") return Effect.succeed(found)
      return findStored(process, threadId, clientId, nextCursor)
    }
  )

const itemsOf = (
  process: Pick<AppServerProcess.Process, "connection">,
  params: { readonly threadId: ThreadId; readonly turnId: string },
  cursor?: string
): Request<ReadonlyArray<StoredItem>> =>
  Effect.flatMap(
    page(process, "thread/items/list", { ...params, cursor, sortDirection: "asc" }, decodeItems),
    ({ data, nextCursor }) => {
      const items = data.map(({ item }) => item)
      return typeof nextCursor === "string"
        ? Effect.map(itemsOf(process, params, nextCursor), (more) => [...items, ...more])
        : Effect.succeed(items)
    }
  )

/** Returns how a stored turn ended. Codex reports a turn whose process died as interrupted, without the time of an end. */
const endOf = (turn: StoredTurn, mask: (text: string) => string): Engine.FoundTurn["end"] => {
  if (turn.status === "inProgress") return undefined
  if (Translate.lacksEnd(turn)) return new CodexError.EngineExited({ stderr: "" })
  return Translate.turnEnd(turn, { at: 0, mask })
}

const eventsOf = (
  threadId: ThreadId,
  turn: StoredTurn,
  items: ReadonlyArray<StoredItem>
): ReadonlyArray<Turn.EngineEvent> => {
  const startedAt = (turn.startedAt ?? 0) * 1000
  let at = startedAt
  const events: Array<Turn.EngineEvent> = [{ _tag: "TurnStarted", threadId, turnId: turn.id, at }]
  for (const wire of items) {
    const item = Translate.item(wire)
    const itemStartedAt = wire.startedAtMs ?? at
    at = Math.max(at, wire.completedAtMs ?? itemStartedAt)
    events.push({ _tag: "ItemStarted", item, at: itemStartedAt }, { _tag: "ItemCompleted", item, at })
  }
  return events
}

/** Finds the turn that the input with a client id started, or `undefined`. */
export const find = (
  process: Pick<AppServerProcess.Process, "connection" | "mask">,
  threadId: ThreadId,
  clientId: string
): Request<Engine.FoundTurn | undefined> => {
  const stored = findStored(process, threadId, clientId)
  // A turn that ended while Codex made the first reply has its end in the second one.
  const settled = Effect.flatMap(stored, (turn) =>
    turn !== undefined && Translate.lacksEnd(turn) ? stored : Effect.succeed(turn)
  )
  return Effect.flatMap(settled, (turn) => {
    if (turn === undefined) return Effect.undefined
    const end = endOf(turn, process.mask)
    // The events of a running turn come from the turn itself.
    const items = end === undefined ? Effect.succeed([]) : itemsOf(process, { threadId, turnId: turn.id })
    return Effect.map(items, (items) => ({
      turnId: turn.id,
      events: eventsOf(threadId, turn, items),
      end,
      endedAt: typeof turn.completedAt === "number" ? turn.completedAt * 1000 : undefined
    }))
  })
}
