/** The rows of the database as typed values. Columns have snake case, times are milliseconds since the epoch. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ApprovalDecision } from "../../domain/ApprovalDecision.ts"
import { ApprovalRequest } from "../../domain/ApprovalRequest.ts"
import { CodexError } from "../../domain/CodexError.ts"
import { EventLine } from "../../domain/EventLine.ts"
import { ItemId, ThreadId, TurnId } from "../../domain/Ids.ts"
import { Turn } from "../../domain/Turn.ts"
import { DurableInput, DurableThreadOptions, StoredTurnOptions } from "../DurableInput.ts"
import * as StorageFailure from "./StorageFailure.ts"

const { fromJsonString, NullOr } = Schema
const text = Schema.String
const integer = Schema.Finite

/**
 * The state of a durable turn: it waits in the queue of its thread, Codex runs it, it waits for an approval or an answer, or
 * it has ended.
 * @since 0.1.0
 * @category schemas
 */
export const DurableTurnStatus = Schema.Literals([
  "submitted",
  "running",
  "waiting",
  "completed",
  "failed",
  "interrupted"
])
/**
 * The state of a durable turn.
 * @since 0.1.0
 * @category models
 */
export type DurableTurnStatus = typeof DurableTurnStatus.Type

/** How a turn ended. */
export const TurnOutcome = Schema.Union([
  Schema.TaggedStruct("Completed", { turn: Turn }),
  Schema.TaggedStruct("Failed", { error: CodexError })
])
/** */
export type TurnOutcome = typeof TurnOutcome.Type

/** */
export const ThreadRow = Schema.Struct({
  id: text,
  codexThreadId: NullOr(ThreadId),
  engine: NullOr(text),
  options: fromJsonString(DurableThreadOptions),
  userHash: NullOr(text),
  team: NullOr(text),
  rolloutPath: NullOr(text),
  createdAt: integer,
  updatedAt: integer
}).pipe(
  Schema.encodeKeys({
    codexThreadId: "codex_thread_id",
    userHash: "user_hash",
    rolloutPath: "rollout_path",
    createdAt: "created_at",
    updatedAt: "updated_at"
  })
)
/** */
export interface ThreadRow extends Schema.Schema.Type<typeof ThreadRow> {}

/** A turn without its outcome, which can be large. */
export const TurnRow = Schema.Struct({
  key: text,
  threadId: text,
  seq: integer,
  status: DurableTurnStatus,
  input: fromJsonString(DurableInput),
  options: fromJsonString(StoredTurnOptions),
  /** The options of the thread for this turn: what this and earlier submissions to the thread name. */
  threadOptions: fromJsonString(DurableThreadOptions),
  /** The hash of what was submitted: another submission with the same key and hash is the same one. */
  submissionHash: text,
  turnId: NullOr(TurnId),
  messageId: text,
  runner: NullOr(text),
  epoch: integer,
  interruptRequestedAt: NullOr(integer),
  journalVersion: NullOr(integer),
  programVersion: NullOr(text),
  /** The span of the submission; without one, the span of the first attempt. */
  traceParent: NullOr(text),
  /** How many attempts at the turn have started. */
  attempts: integer,
  /** The span of the last attempt. */
  attemptTrace: NullOr(text),
  /** The last epoch whose runner left the turn to the next one, because it stopped. */
  leftEpoch: NullOr(integer),
  /** The last attempt that was to start; the first one is 0. `null` if none was. */
  startAttempt: NullOr(integer),
  /** The engine on which it was to start. `null` if the history of the thread there was lost. */
  startEngine: NullOr(text),
  submittedAt: integer,
  startedAt: NullOr(integer),
  endedAt: NullOr(integer)
}).pipe(
  Schema.encodeKeys({
    threadId: "thread_id",
    threadOptions: "thread_options",
    submissionHash: "submission_hash",
    turnId: "turn_id",
    messageId: "message_id",
    interruptRequestedAt: "interrupt_requested_at",
    journalVersion: "journal_version",
    programVersion: "program_version",
    traceParent: "trace_parent",
    attemptTrace: "attempt_trace",
    leftEpoch: "left_epoch",
    startAttempt: "start_attempt",
    startEngine: "start_engine",
    submittedAt: "submitted_at",
    startedAt: "started_at",
    endedAt: "ended_at"
  })
)
/** */
export interface TurnRow extends Schema.Schema.Type<typeof TurnRow> {}

/** The columns of `TurnRow`: `outcome` and the counter of events are not among them. */
export const turnColumns =
  "key, thread_id, seq, status, input, options, thread_options, submission_hash, turn_id, message_id, runner, " +
  "epoch, interrupt_requested_at, journal_version, program_version, trace_parent, attempts, attempt_trace, left_epoch, " +
  "start_attempt, start_engine, submitted_at, started_at, ended_at"

/** */
export const ApprovalRow = Schema.Struct({
  id: text,
  key: text,
  threadId: text,
  turnId: TurnId,
  itemId: ItemId,
  hash: text,
  request: fromJsonString(ApprovalRequest),
  shown: text,
  askedAt: integer,
  expiresAt: NullOr(integer),
  decision: NullOr(fromJsonString(ApprovalDecision)),
  decidedBy: NullOr(text),
  decidedAt: NullOr(integer),
  endedAt: NullOr(integer)
}).pipe(
  Schema.encodeKeys({
    threadId: "thread_id",
    turnId: "turn_id",
    itemId: "item_id",
    askedAt: "asked_at",
    expiresAt: "expires_at",
    decidedBy: "decided_by",
    decidedAt: "decided_at",
    endedAt: "ended_at"
  })
)
/** */
export interface ApprovalRow extends Schema.Schema.Type<typeof ApprovalRow> {}

/** */
export const ToolCallRow = Schema.Struct({
  turnId: TurnId,
  callId: text,
  key: text,
  tool: text,
  sideEffect: text,
  state: Schema.Literals(["intent", "done"]),
  result: NullOr(fromJsonString(Schema.Unknown)),
  startedAt: integer,
  endedAt: NullOr(integer)
}).pipe(
  Schema.encodeKeys({
    turnId: "turn_id",
    callId: "call_id",
    sideEffect: "side_effect",
    startedAt: "started_at",
    endedAt: "ended_at"
  })
)
/** */
export interface ToolCallRow extends Schema.Schema.Type<typeof ToolCallRow> {}

/** */
export const EventRow = Schema.Struct({ seq: integer, event: fromJsonString(EventLine) })
/** */
export interface EventRow extends Schema.Schema.Type<typeof EventRow> {}

/** Drivers return 64-bit integers as bigints or as numbers. All of ours are times, counters and sizes below 2^53. */
const withNumbers = (row: unknown): unknown =>
  typeof row === "object" && row !== null
    ? Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value])
      )
    : row

/** Makes a function that decodes the rows of a table. A row that does not decode fails with `Corrupt`. */
export const decoder = <S extends Schema.Top & { readonly DecodingServices: never }>(
  table: string,
  schema: S
) => {
  const decode = Schema.decodeUnknownEffect(Schema.Array(schema))
  return (rows: ReadonlyArray<unknown>) =>
    Effect.mapError(decode(rows.map(withNumbers)), StorageFailure.fromSchema(table))
}

const count = decoder("a count", Schema.Struct({ n: integer }))
/** Returns the number of a query with one row and the column `n`. */
export const number = (rows: ReadonlyArray<unknown>) => Effect.map(count(rows), ([row]) => row?.n ?? 0)
