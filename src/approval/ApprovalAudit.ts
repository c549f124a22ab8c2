/** An audit trail of approval decisions, including defaults, timeouts and remembered decisions. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { ItemId, ThreadId, TurnId } from "../domain/Ids.ts"
import { decide } from "./PolicyRunner.ts"
import * as Convention from "../semconv/Convention.ts"
import {
  type ApprovalDecision,
  ApprovalSource,
  decisionName,
  DecisionName
} from "../domain/ApprovalDecision.ts"
import { ApprovalContext, type Policy } from "./Policy.ts"
import { ReuseObservers } from "./SessionGrants.ts"
import { kindOf, type ApprovalRequest } from "../domain/ApprovalRequest.ts"
import { hash } from "../domain/ApprovalRequestHash.ts"

/**
 * One decision. `at` is the time of the decision in milliseconds since the epoch, `durationMillis` how long it
 * took. Only the hash of the request is recorded, never its content.
 * @since 0.1.0
 * @category schemas
 */
export const AuditEntry = Schema.Struct({
  at: Schema.Finite,
  durationMillis: Schema.Finite,
  threadId: Schema.optionalKey(ThreadId),
  turnId: Schema.optionalKey(TurnId),
  requestId: Schema.String,
  itemId: ItemId,
  kind: Schema.String,
  hash: Schema.String,
  decision: DecisionName,
  reason: Schema.optionalKey(Schema.String),
  source: ApprovalSource,
  policy: Schema.optionalKey(Schema.String)
}).pipe(Schema.encodeKeys({ durationMillis: "duration" }))
export type AuditEntry = typeof AuditEntry.Type

/**
 * Receives the decisions of `audit`.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Console, Effect, Stream } from "effect"
 * import { Approval } from "effect-codex"
 *
 * const follow = Approval.ApprovalAudit.use(({ entries }) =>
 *   Stream.runForEach(entries, ({ decision, kind, source }) => Console.log(`${kind}: ${decision} (${source})`))
 * )
 * const running = Effect.forkScoped(follow)
 * ```
 */
export class ApprovalAudit extends Context.Service<
  ApprovalAudit,
  {
    /** Never waits. A slow reader loses the oldest entries. */
    readonly record: (entry: AuditEntry) => Effect.Effect<void>
    /** The decisions from the time of subscription. */
    readonly entries: Stream.Stream<AuditEntry>
  }
>()("effect-codex/ApprovalAudit") {
  /**
   * Buffers up to `capacity` entries for each slow reader.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Approval } from "effect-codex"
   *
   * const AuditLive = Approval.ApprovalAudit.layerOptions({ capacity: 10_000 })
   * ```
   */
  static readonly layerOptions = (options: { readonly capacity: number }): Layer.Layer<ApprovalAudit> =>
    Layer.effect(
      ApprovalAudit,
      Effect.gen(function* () {
        const entries = yield* Effect.acquireRelease(
          PubSub.sliding<AuditEntry>(options.capacity),
          (entries) => PubSub.shutdown(entries)
        )
        return ApprovalAudit.of({
          record: (entry) => Effect.asVoid(PubSub.publish(entries, entry)),
          entries: Stream.fromPubSub(entries)
        })
      })
    )

  /**
   * Buffers up to 1024 entries for each slow reader.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Layer } from "effect"
   * import { Approval } from "effect-codex"
   *
   * const ApprovalsLive = Approval.layer(Approval.audit(Approval.deny)).pipe(
   *   Layer.provideMerge(Approval.ApprovalAudit.layer)
   * )
   * ```
   */
  static readonly layer: Layer.Layer<ApprovalAudit> = ApprovalAudit.layerOptions({ capacity: 1024 })
}

const { attribute } = Convention

/**
 * Records every decision of a policy in `ApprovalAudit` and as one log line: the decision, its source and duration. Records
 * each use of a session grant that the policy made, too, with the source `session`, although the policy does not run.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * // Outermost, so that it also records declines by the timeout.
 * const policy = Approval.audit(Approval.timeout(Approval.queue, "10 minutes"))
 * ```
 */
export const audit =
  <R>(policy: Policy<R>): Policy<R | ApprovalAudit> =>
  (request) =>
    Effect.gen(function* () {
      const audit = yield* ApprovalAudit
      const clock = yield* Clock.Clock
      const startedAt = milliseconds(clock)
      // Before the policy runs: the policy could modify the request.
      const requestHash = hash(request)
      const observers = yield* ReuseObservers
      observers?.push((request, decision) =>
        Effect.flatMap(Clock.Clock, (clock) => {
          const at = milliseconds(clock)
          return record(audit, entryOf(request, hash(request), decision, at, 0))
        })
      )
      const recordDecision = (decision: ApprovalDecision) =>
        Effect.suspend(() => {
          const at = milliseconds(clock)
          return record(audit, entryOf(request, requestHash, decision, at, at - startedAt))
        })
      return yield* decide(policy, request).pipe(
        Effect.tap(recordDecision),
        Effect.onInterrupt(() =>
          recordDecision({ _tag: "Decline", reason: "the turn ended before a decision", source: "default" })
        )
      )
    })

const milliseconds = (clock: Clock.Clock): number => Number(clock.currentTimeNanosUnsafe()) / 1e6

const record = (audit: ApprovalAudit["Service"], entry: AuditEntry): Effect.Effect<void> =>
  Effect.flatMap(ApprovalContext, ({ threadId, turnId }) =>
    Effect.andThen(
      audit.record({
        ...entry,
        ...(threadId === undefined ? {} : { threadId }),
        ...(turnId === undefined ? {} : { turnId })
      }),
      log(entry)
    )
  )

/**
 * @internal Records a decision that was made elsewhere, such as in a database. `askedAt` is in milliseconds since the epoch.
 */
export const recordDecision = (
  audit: ApprovalAudit["Service"],
  request: ApprovalRequest,
  decision: ApprovalDecision,
  askedAt: number
): Effect.Effect<void> =>
  Effect.flatMap(Clock.Clock, (clock) => {
    const at = milliseconds(clock)
    return record(audit, entryOf(request, hash(request), decision, at, Math.max(0, at - askedAt)))
  })

const entryOf = (
  request: ApprovalRequest,
  hash: string,
  decision: ApprovalDecision,
  at: number,
  durationMillis: number
): AuditEntry => ({
  at,
  durationMillis,
  requestId: request.id,
  itemId: request.itemId,
  kind: kindOf(request),
  hash,
  decision: decisionName(decision),
  ...(decision._tag === "Decline" ? { reason: decision.reason } : {}),
  source: decision.source ?? "policy",
  ...(decision.policy === undefined ? {} : { policy: decision.policy })
})

const log = (entry: AuditEntry): Effect.Effect<void> =>
  Effect.logInfo("approval decided").pipe(
    Effect.annotateLogs({
      [attribute.approvalKind]: entry.kind,
      [attribute.approvalDecision]: entry.decision,
      [attribute.approvalSource]: entry.source,
      [attribute.approvalPolicy]: entry.policy ?? "custom",
      [attribute.toolCallId]: entry.itemId
    })
  )
