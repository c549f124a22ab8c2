/** Deletes what is older than its retention: turns that have ended, with everything that belongs to them. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import * as Workflow from "effect/workflow/Workflow"
import { ChangeFeed } from "./ChangeFeed.ts"
import * as Rows from "./Rows.ts"
import { guard } from "./StorageFailure.ts"

/**
 * What to delete, as times in milliseconds since the epoch. Turns that have not ended, and approvals that wait for a decision,
 * are never deleted.
 * @since 0.1.0
 * @category models
 */
export interface RetentionPolicy {
  /**
   * Turns that ended before this time, with their events and tool calls; threads that then have no turn and were not used
   * since, with the copies of their rollouts; and the rows of the workflow engine for these turns.
   */
  readonly endedBefore: number
  /** Approvals that were decided, expired or withdrawn before this time. Default: they are kept, for audits. */
  readonly approvalsBefore?: number | undefined
}

/**
 * How many rows were deleted.
 * @since 0.1.0
 * @category schemas
 */
export class Pruned extends Schema.Opaque<Pruned>()(
  Schema.Struct({ turns: Schema.Finite, threads: Schema.Finite, approvals: Schema.Finite })
) {}

/** The workflow that runs a turn. The name and the key of an execution are part of stored rows: they never change. */
export const durableTurnWorkflow = Workflow.make("effect-codex/DurableTurn", {
  payload: { key: Schema.String },
  idempotencyKey: ({ key }) => key
})

/** How many turns one transaction deletes: runners write between two of them. */
const batch = 200

const decodeKeys = Rows.decoder("codex_turns", Schema.Struct({ key: Schema.String }))

export const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const { notify } = yield* ChangeFeed

  /** A database that only clients have used has no tables of the workflow engine. */
  const hasWorkflows = Effect.map(
    sql.onDialectOrElse({
      pg: () => sql`select 1 where to_regclass('cluster_messages') is not null`,
      orElse: () => sql`select 1 from sqlite_master where name = 'cluster_messages'`
    }),
    (rows) => rows.length > 0
  )

  const pruneWorkflows = Effect.fnUntraced(function* (keys: Arr.NonEmptyReadonlyArray<string>) {
    if (!(yield* hasWorkflows)) return
    const ids = yield* Effect.forEach(keys, (key) => durableTurnWorkflow.executionId({ key }))
    // Its clocks and deferred values have other entity types and the same id.
    const messages = sql`select id from cluster_messages where entity_type like 'Workflow/%' and entity_id in ${sql.in(ids)}`
    yield* sql`delete from cluster_replies where request_id in (${messages})`
    yield* sql`delete from cluster_messages where entity_type like 'Workflow/%' and entity_id in ${sql.in(ids)}`
  })

  /** Deletes a batch of turns, and returns how many. */
  const pruneTurns = (before: number) =>
    sql.withTransaction(
      Effect.gen(function* () {
        const rows = yield* decodeKeys(
          yield* sql`select key from codex_turns where ended_at < ${before} order by ended_at limit ${batch}`
        )
        const keys = rows.map(({ key }) => key)
        if (!Arr.isReadonlyArrayNonEmpty(keys)) return 0
        yield* pruneWorkflows(keys)
        yield* sql`delete from codex_tool_calls where key in ${sql.in(keys)}`
        yield* sql`delete from codex_events where key in ${sql.in(keys)}`
        yield* sql`delete from codex_turns where key in ${sql.in(keys)}`
        return keys.length
      })
    )

  const pruneThreads = (before: number) =>
    sql.withTransaction(
      Effect.gen(function* () {
        const rows = yield* sql`delete from codex_threads where updated_at < ${before}
          and not exists (select 1 from codex_turns where codex_turns.thread_id = codex_threads.id) returning id`
        for (const table of ["codex_rollouts", "codex_left_threads"])
          yield* sql`delete from ${sql(table)} where not exists
            (select 1 from codex_threads where codex_threads.codex_thread_id = ${sql(`${table}.codex_thread_id`)})`
        return rows.length
      })
    )

  const pruneApprovals = (before: number) =>
    Effect.map(
      sql`delete from codex_approvals where coalesce(decided_at, ended_at, expires_at) < ${before}
        and not exists (select 1 from codex_turns
          where codex_turns.key = codex_approvals.key and codex_turns.ended_at is null) returning id`,
      (rows) => rows.length
    )

  return (policy: RetentionPolicy) =>
    guard(
      Effect.gen(function* () {
        let turns = 0
        while (true) {
          const deleted = yield* pruneTurns(policy.endedBefore)
          turns += deleted
          if (deleted < batch) break
        }
        const threads = yield* pruneThreads(policy.endedBefore)
        const approvals =
          policy.approvalsBefore === undefined ? 0 : yield* pruneApprovals(policy.approvalsBefore)
        if (turns + threads + approvals > 0) yield* notify
        return { turns, threads, approvals }
      })
    )
})
