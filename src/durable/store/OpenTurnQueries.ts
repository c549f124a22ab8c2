/**
 * Queries of the turns that have not ended, for a runner, which repeats them at each change of the database. They read keys
 * and no rows, and an index answers each, so that turns that wait cost nothing.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"
import * as Rows from "./Rows.ts"
import { guard } from "./StorageFailure.ts"

/** A turn that a runner owns, and the epoch of its claim. */
const OwnedTurn = Schema.Struct({ key: Schema.String, epoch: Schema.Finite })
/** */
export interface OwnedTurn extends Schema.Schema.Type<typeof OwnedTurn> {}

/** The turns that have not ended. */
export interface StoredOpenTurns {
  /** Returns submitted turns that can start: all earlier turns of their threads have ended. Oldest first. */
  readonly heads: (limit: number) => Effect.Effect<ReadonlyArray<string>, StorageUnavailable>
  /** Returns the turns that a runner has claimed and that have not ended. */
  readonly claimed: Effect.Effect<ReadonlyArray<string>, StorageUnavailable>
  /** Returns the turns that their runner has left and that no runner has claimed since. */
  readonly left: Effect.Effect<ReadonlyArray<string>, StorageUnavailable>
  /** Returns the turns that a runner still owns. */
  readonly ownedBy: (runner: string) => Effect.Effect<ReadonlyArray<OwnedTurn>, StorageUnavailable>
  /** Returns those turns of a runner that another process wants to end. */
  readonly interrupted: (runner: string) => Effect.Effect<ReadonlyArray<OwnedTurn>, StorageUnavailable>
}

const decodeKeys = Rows.decoder("codex_turns", Schema.Struct({ key: Schema.String }))
const decodeOwned = Rows.decoder("codex_turns", OwnedTurn)

export const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const keys = (query: Effect.Effect<ReadonlyArray<unknown>, SqlError>) =>
    guard(Effect.map(Effect.flatMap(query, decodeKeys), (rows) => rows.map(({ key }) => key)))
  const turns = (query: Effect.Effect<ReadonlyArray<unknown>, SqlError>) =>
    guard(Effect.flatMap(query, decodeOwned))
  const open: StoredOpenTurns = {
    heads: (limit) =>
      keys(sql`select key from codex_turns where status = 'submitted' and ended_at is null and not exists
        (select 1 from codex_turns earlier where earlier.thread_id = codex_turns.thread_id
          and earlier.seq < codex_turns.seq and earlier.ended_at is null)
        order by submitted_at, seq limit ${limit}`),
    claimed: keys(
      sql`select key from codex_turns where status in ('running', 'waiting') and ended_at is null`
    ),
    left: keys(sql`select key from codex_turns where left_epoch = epoch and ended_at is null`),
    ownedBy: (runner) =>
      turns(sql`select key, epoch from codex_turns where runner = ${runner} and ended_at is null`),
    interrupted: (runner) =>
      turns(sql`select key, epoch from codex_turns
        where runner = ${runner} and interrupt_requested_at is not null and ended_at is null`)
  }
  return { open }
})
