/** Queries of when engines were last reached, so that a thread is not taken from an engine that lives. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import * as Rows from "./Rows.ts"
import { guard } from "./StorageFailure.ts"

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

  return { engines: { seen, lastSeen } }
})
