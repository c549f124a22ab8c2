/** The approval policy of durable turns: it asks in the database, where any process can answer, also much later. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import * as ApprovalAudit from "../../approval/ApprovalAudit.ts"
import * as Policy from "../../approval/Policy.ts"
import * as RequestText from "../../approval/RequestText.ts"
import type { ApprovalDecision } from "../../domain/ApprovalDecision.ts"
import { type ApprovalRequest, kindOf } from "../../domain/ApprovalRequest.ts"
import * as DurableTelemetry from "../../instrumentation/DurableTelemetry.ts"
import { TurnId } from "../../domain/Ids.ts"
import { hash } from "../../domain/ApprovalRequestHash.ts"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"
import type { AskedApproval } from "../store/ApprovalQueries.ts"
import type { ApprovalRow } from "../store/Rows.ts"
import type { Store } from "../store/Store.ts"
import * as StorageRetry from "./StorageRetry.ts"
import type { TurnPlace } from "./TurnPlace.ts"
import type { TurnWatch } from "./TurnWatch.ts"

export interface DurableApprovalsOptions {
  readonly store: Store["Service"]
  readonly watch: TurnWatch
  readonly key: string
  readonly threadId: string
  /** How long a request can be answered. Infinite: until its turn ends. */
  readonly expiry: Duration.Duration
  /** Where the decisions are recorded, in addition to the database. */
  readonly audit: ApprovalAudit.ApprovalAudit["Service"] | undefined
  /** Decides first. A request that it abstains from waits in the database. */
  readonly first: Policy.Policy | undefined
  /** Whether the worker is stopping: a request that waits then is still asked, by the next worker. */
  readonly isLeaving: () => boolean
  /** The turn leaves its place to other turns while a request waits. */
  readonly place: Pick<TurnPlace, "pause">
  /** Called with the number of requests that wait. */
  readonly onWaiting: (count: number) => Effect.Effect<void>
}

/** The longest single sleep. A clock that is set, or a machine that slept, delays an expiry by at most this time. */
const step = Duration.minutes(5)

/**
 * Returns the id of a request: the same in every process, because Codex sends a request that waits again with the same ids.
 * A request that asks for something else has another one.
 */
export const idOf = (
  key: string,
  turnId: string,
  request: Pick<ApprovalRequest, "id" | "itemId">,
  hash: string
): string =>
  createHash("sha256")
    .update(JSON.stringify([key, turnId, request.itemId, request.id, hash]))
    .digest("hex")
    .slice(0, 32)

const withdrawn: ApprovalDecision = {
  _tag: "Decline",
  reason: "the request was withdrawn",
  source: "default",
  policy: "durable"
}

const expired: ApprovalDecision = {
  _tag: "Decline",
  reason: "nobody answered in time",
  source: "timeout",
  policy: "durable"
}

export const policy = (options: DurableApprovalsOptions): Policy.Policy => {
  const { expiry, key, store, threadId, watch } = options
  let waiting = 0

  /** Waits for the decision of a request. Declines it at its expiry, unless an answer comes first. */
  const decisionOf = Effect.fnUntraced(function* (
    row: ApprovalRow
  ): Effect.fn.Return<ApprovalRow, StorageUnavailable, Scope.Scope> {
    const changed = yield* watch.approval(row.id)
    while (true) {
      const seen = changed()
      const current = yield* StorageRetry.retry(store.approvals.get(row.id))
      if (current === undefined || current.decision !== null || current.endedAt !== null)
        return current ?? row
      const now = yield* Clock.currentTimeMillis
      if (current.expiresAt !== null && now >= current.expiresAt) {
        yield* StorageRetry.retry(store.approvals.expire(row.id, expired))
        continue
      }
      const left =
        current.expiresAt === null ? step : Duration.min(step, Duration.millis(current.expiresAt - now))
      yield* Effect.timeoutOption(Deferred.await(seen), left)
    }
  })

  /** Takes the decision of a request, and closes the request: `TurnWatch` reads only the answered requests that are open. */
  const take = Effect.fnUntraced(function* ({ askedAt, decision, endedAt, id, request }: ApprovalRow) {
    yield* Effect.ignore(store.approvals.close(id))
    const taken = decision ?? withdrawn
    // An earlier process has recorded a decision that it took.
    if (endedAt === null && options.audit !== undefined)
      yield* ApprovalAudit.recordDecision(options.audit, request, taken, askedAt)
    return taken
  })

  const waitsForAnswer = Effect.acquireRelease(
    Effect.suspend(() => options.onWaiting(++waiting)),
    () => Effect.suspend(() => options.onWaiting(--waiting))
  )

  const answerOf = Effect.fnUntraced(function* (request: AskedApproval) {
    const row = yield* StorageRetry.retry(store.approvals.ask(request))
    const wait = yield* DurableTelemetry.startWait({
      id: row.id,
      kind: kindOf(row.request),
      askedAt: row.askedAt
    })
    const answered = Effect.gen(function* () {
      if (row.decision !== null) return row
      yield* waitsForAnswer
      return yield* options.place.pause(decisionOf(row))
    }).pipe(
      Effect.onExit((exit) =>
        Exit.isSuccess(exit)
          ? wait.end(exit.value.decision ?? undefined, exit.value.decidedAt)
          : wait.end(undefined)
      )
    )
    return yield* take(yield* answered)
  }, Effect.scoped)

  const ask = Effect.fnUntraced(function* (request: ApprovalRequest) {
    const { turnId = TurnId.make("") } = yield* Policy.ApprovalContext
    const requestHash = hash(request)
    const askedAt = yield* Clock.currentTimeMillis
    const id = idOf(key, turnId, request, requestHash)
    return yield* answerOf({
      id,
      key,
      threadId,
      turnId,
      itemId: request.itemId,
      hash: requestHash,
      request,
      shown: RequestText.describe(request),
      expiresAt: Duration.isFinite(expiry) ? askedAt + Duration.toMillis(expiry) : null
    }).pipe(
      // Another client of Codex has answered, or the turn has ended.
      Effect.onInterrupt(() => (options.isLeaving() ? Effect.void : Effect.ignore(store.approvals.close(id))))
    )
  })

  const { first } = options
  const decide: Policy.Policy = (request) =>
    first === undefined
      ? ask(request)
      : Effect.flatMap(first(request), (decision) =>
          decision._tag === "Abstain" ? ask(request) : Effect.succeed(decision)
        )
  return decide
}
