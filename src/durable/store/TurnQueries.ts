/** Queries of threads and turns. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import type { Fragment, Statement } from "effect/sql/Statement"
import { createHash, randomUUID } from "node:crypto"
import type { ThreadId, TurnId } from "../../domain/Ids.ts"
import { KeyReused, StorageUnavailable } from "../../domain/StorageErrors.ts"
import { canonicalJson } from "../../internal/CanonicalJson.ts"
import { type DurableInput, DurableThreadOptions, type StoredTurnOptions } from "../DurableInput.ts"
import { ChangeFeed } from "./ChangeFeed.ts"
import * as Rows from "./Rows.ts"
import { fromSchema, guard } from "./StorageFailure.ts"
import * as TurnOwner from "./TurnOwner.ts"

/** What is submitted. Absent `threadId`: a new thread. */
export interface Submission {
  readonly key: string
  readonly threadId?: string | undefined
  readonly threadOptions: DurableThreadOptions
  readonly input: DurableInput
  readonly options: StoredTurnOptions
  readonly userHash?: string | undefined
  readonly team?: string | undefined
  readonly traceParent?: string | undefined
}

/** A filter of turns. A turn must match all fields that are given. The newest turn comes first. */
export interface TurnFilter {
  readonly threadId?: string | undefined
  readonly status?: ReadonlyArray<Rows.DurableTurnStatus> | undefined
  readonly runner?: string | undefined
  readonly ended?: boolean | undefined
  /** Default: 100. */
  readonly limit?: number | undefined
}

/** What becomes known when Codex has started a turn. */
export interface StartedTurn {
  readonly codexThreadId: ThreadId
  readonly turnId: TurnId
  readonly engine: string
  readonly rolloutPath?: string | undefined
}

/** An attempt at a turn that is to start on an engine. The first one is 0. */
export interface AttemptStart {
  readonly attempt: number
  readonly engine: string
}

/** Which versions a runner uses: of its journal, and of the program with its tools. */
export interface RunnerVersions {
  readonly journal: number
  readonly program?: string | undefined
}

const decodeTurns = Rows.decoder("codex_turns", Rows.TurnRow)
const decodeThreads = Rows.decoder("codex_threads", Rows.ThreadRow)
const encodeOutcome = Schema.encodeEffect(Schema.fromJsonString(Rows.TurnOutcome))
const decodeOutcomes = Rows.decoder(
  "codex_turns",
  Schema.Struct({ outcome: Schema.NullOr(Schema.fromJsonString(Rows.TurnOutcome)) })
)
const decodeOptions = Rows.decoder(
  "codex_threads",
  Schema.Struct({ options: Schema.fromJsonString(DurableThreadOptions) })
)

/** Open turns of one team with one status, or approvals of one team that wait (`asked`). */
const CountRow = Schema.Struct({
  status: Schema.Literals(["submitted", "running", "waiting", "asked"]),
  team: Schema.NullOr(Schema.String),
  n: Schema.Finite,
  /** The submission of the oldest turn, or when the oldest approval was asked. */
  since: Schema.Finite
})
export interface CountRow extends Schema.Schema.Type<typeof CountRow> {}
const decodeCounts = Rows.decoder("codex_turns", CountRow)

const statusOf = (outcome: Rows.TurnOutcome): Rows.DurableTurnStatus => {
  if (outcome._tag === "Completed") return "completed"
  return outcome.error._tag === "TurnInterrupted" ? "interrupted" : "failed"
}

/** Hashes what was submitted. The user and the trace are no part of it: a retry can come from elsewhere. */
const hashOf = ({ input, options, threadId, threadOptions }: Submission): string =>
  createHash("sha256").update(canonicalJson({ input, options, threadId, threadOptions })).digest("hex")

/** The id of the user message of a turn: the same for every attempt, so that Codex's history finds the turn by it. */
const messageIdOf = (key: string): string => `effect-codex:${key}`

export const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const { notify } = yield* ChangeFeed
  const columns = sql.literal(Rows.turnColumns)
  const now = Clock.currentTimeMillis
  const owner = yield* TurnOwner.make

  const findTurn = Effect.fnUntraced(function* (key: string) {
    const [row] = yield* decodeTurns(yield* sql`select ${columns} from codex_turns where key = ${key}`)
    return row
  })

  const insert = Effect.fnUntraced(function* (submission: Submission) {
    const existing = yield* findTurn(submission.key)
    if (existing !== undefined) return { inserted: false, turn: existing }
    const at = yield* now
    const threadId = submission.threadId ?? randomUUID()
    const named = canonicalJson(submission.threadOptions)
    // The update locks the thread's row on PostgreSQL, so that two submissions get different places in its queue.
    const [thread] = yield* decodeOptions(
      yield* sql`insert into codex_threads (id, options, user_hash, team, created_at, updated_at)
      values (${threadId}, ${named}, ${submission.userHash ?? null}, ${submission.team ?? null}, ${at}, ${at})
      on conflict (id) do update set updated_at = excluded.updated_at returning options`
    )
    // The options hold for the later turns of the thread, and not for those that wait before this one.
    const options = canonicalJson({ ...thread?.options, ...submission.threadOptions })
    yield* sql`update codex_threads set options = ${options} where id = ${threadId} and options <> ${options}`
    const rows = yield* sql`insert into codex_turns
      (key, thread_id, seq, status, input, options, thread_options, submission_hash, message_id, trace_parent, submitted_at)
      select ${submission.key}, ${threadId}, coalesce(max(seq), 0) + 1, 'submitted',
        ${canonicalJson(submission.input)}, ${canonicalJson(submission.options)}, ${options},
        ${hashOf(submission)}, ${messageIdOf(submission.key)}, ${submission.traceParent ?? null}, ${at}
      from codex_turns where thread_id = ${threadId}
      on conflict (key) do nothing
      returning ${columns}`
    const [inserted] = yield* decodeTurns(rows)
    if (inserted !== undefined) return { inserted: true, turn: inserted }
    // Another process inserted the key meanwhile.
    const turn = yield* findTurn(submission.key)
    if (turn === undefined)
      return yield* new StorageUnavailable({ reason: "Busy", detail: "the key was pruned meanwhile" })
    return { inserted: false, turn }
  })

  const submit = (submission: Submission) =>
    guard(
      Effect.gen(function* () {
        const result = yield* sql.withTransaction(insert(submission))
        if (result.inserted) yield* notify
        else if (result.turn.submissionHash !== hashOf(submission))
          return yield* new KeyReused({ key: submission.key })
        return result
      })
    )

  const turns = (filter: TurnFilter) => {
    const conditions = [sql`true`]
    if (filter.threadId !== undefined) conditions.push(sql`thread_id = ${filter.threadId}`)
    if (filter.status !== undefined) conditions.push(sql`status in ${sql.in(filter.status)}`)
    if (filter.runner !== undefined) conditions.push(sql`runner = ${filter.runner}`)
    if (filter.ended === true) conditions.push(sql`ended_at is not null`)
    if (filter.ended === false) conditions.push(sql`ended_at is null`)
    return guard(
      Effect.flatMap(
        sql`select ${columns} from codex_turns where ${sql.and(conditions)}
          order by submitted_at desc, seq desc limit ${filter.limit ?? 100}`,
        decodeTurns
      )
    )
  }

  const claim = (key: string, runner: string, versions?: RunnerVersions, trace?: string) =>
    guard(
      Effect.gen(function* () {
        const at = yield* now
        const [row] = yield* decodeTurns(
          yield* sql`update codex_turns set runner = ${runner}, epoch = epoch + 1,
            status = case when status = 'submitted' then 'running' else status end,
            journal_version = coalesce(journal_version, ${versions?.journal ?? null}),
            program_version = coalesce(program_version, ${versions?.program ?? null}),
            started_at = coalesce(started_at, ${at}), attempts = attempts + 1,
            trace_parent = coalesce(trace_parent, ${trace ?? null}), attempt_trace = ${trace ?? null}
            where key = ${key} and ended_at is null returning ${columns}`
        )
        yield* notify
        return row
      })
    )

  const recovered = (key: string, epoch: number, trace: string | undefined) =>
    guard(
      Effect.asVoid(
        sql`update codex_turns set attempts = attempts + 1, attempt_trace = ${trace ?? null}
          where key = ${key} and epoch = ${epoch} and ended_at is null`
      )
    )

  const left = (key: string, epoch: number) =>
    guard(
      Effect.asVoid(
        sql`update codex_turns set left_epoch = ${epoch} where key = ${key} and epoch = ${epoch} and ended_at is null`
      )
    )

  const counts = guard(
    Effect.flatMap(
      Effect.flatMap(
        now,
        (at) => sql`select t.status as status, h.team as team, cast(count(*) as integer) as n,
            min(t.submitted_at) as since
          from codex_turns t join codex_threads h on h.id = t.thread_id
          where t.ended_at is null group by t.status, h.team
          union all
          select 'asked' as status, h.team as team, cast(count(*) as integer) as n, min(a.asked_at) as since
          from codex_approvals a join codex_threads h on h.id = a.thread_id
          where a.decision is null and a.ended_at is null and (a.expires_at is null or a.expires_at > ${at})
          group by h.team`
      ),
      decodeCounts
    )
  )

  /** Returns when a statement was sent, if it finds a row. */
  const sentAt = (statement: Statement<object>) =>
    guard(
      Effect.scoped(
        Effect.gen(function* () {
          const [text, params] = statement.compile()
          // Other queries can have the connections for seconds, and the answer is as new as its question.
          const connection = yield* sql.reserve
          const at = yield* now
          const rows = yield* connection.execute(text, params, undefined)
          return rows.length > 0 ? at : undefined
        })
      )
    )

  const owns = (key: string, runner: string, epoch: number) =>
    sentAt(sql`select 1 from codex_turns where key = ${key} and runner = ${runner} and epoch = ${epoch}
      and ended_at is null`)

  const starting = (key: string, epoch: number, { attempt, engine }: AttemptStart) =>
    sentAt(sql`update codex_turns set start_attempt = ${attempt}, start_engine = ${engine}
      where key = ${key} and epoch = ${epoch} and ended_at is null returning key`)

  const isFirstStart = ({ seq, threadId }: Pick<Rows.TurnRow, "seq" | "threadId">) =>
    guard(
      Effect.map(
        Effect.flatMap(
          sql`select count(*) as n from codex_turns
            where thread_id = ${threadId} and seq < ${seq} and start_attempt is null and turn_id is null`,
          Rows.number
        ),
        // A turn that was pruned may have started.
        (unstarted) => unstarted === seq - 1
      )
    )

  const historyLost = (key: string, epoch: number) =>
    guard(
      Effect.asVoid(sql`update codex_turns set start_engine = null where key = ${key} and epoch = ${epoch}`)
    )

  const started = (key: string, epoch: number, found: StartedTurn) =>
    guard(
      Effect.gen(function* () {
        const at = yield* now
        yield* sql.withTransaction(
          Effect.gen(function* () {
            const owned = yield* sql`update codex_turns set turn_id = ${found.turnId}
              where key = ${key} and epoch = ${epoch} and ended_at is null returning key`
            if (owned.length > 0) yield* threadStartedIn(key, epoch, found, at)
          })
        )
        yield* notify
      })
    )

  const threadStartedIn = Effect.fnUntraced(function* (
    key: string,
    epoch: number,
    { codexThreadId: id, engine, rolloutPath }: Pick<StartedTurn, "codexThreadId" | "engine" | "rolloutPath">,
    at: number
  ) {
    const ofTurn = sql`id = (select thread_id from codex_turns where ${owner.condition({ key, epoch })})`
    // The engine that the thread leaves may still run its turn.
    yield* sql`insert into codex_left_threads (engine, codex_thread_id)
      select engine, codex_thread_id from codex_threads
      where ${ofTurn} and codex_thread_id = ${id} and engine <> ${engine}
      on conflict (engine, codex_thread_id) do nothing`
    // A new thread of Codex has another file.
    yield* sql`update codex_threads set codex_thread_id = ${id}, engine = ${engine},
      rollout_path = coalesce(${rolloutPath ?? null}, case when codex_thread_id = ${id} then rollout_path end),
      updated_at = ${at} where ${ofTurn}`
  })

  const threadStarted = (
    key: string,
    epoch: number,
    found: Pick<StartedTurn, "codexThreadId" | "engine" | "rolloutPath">
  ) => guard(Effect.flatMap(now, (at) => sql.withTransaction(threadStartedIn(key, epoch, found, at))))

  const setStatus = (key: string, epoch: number, status: "running" | "waiting") =>
    guard(
      Effect.gen(function* () {
        const rows = yield* sql`update codex_turns set status = ${status}
          where key = ${key} and epoch = ${epoch} and ended_at is null and status <> ${status} returning key`
        if (rows.length > 0) yield* notify
      })
    )

  const end = (key: string, outcome: Rows.TurnOutcome, condition: Fragment) =>
    guard(
      Effect.gen(function* () {
        const at = yield* now
        const encoded = yield* Effect.mapError(encodeOutcome(outcome), fromSchema("codex_turns"))
        const rows = yield* sql`update codex_turns
          set outcome = ${encoded}, status = ${statusOf(outcome)}, ended_at = ${at}
          where key = ${key} and outcome is null and ${condition} returning key`
        if (rows.length === 0) return false
        yield* notify
        return true
      })
    )

  const finish = (key: string, epoch: number, outcome: Rows.TurnOutcome) =>
    end(key, outcome, sql`epoch = ${epoch}`)
  const finishUnclaimed = (key: string, outcome: Rows.TurnOutcome) => end(key, outcome, sql`runner is null`)

  const outcome = (key: string) =>
    guard(
      Effect.map(
        Effect.flatMap(sql`select outcome from codex_turns where key = ${key}`, decodeOutcomes),
        ([row]) => row?.outcome ?? undefined
      )
    )

  const requestInterrupt = (key: string) =>
    guard(
      Effect.gen(function* () {
        const at = yield* now
        const rows = yield* sql`update codex_turns
          set interrupt_requested_at = coalesce(interrupt_requested_at, ${at})
          where key = ${key} and ended_at is null returning key`
        if (rows.length > 0) yield* notify
        return rows.length > 0
      })
    )

  const thread = (id: string) =>
    guard(
      Effect.map(
        Effect.flatMap(
          sql`select id, codex_thread_id, engine, options, user_hash, team, rollout_path, created_at, updated_at
            from codex_threads where id = ${id}`,
          decodeThreads
        ),
        ([row]) => row
      )
    )

  return {
    submit,
    turn: (key: string) => guard(findTurn(key)),
    turns,
    thread,
    claim,
    recovered,
    left,
    counts,
    owns,
    starting,
    historyLost,
    isFirstStart,
    started,
    threadStarted,
    setStatus,
    finish,
    finishUnclaimed,
    outcome,
    requestInterrupt
  }
})
