/** Queries of when engines were last reached, so that a thread is not taken from an engine that lives, and of what they run. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import { ThreadId } from "../../domain/Ids.ts"
import * as Rows from "./Rows.ts"
import { guard } from "./StorageFailure.ts"

const decodeIds = Rows.decoder("codex_left_threads", Schema.Struct({ id: ThreadId }))
const decodeLoads = Rows.decoder("codex_threads", Schema.Struct({ engine: Schema.String, n: Schema.Finite }))

export const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  const seen = (name: string) =>
    guard(
      Effect.flatMap(Clock.currentTimeMillis, (at) =>
        Effect.asVoid(
          sql`insert into codex_engines (name, seen_at) values (${name}, ${at})
            on conflict (name) do update set seen_at = excluded.seen_at`
        )
      )
    )

  const lastSeen = (name: string) =>
    guard(
      Effect.flatMap(
        sql`select coalesce(max(seen_at), 0) as n from codex_engines where name = ${name}`,
        Rows.number
      )
    )

  const running = (except: string) =>
    guard(
      Effect.map(
        Effect.flatMap(
          // At most one turn of a thread runs.
          sql`select codex_threads.engine, count(*) as n from codex_turns
            join codex_threads on codex_threads.id = codex_turns.thread_id
            where codex_turns.status in ('running', 'waiting') and codex_turns.ended_at is null
              and codex_turns.runner <> ${except} and codex_threads.engine is not null
            group by codex_threads.engine`,
          decodeLoads
        ),
        (rows): ReadonlyMap<string, number> => new Map(rows.map(({ engine, n }) => [engine, n]))
      )
    )

  const left = (name: string) =>
    guard(
      Effect.map(
        Effect.flatMap(
          // A thread that has come back belongs to the engine.
          sql`select codex_thread_id as id from codex_left_threads where engine = ${name}
            and not exists (select 1 from codex_threads where codex_threads.engine = ${name}
              and codex_threads.codex_thread_id = codex_left_threads.codex_thread_id)`,
          decodeIds
        ),
        (rows) => rows.map(({ id }) => id)
      )
    )

  const forgetLeft = (name: string, id: ThreadId) =>
    guard(
      Effect.asVoid(sql`delete from codex_left_threads where engine = ${name} and codex_thread_id = ${id}`)
    )

  return { engines: { seen, lastSeen, running, left, forgetLeft } }
})
