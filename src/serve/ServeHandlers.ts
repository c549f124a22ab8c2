/** The implementation of the API of the page. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as ApprovalQueue from "../approval/ApprovalQueue.ts"
import { Codex } from "../Codex.ts"
import { Conversations } from "../conversations/Conversations.ts"
import type { Durable } from "../durable/Durable.ts"
import * as ErrorResponse from "../http/ErrorResponse.ts"
import * as HttpError from "../http/HttpError.ts"
import { jsonLine } from "../internal/VisibleText.ts"
import type * as CallerLimits from "./CallerLimits.ts"
import * as DurableFeed from "./DurableFeed.ts"
import * as Inbox from "./Inbox.ts"
import { secretOf } from "./RequestGuard.ts"
import * as ServeAccess from "./ServeAccess.ts"
import { Api, type Me, type ServeState } from "./ServeApi.ts"
import type { TurnTraces } from "./TurnTraces.ts"
import type { Sessions } from "./Sessions.ts"

export const session = (sessions: Sessions) =>
  HttpApiBuilder.group(Api, "session", (handlers) =>
    handlers.handle("login", ({ payload }) =>
      Effect.flatMap(sessions.start(payload), (login) =>
        login === undefined ? Effect.fail(ServeAccess.unauthorized()) : Effect.succeed(login)
      )
    )
  )

export interface HandlerOptions {
  readonly settings: Pick<Me, "directory" | "sandbox" | "network" | "approvalTimeout">
  /** The database of durable turns, if the server has one. */
  readonly durable: Durable["Service"] | undefined
  readonly traces: TurnTraces
  readonly sessions: Sessions
  readonly places: ReturnType<typeof CallerLimits.makePlaces>
}

const noTrace = () =>
  HttpError.make(404, {
    error: "TraceNotFound",
    class: "request",
    message: "the server has no spans of this turn any more; see --traces",
    retryable: false
  })

const encodeEvent = (state: ServeState): string => `data: ${jsonLine(state)}\n\n`

export const serve = ({ durable, places, sessions, settings, traces }: HandlerOptions) =>
  HttpApiBuilder.group(
    Api,
    "serve",
    Effect.fnUntraced(function* (handlers) {
      const queue = yield* ApprovalQueue.ApprovalQueue
      const conversations = yield* Conversations
      const codex = yield* Codex
      const toHttpError = yield* ErrorResponse.make
      const timeout = settings.approvalTimeout

      const feed = durable === undefined ? undefined : yield* DurableFeed.make(durable)

      const state = Effect.gen(function* () {
        const open = yield* conversations.list(ServeAccess.owner)
        const live = (yield* queue.pending).map((each) => Inbox.ofLiveTurn(each, timeout))
        const snapshot = feed === undefined ? undefined : yield* feed.latest
        const stored = (snapshot?.approvals ?? []).map(Inbox.ofDurableTurn)
        return {
          inbox: [...live, ...stored].toSorted((left, right) => left.at - right.at).map(Inbox.entry),
          open: open.map(({ id, lastWork, running }) => ({
            id,
            running: running > 0,
            ...(lastWork === undefined ? {} : { turn: lastWork })
          })),
          ...(snapshot === undefined
            ? {}
            : { durable: { available: snapshot.available, turns: snapshot.turns } })
        }
      })

      // The registry of conversations has no notifications, so it is read again and again while a page is open.
      const changes = Stream.merge(queue.changes, Stream.fromSchedule(Schedule.spaced("1 second"))).pipe(
        Stream.merge(feed?.changes ?? Stream.never)
      )
      const updates = changes.pipe(
        Stream.mapEffect(() => state),
        Stream.map(encodeEvent),
        Stream.changes,
        Stream.merge(
          Stream.map(Stream.fromSchedule(Schedule.spaced(ServeAccess.heartbeat)), () => ": keep-alive\n\n")
        ),
        Stream.encodeText
      )

      return handlers.handleAll({
        me: () =>
          Effect.map(ServeAccess.caller, ({ name, roles }) => ({
            name,
            roles,
            ...settings,
            durable: durable !== undefined
          })),
        logout: () =>
          Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) =>
            sessions.end(secretOf(headers["authorization"]) ?? "")
          ),
        updates: () =>
          Effect.gen(function* () {
            const caller = yield* ServeAccess.caller
            yield* ServeAccess.takePlace(places, caller)
            return ServeAccess.eventStream(updates, caller)
          }),
        request: ({ params, query }) =>
          Effect.gen(function* () {
            const pending = (yield* queue.pending).find(({ id }) => id === params.approvalId)
            return pending === undefined
              ? yield* new ApprovalQueue.NotPending({ id: params.approvalId })
              : Inbox.page(Inbox.ofLiveTurn(pending, timeout), query.from ?? 0)
          }).pipe(Effect.mapError(toHttpError)),
        trace: ({ params }) =>
          Effect.flatMap(traces.read(params.turnId), (trace) =>
            trace === undefined
              ? Effect.fail(noTrace())
              : Effect.succeed(HttpServerResponse.jsonUnsafe(trace))
          ),
        limits: () => Effect.mapError(codex.limits.read, toHttpError)
      })
    })
  )
