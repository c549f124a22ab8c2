/** Creates the tables, and changes those of an older version. Every statement is valid on SQLite and on PostgreSQL. */
import * as Effect from "effect/Effect"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import { StorageUnavailable } from "../../domain/StorageErrors.ts"
import * as StorageFailure from "./StorageFailure.ts"

const table = "codex_migrations"

const first = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const bytes = sql.literal(sql.onDialectOrElse({ pg: () => "bytea", orElse: () => "blob" }))
  yield* sql`create table codex_threads (
    id text primary key,
    codex_thread_id text,
    engine text,
    options text not null,
    user_hash text,
    team text,
    rollout_path text,
    created_at bigint not null,
    updated_at bigint not null
  )`
  yield* sql`create table codex_turns (
    key text primary key,
    thread_id text not null references codex_threads (id),
    seq bigint not null,
    status text not null,
    input text not null,
    options text not null,
    thread_options text not null,
    submission_hash text not null,
    turn_id text,
    message_id text not null,
    runner text,
    epoch bigint not null default 0,
    interrupt_requested_at bigint,
    outcome text,
    journal_version bigint,
    program_version text,
    trace_parent text,
    event_seq bigint not null default 0,
    submitted_at bigint not null,
    started_at bigint,
    ended_at bigint,
    unique (thread_id, seq)
  )`
  yield* sql`create index codex_turns_open on codex_turns (status, submitted_at) where ended_at is null`
  yield* sql`create index codex_turns_ended on codex_turns (ended_at)`
  yield* sql`create table codex_approvals (
    id text primary key,
    key text not null,
    thread_id text not null,
    turn_id text not null,
    item_id text not null,
    hash text not null,
    request text not null,
    shown text not null,
    asked_at bigint not null,
    expires_at bigint,
    decision text,
    decided_by text,
    decided_at bigint,
    ended_at bigint
  )`
  yield* sql`create index codex_approvals_pending on codex_approvals (asked_at) where decision is null and ended_at is null`
  yield* sql`create index codex_approvals_answered on codex_approvals (id) where decision is not null and ended_at is null`
  yield* sql`create index codex_approvals_key on codex_approvals (key)`
  yield* sql`create table codex_tool_calls (
    turn_id text not null,
    call_id text not null,
    key text not null,
    tool text not null,
    side_effect text not null,
    state text not null,
    result text,
    started_at bigint not null,
    ended_at bigint,
    primary key (turn_id, call_id)
  )`
  yield* sql`create index codex_tool_calls_key on codex_tool_calls (key)`
  yield* sql`create table codex_events (
    key text not null references codex_turns (key) on delete cascade,
    seq bigint not null,
    event_id text,
    event text not null,
    primary key (key, seq),
    unique (key, event_id)
  )`
  yield* sql`create table codex_rollouts (
    codex_thread_id text not null,
    from_byte bigint not null,
    bytes ${bytes} not null,
    primary key (codex_thread_id, from_byte)
  )`
})

/** The tables whose changes somebody waits for. */
const announced = ["codex_turns", "codex_approvals", "codex_events", "codex_tool_calls"]

/**
 * PostgreSQL announces each commit that changes what somebody waits for. A trigger cannot forget it, and announces nothing
 * that is rolled back. SQLite has `PRAGMA data_version` instead.
 */
const announcements = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.onDialectOrElse({
    pg: () =>
      Effect.gen(function* () {
        yield* sql`create function codex_announce() returns trigger language plpgsql as
          'begin perform pg_notify(''codex_changes'', ''''); return null; end'`
        for (const name of announced)
          yield* sql`create trigger codex_announce after insert or update on ${sql(name)}
            for each statement execute function codex_announce()`
      }),
    orElse: () => Effect.void
  })
})

const engines = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`create table codex_engines (name text primary key, seen_at bigint not null)`
})

/** Who tried to run a turn before, for the links between the spans of its attempts. */
const attempts = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`alter table codex_turns add column attempts bigint not null default 0`
  yield* sql`alter table codex_turns add column attempt_trace text`
  yield* sql`alter table codex_turns add column left_epoch bigint`
})

/** The runner looks at these at each change of the database, whatever number of turns waits. */
const openTurns = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`create index codex_turns_runner on codex_turns (runner) where ended_at is null`
  yield* sql`create index codex_turns_interrupted on codex_turns (runner)
    where interrupt_requested_at is not null and ended_at is null`
  yield* sql`create index codex_turns_thread_open on codex_turns (thread_id, seq) where ended_at is null`
})

/** Threads that have moved from an engine that may come back with their turns. */
const leftThreads = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`create table codex_left_threads (
    engine text not null,
    codex_thread_id text not null,
    primary key (engine, codex_thread_id)
  )`
})

/** Which attempt at a turn was to start last, and on which engine: the history of a lost engine does not say it. */
const starts = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`alter table codex_turns add column start_attempt bigint`
  yield* sql`alter table codex_turns add column start_engine text`
})

const migrations = {
  "1_tables": first,
  "2_announcements": announcements,
  "3_engines": engines,
  "4_attempts": attempts,
  "5_open_turns": openTurns,
  "6_left_threads": leftThreads,
  "7_starts": starts
}
const newest = Object.keys(migrations).length

/** Brings the database to the newest version. Processes that start together run the migrations once. */
export const run: Effect.Effect<void, StorageUnavailable, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Migrator.make({})({ loader: Migrator.fromRecord(migrations), table })
  const rows = yield* sql<{
    readonly version: number
  }>`select max(migration_id) as version from ${sql(table)}`
  const version = Number(rows[0]?.version ?? 0)
  if (version > newest)
    return yield* new StorageUnavailable({
      reason: "Incompatible",
      detail: `it has the schema version ${version}; this version of effect-codex knows up to ${newest}`
    })
}).pipe(
  Effect.catchTag("MigrationError", (error) =>
    Effect.fail(new StorageUnavailable({ reason: "Incompatible", detail: error.message }))
  ),
  StorageFailure.guard
)
