/** What clients see of durable turns and approvals. All of it can be sent as JSON. */
import * as Schema from "effect/Schema"
import { ApprovalDecision, withoutAnswers } from "../domain/ApprovalDecision.ts"
import { ApprovalRequest } from "../domain/ApprovalRequest.ts"
import { ItemId, TurnId } from "../domain/Ids.ts"
import { type ApprovalRow, DurableTurnStatus, type TurnRow } from "./store/Rows.ts"

const { NullOr } = Schema
const time = Schema.Finite

/**
 * A durable turn. `thread` is the id of its durable thread, which is not the id that Codex gives. `position` is its place in
 * the queue of the thread since the first turn. Times are milliseconds since the epoch.
 * @since 0.1.0
 * @category schemas
 */
export class DurableTurnRecord extends Schema.Opaque<DurableTurnRecord>()(
  Schema.Struct({
    key: Schema.String,
    thread: Schema.String,
    position: Schema.Finite,
    status: DurableTurnStatus,
    turnId: NullOr(TurnId),
    /** The name of the runner that has it, or had it last. */
    runner: NullOr(Schema.String),
    interruptRequestedAt: NullOr(time),
    submittedAt: time,
    startedAt: NullOr(time),
    endedAt: NullOr(time)
  })
) {}

/** Returns what a client sees of a turn. */
export const turnRecord = (row: TurnRow): DurableTurnRecord => ({
  key: row.key,
  thread: row.threadId,
  position: row.seq,
  status: row.status,
  turnId: row.turnId,
  runner: row.runner,
  interruptRequestedAt: row.interruptRequestedAt,
  submittedAt: row.submittedAt,
  startedAt: row.startedAt,
  endedAt: row.endedAt
})

/**
 * The state of an approval: it waits for a decision, it has one, its time is over, or its turn ended before a decision.
 * @since 0.1.0
 * @category schemas
 */
export const DurableApprovalStatus = Schema.Literals(["pending", "decided", "expired", "withdrawn"])
/**
 * The state of an approval.
 * @since 0.1.0
 * @category models
 */
export type DurableApprovalStatus = typeof DurableApprovalStatus.Type

/**
 * A request of a durable turn that a person decides on. `text` describes the request completely, and `hash` is the hash of
 * what it describes: an answer names it. The decision contains no answers to questions, which can be secrets.
 * @since 0.1.0
 * @category schemas
 */
export class DurableApproval extends Schema.Opaque<DurableApproval>()(
  Schema.Struct({
    id: Schema.String,
    /** The key of the turn. */
    key: Schema.String,
    thread: Schema.String,
    turnId: TurnId,
    itemId: ItemId,
    status: DurableApprovalStatus,
    text: Schema.String,
    hash: Schema.String,
    request: ApprovalRequest,
    askedAt: time,
    expiresAt: NullOr(time),
    decision: NullOr(ApprovalDecision),
    decidedBy: NullOr(Schema.String),
    decidedAt: NullOr(time)
  })
) {}

const statusOf = (row: ApprovalRow, now: number): DurableApprovalStatus => {
  if (row.decision !== null) return row.decision.source === "timeout" ? "expired" : "decided"
  if (row.endedAt !== null) return "withdrawn"
  return row.expiresAt !== null && row.expiresAt <= now ? "expired" : "pending"
}

/** Returns what a client sees of an approval at a time. */
export const approvalRecord = (row: ApprovalRow, now: number): DurableApproval => ({
  id: row.id,
  key: row.key,
  thread: row.threadId,
  turnId: row.turnId,
  itemId: row.itemId,
  status: statusOf(row, now),
  text: row.shown,
  hash: row.hash,
  request: row.request,
  askedAt: row.askedAt,
  expiresAt: row.expiresAt,
  decision: row.decision === null ? null : withoutAnswers(row.decision),
  decidedBy: row.decidedBy,
  decidedAt: row.decidedAt
})
