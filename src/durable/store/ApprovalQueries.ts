/** Queries of approvals and questions. A decision is written once, whoever is first. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import { ApprovalDecision } from "../../domain/ApprovalDecision.ts"
import { ApprovalRequest } from "../../domain/ApprovalRequest.ts"
import { ChangeFeed } from "./ChangeFeed.ts"
import * as Rows from "./Rows.ts"
import { fromSchema, guard } from "./StorageFailure.ts"

/** A request that waits for a decision. The same id is the same request, whichever process asks. */
export type AskedApproval = Omit<
  Rows.ApprovalRow,
  "askedAt" | "decision" | "decidedBy" | "decidedAt" | "endedAt"
>

/** A filter of approvals. An approval must match all fields that are given. The oldest approval comes first. */
export interface ApprovalFilter {
  readonly key?: string | undefined
  readonly threadId?: string | undefined
  /** Whether to list only approvals that wait for a decision: not decided, not expired, and their turn has not ended. */
  readonly pending?: boolean | undefined
  /** Default: 100. */
  readonly limit?: number | undefined
}

/** `already`: another decision came first. `ended`: the request expired, or its turn ended. */
export type Decided = "accepted" | "already" | "ended" | "missing"

const decodeRows = Rows.decoder("codex_approvals", Rows.ApprovalRow)
const decodeIds = Rows.decoder("codex_approvals", Schema.Struct({ id: Schema.String }))
const encodeRequest = Schema.encodeEffect(Schema.fromJsonString(ApprovalRequest))
const encodeDecision = Schema.encodeEffect(Schema.fromJsonString(ApprovalDecision))
const invalid = Effect.mapError(fromSchema("codex_approvals"))

export const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const { notify } = yield* ChangeFeed
  const now = Clock.currentTimeMillis

  const find = (id: string) =>
    Effect.map(
      Effect.flatMap(sql`select * from codex_approvals where id = ${id}`, decodeRows),
      ([row]) => row
    )

  const ask = (asked: AskedApproval) =>
    guard(
      Effect.gen(function* () {
        const at = yield* now
        const request = yield* invalid(encodeRequest(asked.request))
        const inserted = yield* decodeRows(
          yield* sql`insert into codex_approvals
            (id, key, thread_id, turn_id, item_id, hash, request, shown, asked_at, expires_at)
            values (${asked.id}, ${asked.key}, ${asked.threadId}, ${asked.turnId}, ${asked.itemId}, ${asked.hash},
              ${request}, ${asked.shown}, ${at}, ${asked.expiresAt})
            on conflict (id) do update set ended_at = null
              where codex_approvals.decision is null and codex_approvals.ended_at is not null
                and exists (select 1 from codex_turns
                  where codex_turns.key = codex_approvals.key and codex_turns.ended_at is null)
            returning *`
        )
        // The request is new, or waits again: a runner withdrew it because it lost the engine or the database.
        if (inserted[0] !== undefined) {
          yield* notify
          return inserted[0]
        }
        const found = yield* find(asked.id)
        return found ?? (yield* Effect.die(new Error("an approval was deleted while it was asked")))
      })
    )

  const decide = Effect.fnUntraced(function* (id: string, decision: ApprovalDecision, by: string) {
    const at = yield* now
    let isRepeated = false
    return yield* guard(
      Effect.gen(function* (): Effect.fn.Return<Decided, Effect.Error<ReturnType<typeof find>>> {
        const encoded = yield* invalid(encodeDecision(decision))
        const wasRepeated = isRepeated
        isRepeated = true
        const rows = yield* sql`update codex_approvals
          set decision = ${encoded}, decided_by = ${by}, decided_at = ${at}
          where id = ${id} and decision is null and ended_at is null and (expires_at is null or expires_at > ${at})
          returning id`
        if (rows.length > 0) {
          yield* notify
          return "accepted"
        }
        const row = yield* find(id)
        if (row === undefined) return "missing"
        if (row.decision === null) return "ended"
        // The connection broke after the commit: the decision that is there is this one.
        return wasRepeated && row.decidedAt === at && row.decidedBy === by ? "accepted" : "already"
      })
    )
  })

  const expire = (id: string, decision: ApprovalDecision) =>
    guard(
      Effect.gen(function* () {
        const at = yield* now
        const encoded = yield* invalid(encodeDecision(decision))
        const rows = yield* sql`update codex_approvals
          set decision = ${encoded}, decided_by = 'timeout', decided_at = ${at}
          where id = ${id} and decision is null and ended_at is null and expires_at <= ${at} returning id`
        if (rows.length > 0) yield* notify
        return rows.length > 0
      })
    )

  const end = (key: string) =>
    guard(
      Effect.gen(function* () {
        const at = yield* now
        const rows = yield* sql`update codex_approvals set ended_at = ${at}
          where key = ${key} and ended_at is null and not exists (select 1 from codex_turns
            where codex_turns.key = codex_approvals.key and codex_turns.ended_at is null) returning id`
        if (rows.length > 0) yield* notify
      })
    )

  const close = (id: string) =>
    guard(
      Effect.gen(function* () {
        const rows = yield* sql`update codex_approvals set ended_at = ${yield* now}
          where id = ${id} and ended_at is null returning id`
        if (rows.length > 0) yield* notify
      })
    )

  const answered = guard(
    Effect.map(
      Effect.flatMap(
        sql`select id from codex_approvals where decision is not null and ended_at is null`,
        decodeIds
      ),
      (rows) => rows.map(({ id }) => id)
    )
  )

  const list = (filter: ApprovalFilter) =>
    guard(
      Effect.gen(function* () {
        const conditions = [sql`1 = 1`]
        if (filter.key !== undefined) conditions.push(sql`key = ${filter.key}`)
        if (filter.threadId !== undefined) conditions.push(sql`thread_id = ${filter.threadId}`)
        if (filter.pending === true)
          conditions.push(
            sql`decision is null and ended_at is null and (expires_at is null or expires_at > ${yield* now})`
          )
        return yield* decodeRows(
          yield* sql`select * from codex_approvals where ${sql.and(conditions)}
            order by asked_at, id limit ${filter.limit ?? 100}`
        )
      })
    )

  return { ask, decide, expire, end, close, answered, list, get: (id: string) => guard(find(id)) }
})
