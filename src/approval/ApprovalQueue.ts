/** A queue of approval requests that are answered elsewhere: on a web page, in a chat, by another process. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import { type ApprovalDecision, DecisionName } from "../domain/ApprovalDecision.ts"
import type { ThreadId } from "../domain/Ids.ts"
import * as PendingRequests from "./PendingRequests.ts"
import { ApprovalContext, type Policy } from "./Policy.ts"
import { describe } from "./RequestText.ts"
import type { ApprovalRequest } from "../domain/ApprovalRequest.ts"
import { hash } from "../domain/ApprovalRequestHash.ts"

/**
 * Another answer came first, or the request was withdrawn because its turn ended or timed out. The answer has no effect.
 * @since 0.1.0
 * @category errors
 */
export class AlreadyDecided extends Schema.TaggedError<AlreadyDecided>()("AlreadyDecided", {
  id: Schema.String,
  decided: Schema.Literals([...DecisionName.literals, "withdrawn"])
}) {
  override get message() {
    return this.decided === "withdrawn"
      ? `the approval request ${this.id} was withdrawn before this answer, which has no effect`
      : `the approval request ${this.id} is already decided (${this.decided}); this answer has no effect`
  }
}

/**
 * No request with this id is pending, and none was recently.
 * @since 0.1.0
 * @category errors
 */
export class NotPending extends Schema.TaggedError<NotPending>()("NotPending", { id: Schema.String }) {
  override get message() {
    return `there is no pending approval request ${this.id}`
  }
}

/**
 * The hash of the answer does not match the request. The request stays pending.
 * @since 0.1.0
 * @category errors
 */
export class ArgumentsChanged extends Schema.TaggedError<ArgumentsChanged>()("ArgumentsChanged", {
  id: Schema.String,
  /** The hash of the pending request. */
  hash: Schema.String
}) {
  override get message() {
    return `the answer to the approval request ${this.id} has the hash of another request; review the request again`
  }
}

/**
 * The answer is invalid for the request, such as a form with a missing field. The request stays pending.
 * @since 0.1.0
 * @category errors
 */
export class AnswerRejected extends Schema.TaggedError<AnswerRejected>()("AnswerRejected", {
  id: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `the answer to the approval request ${this.id} is invalid: ${this.problem}`
  }
}

/**
 * Why an answer to a pending request has no effect.
 * @since 0.1.0
 * @category schemas
 */
export const AnswerError = Schema.Union([AlreadyDecided, NotPending, ArgumentsChanged, AnswerRejected])
export type AnswerError = typeof AnswerError.Type

const errorOf = (id: string, refusal: PendingRequests.Refusal): AnswerError => {
  switch (refusal._tag) {
    case "AlreadyDecided":
      return new AlreadyDecided({ id, decided: refusal.decided })
    case "NotPending":
      return new NotPending({ id })
    case "ArgumentsChanged":
      return new ArgumentsChanged({ id, hash: refusal.hash })
    case "AnswerRejected":
      return new AnswerRejected({ id, problem: refusal.problem })
  }
}

/**
 * Lists the pending requests, oldest first, and accepts their answers. A request is pending until its first answer, the
 * end of its turn or the timeout around the policy.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 *
 * const acceptOldest = Effect.gen(function* () {
 *   const queue = yield* Approval.ApprovalQueue
 *   const [oldest] = yield* queue.pending
 *   if (oldest === undefined) return
 *   yield* Effect.log(oldest.text)
 *   yield* queue.answer(oldest.id, Approval.accept, { hash: oldest.hash })
 * })
 * ```
 */
export class ApprovalQueue extends Context.Service<
  ApprovalQueue,
  {
    readonly pending: Effect.Effect<ReadonlyArray<PendingRequests.Pending>>
    /** The pending requests, now and after every change. A slow reader can miss intermediate states, never the last. */
    readonly changes: Stream.Stream<ReadonlyArray<PendingRequests.Pending>>
    /**
     * Answers a request. `hash` is the hash of the entry that the user saw. With `openedThreadId`, only a request of that
     * open thread, or of its sub-agents, can be answered; any other fails with `NotPending`.
     */
    readonly answer: (
      id: string,
      decision: ApprovalDecision,
      shown: { readonly hash: string; readonly openedThreadId?: ThreadId | undefined }
    ) => Effect.Effect<void, AnswerError>
    /** Adds a request and waits for its answer. */
    readonly ask: (request: ApprovalRequest) => Effect.Effect<ApprovalDecision>
  }
>()("effect-codex/ApprovalQueue") {
  /**
   * Keeps the pending requests in memory. Requests that wait when the layer closes are declined with their turns.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Layer } from "effect"
   * import { Approval } from "effect-codex"
   *
   * // The app reads the same queue that the policy fills.
   * const ApprovalsLive = Approval.layer(Approval.timeout(Approval.queue, "10 minutes")).pipe(
   *   Layer.provideMerge(Approval.ApprovalQueue.layer)
   * )
   * ```
   */
  static readonly layer: Layer.Layer<ApprovalQueue> = Layer.effect(
    ApprovalQueue,
    Effect.gen(function* () {
      // A slow reader only needs the last state.
      const lists = yield* Effect.acquireRelease(
        PubSub.sliding<ReadonlyArray<PendingRequests.Pending>>({ capacity: 1, replay: 1 }),
        (lists) => PubSub.shutdown(lists)
      )
      /** The answer to each pending request. An entry goes away with its request. */
      const answers = new WeakMap<PendingRequests.Pending, Deferred.Deferred<ApprovalDecision>>()
      let state = PendingRequests.initial

      const pendingList = () => [...state.pending.values()]

      /** The only place that changes the state. It is synchronous, so that exactly one of two answers is the first. */
      const setState = (next: PendingRequests.PendingState): Effect.Effect<void> => {
        if (next === state) return Effect.void
        state = next
        return Effect.suspend(() => PubSub.publish(lists, pendingList()))
      }
      yield* PubSub.publish(lists, pendingList())

      const ask = Effect.fnUntraced(function* (request: ApprovalRequest) {
        const { openedThreadId, threadId, turnId } = yield* ApprovalContext
        const at = Number((yield* Clock.Clock).currentTimeNanosUnsafe()) / 1e6
        // A copy, so that later changes to the request do not change what the user sees.
        const copy = structuredClone(request)
        // A unique id, across processes too: a late answer must not reach another request.
        const entry = {
          id: randomUUID(),
          threadId,
          openedThreadId,
          turnId,
          request: copy,
          text: describe(copy),
          hash: hash(copy),
          at
        }
        // Before the request is visible: its answer can arrive immediately.
        const answered = Deferred.makeUnsafe<ApprovalDecision>()
        return yield* Effect.uninterruptibleMask((restore) => {
          answers.set(entry, answered)
          return Effect.andThen(
            setState(PendingRequests.ask(state, entry)),
            restore(Deferred.await(answered))
          ).pipe(Effect.ensuring(Effect.suspend(() => setState(PendingRequests.withdraw(state, entry.id)))))
        })
      })

      const answer = (
        id: string,
        decision: ApprovalDecision,
        shown: { readonly hash: string; readonly openedThreadId?: ThreadId | undefined }
      ) =>
        Effect.uninterruptible(
          Effect.suspend((): Effect.Effect<void, AnswerError> => {
            const entry = state.pending.get(id)
            const [next, refusal] = PendingRequests.answer(
              state,
              id,
              decision,
              shown.hash,
              shown.openedThreadId
            )
            if (refusal !== undefined) return Effect.fail(errorOf(id, refusal))
            const changed = setState(next)
            const answered = entry === undefined ? undefined : answers.get(entry)
            if (answered !== undefined) {
              Deferred.doneUnsafe(answered, Exit.succeed({ source: "user", policy: "queue", ...decision }))
            }
            return changed
          })
        )

      return ApprovalQueue.of({
        pending: Effect.sync(pendingList),
        changes: Stream.fromPubSub(lists),
        answer,
        ask
      })
    })
  )
}

/**
 * Waits for an answer in the `ApprovalQueue`, without a limit: combine it with `timeout`.
 * @since 0.1.0
 * @category policies
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * const policy = Approval.firstOf(
 *   Approval.rules([{ kind: "tool", tool: "lookup_ticket", decision: "accept" }]),
 *   Approval.timeout(Approval.queue, "10 minutes")
 * )
 * ```
 */
export const queue: Policy<ApprovalQueue> = (request) => ApprovalQueue.use((queue) => queue.ask(request))
