/** The implementation of the HTTP API. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Codex } from "../Codex.ts"
import * as ApprovalQueue from "../approval/ApprovalQueue.ts"
import type * as PendingRequests from "../approval/PendingRequests.ts"
import { type Conversation, Conversations } from "../conversations/Conversations.ts"
import * as EventJson from "../domain/EventJson.ts"
import type * as CodexError from "../domain/CodexError.ts"
import type { ThreadId } from "../domain/Ids.ts"
import type * as ThreadInfo from "../domain/ThreadInfo.ts"
import * as Redaction from "../redaction/Redaction.ts"
import { type Authentication, type Authorization, CurrentUser, Grant } from "./Access.ts"
import type { CodexHttpGroup } from "./CodexGroup.ts"
import * as ErrorResponse from "./ErrorResponse.ts"
import * as EventStream from "./EventStream.ts"
import {
  decisionOf,
  inputOf,
  type OpenThread,
  type ThreadDetail,
  type WaitingApproval
} from "./HttpBodies.ts"
import type { RequestBoundary } from "./RequestBoundary.ts"
import { ThreadOwners } from "./ThreadOwners.ts"
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

const decodeItems = Schema.decodeUnknownEffect(Schema.Array(EventJson.ItemLine))

const toDetail = Effect.fnUntraced(function* (
  { createdAt, id, name, preview, turns, updatedAt }: ThreadInfo.ThreadHistory,
  scrub: (text: string) => string
): Effect.fn.Return<ThreadDetail> {
  return {
    id,
    ...(name === undefined ? {} : { name }),
    preview,
    createdAt,
    updatedAt,
    turns: yield* Effect.forEach(turns, ({ durationMillis, error, items, ...turn }) =>
      Effect.map(Effect.orDie(decodeItems(items.map(EventJson.item))), (items) => ({
        ...turn,
        items,
        ...(error === undefined ? {} : { error: scrub(error) }),
        ...(durationMillis === undefined ? {} : { duration: durationMillis })
      }))
    )
  }
})

const toOpenThread = ({ id, thread }: Conversation): OpenThread => ({
  id,
  ...(thread.model === undefined ? {} : { model: thread.model })
})

/** Whether Codex has no thread with the id. */
const isMissing = (error: CodexError.CodexError): boolean =>
  error._tag === "InvalidRequest" && error.reason === "ThreadNotFound"

/** A client cannot make the server search more stored threads than these for its own. */
const maxSearched = 10_000

/**
 * Implements the group `codex`. Pass it to `HttpApiBuilder.group(Api, "codex", handlers)`, and provide `Codex`, an
 * `Approval.ApprovalQueue`, `Conversations`, `ThreadOwners`, `Authentication` and `Authorization`, and `RequestBoundary.layer`.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { CodexGroup, handlers } from "effect-codex/http"
 * import { HttpApi, HttpApiBuilder } from "effect/http-api"
 *
 * const Api = HttpApi.make("app").add(CodexGroup.prefix("/api"))
 * const CodexRoutes = HttpApiBuilder.group(Api, "codex", handlers)
 * ```
 */
export const handlers = (
  handlers: HttpApiBuilder.Handlers.FromGroup<CodexHttpGroup>
): Effect.Effect<
  HttpApiBuilder.Handlers<
    Authentication | Authorization | RequestBoundary,
    CodexHttpGroup["endpoints"],
    keyof CodexHttpGroup["endpoints"]
  >,
  never,
  Codex | ApprovalQueue.ApprovalQueue | Conversations | ThreadOwners
> =>
  Effect.gen(function* () {
    const conversations = yield* Conversations
    const codex = yield* Codex
    const owners = yield* ThreadOwners
    const redaction = yield* Redaction.Current
    const queue = yield* ApprovalQueue.ApprovalQueue
    const runs = yield* TurnRuns.make
    const toHttpError = yield* ErrorResponse.make

    /** The conversation of the current user with this id, for as long as the request runs. */
    const conversationOf = (threadId: ThreadId) =>
      Effect.flatMap(CurrentUser, ({ id }) => conversations.get(id, threadId))

    /** Fails as for a thread that does not exist, if the thread is not one of the current user. */
    const owned = Effect.fnUntraced(function* (threadId: ThreadId) {
      const { id } = yield* CurrentUser
      // A new thread gets its owner with its first turn; until then it is only open.
      const open = yield* Effect.result(Effect.scoped(conversations.get(id, threadId)))
      if (Result.isFailure(open) && (yield* owners.ownerOf(threadId)) !== id) return yield* open.failure
      return id
    })

    /** Opens a stored thread of the current user, unless it is open. */
    const resumed = Effect.fnUntraced(function* (threadId: ThreadId) {
      const owner = yield* owned(threadId)
      const grant = yield* Grant
      return yield* Effect.scoped(conversations.get(owner, threadId)).pipe(
        Effect.catchTag("ConversationNotFound", () =>
          conversations.open(owner, grant.open({ _tag: "Resume", threadId }))
        )
      )
    })

    /** Closes the conversation with this thread, if it is open. */
    const closed = Effect.fnUntraced(function* (threadId: ThreadId) {
      const owner = yield* owned(threadId)
      yield* Effect.catchTag(conversations.close(owner, threadId), "ConversationNotFound", () => Effect.void)
    })

    const pendingOf = (threadId: ThreadId) => (all: ReadonlyArray<PendingRequests.Pending>) =>
      all.filter(({ openedThreadId }) => openedThreadId === threadId)

    const implemented = handlers.handleAll({
      start: Effect.fnUntraced(function* ({ payload }) {
        const { id: owner } = yield* CurrentUser
        const grant = yield* Grant
        const conversation = yield* conversations.open(owner, grant.open({ _tag: "Start", request: payload }))
        return toOpenThread(conversation)
      }, Effect.mapError(toHttpError)),
      list: ({ query }) =>
        Effect.gen(function* () {
          const { id } = yield* CurrentUser
          const own = new Set(yield* owners.list(id))
          if (own.size === 0) return []
          const open = new Set((yield* conversations.list(id)).map((conversation) => conversation.id))
          const infos = yield* codex.listThreads({ archived: query.archived === "true" }).pipe(
            Stream.take(maxSearched),
            Stream.filter((info) => own.has(info.id)),
            Stream.take(query.limit ?? 20),
            Stream.runCollect
          )
          return infos.map(({ createdAt, id, name, preview, updatedAt }) => ({
            id,
            ...(name === undefined ? {} : { name }),
            preview,
            createdAt,
            updatedAt,
            open: open.has(id)
          }))
        }).pipe(Effect.mapError(toHttpError)),
      read: ({ params }) =>
        owned(params.threadId).pipe(
          Effect.andThen(codex.readThread(params.threadId)),
          Effect.flatMap((history) => toDetail(history, (text) => redaction.text(text))),
          Effect.mapError(toHttpError)
        ),
      resume: ({ params }) =>
        resumed(params.threadId).pipe(Effect.map(toOpenThread), Effect.mapError(toHttpError)),
      archive: ({ params }) =>
        closed(params.threadId).pipe(
          Effect.andThen(codex.archiveThread(params.threadId)),
          Effect.mapError(toHttpError)
        ),
      delete: ({ params }) =>
        Effect.gen(function* () {
          const { threadId } = params
          yield* closed(threadId)
          const isStored = (yield* owners.ownerOf(threadId)) !== undefined
          // Codex stores a thread with its first turn, and for a moment after its end does not find it.
          yield* codex.deleteThread(threadId).pipe(
            Effect.retry({
              while: isMissing,
              schedule: Schedule.spaced("100 millis"),
              times: isStored ? 5 : 0
            }),
            Effect.catchIf(isMissing, () => Effect.void)
          )
          yield* owners.release(threadId)
        }).pipe(Effect.mapError(toHttpError)),
      close: ({ params }) =>
        Effect.flatMap(CurrentUser, ({ id }) => conversations.close(id, params.threadId)).pipe(
          Effect.mapError(toHttpError)
        ),
      turn: ({ params, payload }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const grant = yield* Grant
          const options = yield* grant.turnOptions(payload)
          const { id } = yield* resumed(params.threadId)
          yield* runs.openStream(user.id)
          // The scope of the request closes when its response ends, whether or not the client has received all of it.
          const run = yield* Effect.acquireRelease(
            runs.start(user.id, id, inputOf(payload.input), options),
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
        Effect.flatMap(conversationOf(params.threadId), ({ thread }) =>
          thread.steer(inputOf(payload.input))
        ).pipe(Effect.mapError(toHttpError)),
      approvals: ({ params, query }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { thread } = yield* conversationOf(params.threadId)
          const wait = query.wait ?? 0
          if (wait > 0) yield* runs.openStream(user.id)
          const found = yield* wait === 0
            ? Effect.map(queue.pending, pendingOf(thread.id))
            : queue.changes.pipe(
                Stream.map(pendingOf(thread.id)),
                Stream.filter((pending) => pending.length > 0),
                Stream.runHead,
                Effect.timeoutOption(Duration.seconds(wait)),
                Effect.map((found) => Option.getOrElse(Option.flatten(found), () => []))
              )
          return yield* Effect.forEach(found, toPendingApproval)
        }).pipe(Effect.mapError(toHttpError)),
      answer: ({ params, payload }) =>
        Effect.gen(function* () {
          const { thread } = yield* conversationOf(params.threadId)
          yield* queue.answer(params.approvalId, decisionOf(payload), {
            hash: payload.hash,
            openedThreadId: thread.id
          })
        }).pipe(Effect.mapError(toHttpError))
    })
    return implemented
  })
