/** Lists, shows and answers the approvals of durable turns. The first valid answer is accepted, whichever process gives it. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import {
  AlreadyDecided,
  type AnswerError,
  AnswerRejected,
  ArgumentsChanged,
  NotPending
} from "../approval/ApprovalQueue.ts"
import * as DecisionValidation from "../approval/DecisionValidation.ts"
import { type ApprovalDecision, decisionName } from "../domain/ApprovalDecision.ts"
import { hash } from "../domain/ApprovalRequestHash.ts"
import type { StorageUnavailable } from "../domain/StorageErrors.ts"
import { approvalRecord, type DurableApproval } from "./DurableRecords.ts"
import type { ApprovalRow } from "./store/Rows.ts"
import type { StoreShape } from "./store/Store.ts"

/**
 * A filter of approvals. An approval must match all fields that are given.
 * @since 0.1.0
 * @category models
 */
export interface DurableApprovalFilter {
  /** The key of a turn. */
  readonly key?: string | undefined
  readonly thread?: string | undefined
  /** Whether to list only approvals that wait for a decision. Default: true. */
  readonly pending?: boolean | undefined
  /** Default: 100. */
  readonly limit?: number | undefined
}

/**
 * A decision, and the hash of the request that the person saw.
 * @since 0.1.0
 * @category models
 */
export interface DurableAnswer {
  readonly decision: ApprovalDecision
  readonly hash: string
}

/**
 * The approvals of durable turns.
 * @since 0.1.0
 * @category models
 */
export interface DurableApprovals {
  readonly list: (
    filter?: DurableApprovalFilter
  ) => Effect.Effect<ReadonlyArray<DurableApproval>, StorageUnavailable>
  /** The approvals that wait for a decision, now and after every change of the database. */
  readonly pending: Stream.Stream<ReadonlyArray<DurableApproval>, StorageUnavailable>
  /** Fails with `NotPending` if there is no approval with this id. Decided ones are returned too. */
  readonly show: (id: string) => Effect.Effect<DurableApproval, NotPending | StorageUnavailable>
  /**
   * Answers an approval. `by` names the person, for the audit. The decision must match the request; otherwise it fails with
   * `AnswerRejected` and the request stays pending. After another answer, the expiry or the end of the turn it fails with
   * `AlreadyDecided`, and with `ArgumentsChanged` if `hash` is that of another request.
   */
  readonly answer: (
    id: string,
    answer: DurableAnswer,
    by: string
  ) => Effect.Effect<void, AnswerError | StorageUnavailable>
}

/** Why an approval takes no decision any more, or does not take this one. */
const refusal = (row: ApprovalRow, answer: DurableAnswer, now: number): AnswerError | undefined => {
  const { id } = row
  if (row.decision !== null)
    return new AlreadyDecided({
      id,
      decided: row.decision.source === "timeout" ? "withdrawn" : decisionName(row.decision)
    })
  if (row.endedAt !== null || (row.expiresAt !== null && row.expiresAt <= now))
    return new AlreadyDecided({ id, decided: "withdrawn" })
  // The request of the row decides, not only its hash: the row may have been changed since it was shown.
  const current = hash(row.request)
  if (answer.hash !== row.hash || current !== row.hash) return new ArgumentsChanged({ id, hash: current })
  const problem = DecisionValidation.mismatch(row.request, answer.decision)
  return problem === undefined ? undefined : new AnswerRejected({ id, problem })
}

/** Makes the approvals of a store. */
export const make = ({ approvals, changes }: StoreShape): DurableApprovals => {
  const list = (filter: DurableApprovalFilter = {}) =>
    Effect.gen(function* () {
      const rows = yield* approvals.list({
        key: filter.key,
        threadId: filter.thread,
        pending: filter.pending ?? true,
        limit: filter.limit
      })
      const now = yield* Clock.currentTimeMillis
      return rows.map((row) => approvalRecord(row, now))
    })

  const find = Effect.fnUntraced(function* (id: string) {
    return (yield* approvals.get(id)) ?? (yield* new NotPending({ id }))
  })

  const answer = Effect.fnUntraced(function* (id: string, answer: DurableAnswer, by: string) {
    const check = Effect.gen(function* () {
      const row = yield* find(id)
      const refused = refusal(row, answer, yield* Clock.currentTimeMillis)
      if (refused !== undefined) return yield* refused
    })
    yield* check
    const decision = { source: "user", policy: "durable", ...answer.decision } as const
    const decided = yield* approvals.decide(id, decision, by)
    if (decided === "accepted") return
    // Another answer, the expiry or the end of the turn came between the check and the write.
    yield* check
    return yield* new AlreadyDecided({ id, decided: "withdrawn" })
  })

  return {
    list,
    pending: Stream.mapEffect(changes, () => list({ limit: 1000 })),
    show: (id) =>
      Effect.flatMap(find(id), (row) =>
        Effect.map(Clock.currentTimeMillis, (now) => approvalRecord(row, now))
      ),
    answer
  }
}
