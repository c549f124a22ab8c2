/** The implementation of the HTTP API. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as ApprovalQueue from "../approval/ApprovalQueue.ts"
import type * as PendingRequests from "../approval/PendingRequests.ts"
import { Conversations } from "../conversations/Conversations.ts"
import * as EventJson from "../domain/EventJson.ts"
import type { ThreadId } from "../domain/Ids.ts"
import { CurrentUser, Grant } from "./Access.ts"
import type { CodexHttpGroup } from "./CodexGroup.ts"
import * as ErrorResponse from "./ErrorResponse.ts"
import * as EventStream from "./EventStream.ts"
import { decisionOf, type WaitingApproval } from "./HttpBodies.ts"
import * as TurnRuns from "./TurnRuns.ts"

const decodeRequest = Schema.decodeUnknownEffect(EventJson.RequestLine)

const toPendingApproval = Effect.fnUntraced(function* (
  entry: PendingRequests.Pending
): Effect.fn.Return<WaitingApproval> {
  const { at, hash, id, openedThreadId, request, text, threadId, turnId } = entry
  return {
    id,
    requestId: request.id,
    hash,
    text,
    at,
    ...(turnId === undefined ? {} : { turnId }),
    ...(threadId === undefined || threadId === openedThreadId ? {} : { agentThreadId: threadId }),
    request: yield* Effect.orDie(decodeRequest(EventJson.request(request)))
  }
})

/**
 * Implements the group `codex`. Pass it to `HttpApiBuilder.group(Api, "codex", handlers)`, and provide `Codex`, an
 * `Approval.ApprovalQueue`, `Conversations`, `Authentication` and `Authorization`.
 */
export const handlers = (handlers: HttpApiBuilder.Handlers.FromGroup<CodexHttpGroup>) =>
  Effect.gen(function* () {
    const conversations = yield* Conversations
    const queue = yield* ApprovalQueue.ApprovalQueue
    const runs = yield* TurnRuns.make
    const toHttpError = yield* ErrorResponse.make

    /** The conversation of the current user with this id, for as long as the request runs. */
    const conversationOf = (threadId: ThreadId) =>
      Effect.flatMap(CurrentUser, ({ id }) => conversations.get(id, threadId))

    const pendingOf = (threadId: ThreadId) => (all: ReadonlyArray<PendingRequests.Pending>) =>
      all.filter(({ openedThreadId }) => openedThreadId === threadId)

    return handlers.handleAll({
      start: Effect.fn("codex.http.start")(function* ({ payload }) {
        const { id: owner } = yield* CurrentUser
        const grant = yield* Grant
        const { id, thread } = yield* conversations.open(
          owner,
          grant.open({ _tag: "Start", request: payload })
        )
        return { id, ...(thread.model === undefined ? {} : { model: thread.model }) }
      }, Effect.mapError(toHttpError)),
      close: ({ params }) =>
        Effect.flatMap(CurrentUser, ({ id }) => conversations.close(id, params.threadId)).pipe(
          Effect.mapError(toHttpError)
        ),
      turn: ({ params, payload }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const grant = yield* Grant
          const options = yield* grant.turnOptions(payload)
          yield* runs.openStream(user.id)
          // The scope of the request closes when its response ends, whether or not the client has received all of it.
          const run = yield* Effect.acquireRelease(
            runs.start(user.id, params.threadId, payload.input, options),
            (run) =>
              payload.onDisconnect === "continue" ? Effect.void : Effect.asVoid(Fiber.interrupt(run.fiber))
          )
          return EventStream.response(run, 0)
        }).pipe(Effect.mapError(toHttpError)),
      events: ({ headers, params }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const conversation = yield* conversationOf(params.threadId)
          yield* runs.openStream(user.id)
          const run = runs.find(conversation)
          const lastId = headers["last-event-id"]
          const after = lastId === undefined ? undefined : EventStream.parseId(lastId)
          if (run === undefined || (lastId !== undefined && after?.runId !== run.id))
            return yield* ErrorResponse.noTurn()
          return EventStream.response(run, after?.number ?? 0)
        }).pipe(Effect.mapError(toHttpError)),
      interrupt: ({ params }) =>
        Effect.flatMap(conversationOf(params.threadId), runs.interrupt).pipe(Effect.mapError(toHttpError)),
      steer: ({ params, payload }) =>
        Effect.flatMap(conversationOf(params.threadId), ({ thread }) => thread.steer(payload.input)).pipe(
          Effect.mapError(toHttpError)
        ),
      approvals: ({ params, query }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { id } = yield* conversationOf(params.threadId)
          const wait = query.wait ?? 0
          if (wait > 0) yield* runs.openStream(user.id)
          const found = yield* wait === 0
            ? Effect.map(queue.pending, pendingOf(id))
            : queue.changes.pipe(
                Stream.map(pendingOf(id)),
                Stream.filter((pending) => pending.length > 0),
                Stream.runHead,
                Effect.timeoutOption(Duration.seconds(wait)),
                Effect.map((found) => Option.getOrElse(Option.flatten(found), () => []))
              )
          return yield* Effect.forEach(found, toPendingApproval)
        }).pipe(Effect.mapError(toHttpError)),
      answer: ({ params, payload }) =>
        Effect.gen(function* () {
          const { id } = yield* conversationOf(params.threadId)
          yield* queue.answer(params.approvalId, decisionOf(payload), {
            hash: payload.hash,
            openedThreadId: id
          })
        }).pipe(Effect.mapError(toHttpError))
    })
  })
