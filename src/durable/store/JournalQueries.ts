/** Queries of what a turn leaves behind while it runs: tool calls, events, and the rollout of its thread. */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { EventLine } from "../../domain/EventLine.ts"
import type { ThreadId, TurnId } from "../../domain/Ids.ts"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"
import { ChangeFeed } from "./ChangeFeed.ts"
import * as Rows from "./Rows.ts"
import { fromSchema, guard } from "./StorageFailure.ts"
import * as TurnOwner from "./TurnOwner.ts"

/** A tool call that is about to run. */
export type NewToolCall = Pick<Rows.ToolCallRow, "callId" | "key" | "sideEffect" | "tool" | "turnId">

/** An event of a turn. `id` is its identity, if it has one: an event that is observed twice is stored once. */
export interface NewEvent {
  readonly id?: string | undefined
  readonly event: EventLine
}

type Stored<A> = Effect.Effect<A, StorageUnavailable>

/** The journal of tool calls. */
export interface StoredTools {
  /**
   * Writes that a call is about to run. Returns the row of an earlier attempt, if there is one. With `epoch`, writes nothing
   * for a runner that no longer owns the turn, and returns "lost".
   */
  readonly begin: (call: NewToolCall, epoch?: number) => Stored<"new" | "lost" | Rows.ToolCallRow>
  /** Writes the result of a call. Returns false if the call has one already. */
  readonly done: (turnId: TurnId, callId: string, result: unknown) => Stored<boolean>
  readonly get: (turnId: TurnId, callId: string) => Stored<Rows.ToolCallRow | undefined>
  readonly list: (turnKey: string) => Stored<ReadonlyArray<Rows.ToolCallRow>>
}

/** The events of turns. */
export interface StoredEvents {
  /**
   * Adds events in order, in one transaction. An event whose id the turn already has is left out. With `epoch`, nothing is
   * added for a runner that no longer owns the turn.
   */
  readonly append: (key: string, events: ReadonlyArray<NewEvent>, epoch?: number) => Stored<void>
  /** Returns the events after `seq`, 0 for all, at most `limit` of them. Numbers can have gaps. */
  readonly after: (key: string, seq: number, limit?: number) => Stored<ReadonlyArray<Rows.EventRow>>
}

/** The rollout files of threads. */
export interface StoredRollouts {
  /**
   * Adds the bytes of the file from `offset` on. With `owner`, nothing for a runner that no longer owns the turn: the thread
   * may go on in another file.
   */
  readonly append: (
    threadId: ThreadId,
    offset: number,
    bytes: Uint8Array,
    owner?: TurnOwner.TurnOwner
  ) => Stored<void>
  readonly read: (threadId: ThreadId) => Stream.Stream<Uint8Array, StorageUnavailable>
  /** Returns how many bytes of the file are stored. */
  readonly size: (threadId: ThreadId) => Stored<number>
}

const decodeCalls = Rows.decoder("codex_tool_calls", Rows.ToolCallRow)
const decodeEvents = Rows.decoder("codex_events", Rows.EventRow)
const decodeSequence = Rows.decoder("codex_turns", Schema.Struct({ last: Schema.Finite }))
const decodeBytes = Rows.decoder(
  "codex_rollouts",
  Schema.Struct({ at: Schema.Finite, bytes: Schema.instanceOf(Uint8Array) })
)
const encodeEvent = Schema.encodeEffect(Schema.fromJsonString(EventLine))
const encodeResult = Schema.encodeEffect(Schema.fromJsonString(Schema.Unknown))

const makeTools = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const owner = yield* TurnOwner.make
  const now = Clock.currentTimeMillis

  const get = (turnId: TurnId, callId: string) =>
    Effect.map(
      Effect.flatMap(
        sql`select * from codex_tool_calls where turn_id = ${turnId} and call_id = ${callId}`,
        decodeCalls
      ),
      ([row]) => row
    )

  const begin = Effect.fnUntraced(function* (call: NewToolCall, epoch?: number) {
    const at = yield* now
    const holds = ({ key }: NewToolCall) => owner.holds(epoch === undefined ? undefined : { key, epoch })
    let isRepeated = false
    return yield* guard(
      Effect.gen(function* () {
        const wasRepeated = isRepeated
        isRepeated = true
        const rows =
          yield* sql`insert into codex_tool_calls (turn_id, call_id, key, tool, side_effect, state, started_at)
            select ${call.turnId}, ${call.callId}, ${call.key}, ${call.tool}, ${call.sideEffect}, 'intent', ${at}
            where ${holds(call)}
            on conflict (turn_id, call_id) do nothing returning call_id`
        if (rows.length > 0) return "new" as const
        if ((yield* sql`select 1 where ${holds(call)}`).length === 0) return "lost" as const
        const row = yield* get(call.turnId, call.callId)
        // The connection broke after the commit: the intent that is there is this one, and the tool has not run.
        if (wasRepeated && row?.state === "intent" && row.startedAt === at) return "new" as const
        return row ?? (yield* Effect.die(new Error("a tool call was deleted while it began")))
      })
    )
  })

  const done = (turnId: TurnId, callId: string, result: unknown) =>
    guard(
      Effect.gen(function* () {
        const encoded = yield* Effect.mapError(encodeResult(result), fromSchema("codex_tool_calls"))
        const rows =
          yield* sql`update codex_tool_calls set state = 'done', result = ${encoded}, ended_at = ${yield* now}
            where turn_id = ${turnId} and call_id = ${callId} and state = 'intent' returning call_id`
        return rows.length > 0
      })
    )

  return {
    begin,
    done,
    get: (turnId: TurnId, callId: string) => guard(get(turnId, callId)),
    list: (key: string) =>
      guard(
        Effect.flatMap(
          sql`select * from codex_tool_calls where key = ${key} order by started_at, call_id`,
          decodeCalls
        )
      )
  }
})

const makeEvents = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const { notify } = yield* ChangeFeed

  const append = (key: string, events: ReadonlyArray<NewEvent>, epoch?: number) =>
    guard(
      Effect.gen(function* () {
        const encoded = yield* Effect.forEach(events, ({ event, id = null }) =>
          Effect.map(Effect.mapError(encodeEvent(event), fromSchema("codex_events")), (event) => ({
            id,
            event
          }))
        )
        if (!Arr.isReadonlyArrayNonEmpty(encoded)) return
        yield* sql.withTransaction(
          Effect.gen(function* () {
            const owned = epoch === undefined ? sql`true` : sql`epoch = ${epoch}`
            // The counter gives concurrent writers different numbers, and locks the turn on PostgreSQL.
            const [turn] = yield* decodeSequence(
              yield* sql`update codex_turns set event_seq = event_seq + ${encoded.length}
                where key = ${key} and ${owned} returning event_seq as last`
            )
            if (turn === undefined) return
            const first = turn.last - encoded.length + 1
            yield* sql`insert into codex_events ${sql.insert(
              Arr.map(encoded, ({ event, id }, index) => ({ key, seq: first + index, event_id: id, event }))
            )} on conflict (key, event_id) do nothing`
          })
        )
        yield* notify
      })
    )

  const after = (key: string, seq: number, limit = 500) =>
    guard(
      Effect.flatMap(
        sql`select seq, event from codex_events where key = ${key} and seq > ${seq} order by seq limit ${limit}`,
        decodeEvents
      )
    )

  return { append, after }
})

const makeRollouts = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const owners = yield* TurnOwner.make

  const append = (threadId: ThreadId, offset: number, bytes: Uint8Array, owner?: TurnOwner.TurnOwner) =>
    guard(
      Effect.asVoid(
        sql`insert into codex_rollouts (codex_thread_id, from_byte, bytes)
          select ${threadId}, ${offset}, ${bytes} where ${owners.holds(owner)}
          on conflict (codex_thread_id, from_byte) do nothing`
      )
    )

  const size = (threadId: ThreadId) =>
    guard(
      Effect.flatMap(
        sql`select coalesce(max(from_byte + length(bytes)), 0) as n from codex_rollouts
          where codex_thread_id = ${threadId}`,
        Rows.number
      )
    )

  const page = (threadId: ThreadId, from: number) =>
    guard(
      Effect.flatMap(
        sql`select from_byte as at, bytes from codex_rollouts
          where codex_thread_id = ${threadId} and from_byte >= ${from} order by from_byte limit 16`,
        decodeBytes
      )
    )

  const read = (threadId: ThreadId) =>
    Stream.paginate(0, (from) =>
      Effect.map(page(threadId, from), (rows) => {
        const last = rows.at(-1)
        return [
          rows.map(({ bytes }) => bytes),
          last === undefined ? Option.none<number>() : Option.some(last.at + 1)
        ] as const
      })
    )

  return { append, size, read }
})

export const make: Effect.Effect<
  { readonly tools: StoredTools; readonly events: StoredEvents; readonly rollouts: StoredRollouts },
  never,
  SqlClient.SqlClient | ChangeFeed
> = Effect.all({ tools: makeTools, events: makeEvents, rollouts: makeRollouts })
