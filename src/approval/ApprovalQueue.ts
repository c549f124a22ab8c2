/** Questions that wait for somebody elsewhere: a web page, a chat, another process. */
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
import type { ApprovalDecision } from "../domain/ApprovalDecision.ts"
import * as PendingRequests from "./PendingRequests.ts"
import { ApprovalContext, type Policy } from "./Policy.ts"
import type { ApprovalRequest } from "../domain/ApprovalRequest.ts"
import { hash } from "../domain/ApprovalRequestHash.ts"

/** Somebody was faster, or the question was withdrawn: its turn ended, or its time was up. The answer has no effect. */
export class AlreadyDecided extends Schema.TaggedError<AlreadyDecided>()("AlreadyDecided", {
  id: Schema.String,
  decided: Schema.Literals(["accept", "acceptForSession", "decline", "cancel", "withdrawn"])
}) {
  override get message() {
    return this.decided === "withdrawn"
      ? `the question ${this.id} was withdrawn before this answer; nothing was done`
      : `the question ${this.id} has been answered (${this.decided}); this answer has no effect`
  }
}

/** No such question waits here, nor did one lately. */
export class NotPending extends Schema.TaggedError<NotPending>()("NotPending", { id: Schema.String }) {
  override get message() {
    return `no question ${this.id} waits for an answer`
  }
}

/** The answer is to something else than what is asked; the question still waits. */
export class ArgumentsChanged extends Schema.TaggedError<ArgumentsChanged>()("ArgumentsChanged", {
  id: Schema.String,
  /** The hash of what is asked. */
  hash: Schema.String
}) {
  override get message() {
    return `the answer to the question ${this.id} names other arguments than it asks for; look at it again`
  }
}

/** The answer does not answer what is asked, such as a form with a field missing; the question still waits. */
export class AnswerRejected extends Schema.TaggedError<AnswerRejected>()("AnswerRejected", {
  id: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `the answer to the question ${this.id} does not fit: ${this.problem}`
  }
}

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
    case "Unfit":
      return new AnswerRejected({ id, problem: refusal.problem })
  }
}

/**
 * The questions that wait, oldest first, and the place to answer them. A question is there from when it is asked until
 * the first answer, the end of its turn, or the deadline around it.
 */
export class ApprovalQueue extends Context.Service<
  ApprovalQueue,
  {
    readonly pending: Effect.Effect<ReadonlyArray<PendingRequests.Pending>>
    /** What waits now, and again whenever that changes. Who reads too slowly misses states in between, never the last. */
    readonly changes: Stream.Stream<ReadonlyArray<PendingRequests.Pending>>
    /** Answers a question. `hash` is that of the entry which was shown to whoever answers. */
    readonly answer: (
      id: string,
      decision: ApprovalDecision,
      shown: { readonly hash: string }
    ) => Effect.Effect<void, AnswerError>
    /** Puts a question in and waits for its answer. */
    readonly ask: (request: ApprovalRequest) => Effect.Effect<ApprovalDecision>
  }
>()("effect-codex/ApprovalQueue") {
  static readonly layer: Layer.Layer<ApprovalQueue> = Layer.effect(
    ApprovalQueue,
    Effect.gen(function* () {
      // Only the last state is of use to whoever was too slow for those before it.
      const lists = yield* Effect.acquireRelease(
        PubSub.sliding<ReadonlyArray<PendingRequests.Pending>>({ capacity: 1, replay: 1 }),
        (lists) => PubSub.shutdown(lists)
      )
      const waiting = new Map<string, Deferred.Deferred<ApprovalDecision>>()
      let state = PendingRequests.initial

      const pendingList = () => [...state.pending.values()]

      /** The only place that changes the state: at once, so that of two answers one is the first. */
      const setState = (next: PendingRequests.PendingState): Effect.Effect<void> => {
        if (next === state) return Effect.void
        state = next
        return Effect.suspend(() => PubSub.publish(lists, pendingList()))
      }
      yield* PubSub.publish(lists, pendingList())

      const ask = Effect.fnUntraced(function* (request: ApprovalRequest) {
        const { threadId, turnId } = yield* ApprovalContext
        const at = Number((yield* Clock.Clock).currentTimeNanosUnsafe()) / 1e6
        // A copy: what is shown to whoever answers is what was asked.
        const copy = structuredClone(request)
        // Never used again, also not by another process: a late answer must not meet another question.
        const entry = { id: randomUUID(), threadId, turnId, request: copy, hash: hash(copy), at }
        // Before anybody can see the question: the answer may come at once.
        const answered = Deferred.makeUnsafe<ApprovalDecision>()
        return yield* Effect.uninterruptibleMask((restore) => {
          waiting.set(entry.id, answered)
          return Effect.andThen(
            setState(PendingRequests.ask(state, entry)),
            restore(Deferred.await(answered))
          ).pipe(
            Effect.ensuring(
              Effect.suspend(() => {
                waiting.delete(entry.id)
                return setState(PendingRequests.withdraw(state, entry.id))
              })
            )
          )
        })
      })

      const answer = (id: string, decision: ApprovalDecision, shown: { readonly hash: string }) =>
        Effect.uninterruptible(
          Effect.suspend((): Effect.Effect<void, AnswerError> => {
            const [next, refusal] = PendingRequests.answer(state, id, decision, shown.hash)
            if (refusal !== undefined) return Effect.fail(errorOf(id, refusal))
            const changed = setState(next)
            const answered = waiting.get(id)
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

/** Asks whoever looks at the `ApprovalQueue`, for as long as it takes: put a `timeout` around it. */
export const queue: Policy<ApprovalQueue> = (request) => ApprovalQueue.use((queue) => queue.ask(request))
