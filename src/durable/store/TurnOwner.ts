/** Conditions under which a runner may write: it still owns the turn. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import type { Fragment } from "effect/sql/Statement"

/** A runner's claim of a turn. Another claim of the same turn has another epoch. */
export interface TurnOwner {
  readonly key: string
  readonly epoch: number
}

/** Makes the conditions for the dialect of the database. */
export const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  /** Selects the turn of a claim that still holds, in a query of `codex_turns`. PostgreSQL lets no other claim commit meanwhile. */
  const lock = sql.onDialectOrElse({ pg: () => sql`for share`, orElse: () => sql`` })
  const condition = ({ epoch, key }: TurnOwner): Fragment =>
    sql`key = ${key} and epoch = ${epoch} and ended_at is null ${lock}`
  return {
    condition,
    /** The same as a condition of any query. Without an owner it always holds. */
    holds: (owner: TurnOwner | undefined): Fragment =>
      owner === undefined ? sql`true` : sql`exists (select 1 from codex_turns where ${condition(owner)})`
  }
})
