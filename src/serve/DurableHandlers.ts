/** The implementation of the API of durable turns. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { NotPending } from "../approval/ApprovalQueue.ts"
import type { EventLine } from "../domain/EventLine.ts"
import type { Durable, SubmitOptions } from "../durable/Durable.ts"
import * as ErrorResponse from "../http/ErrorResponse.ts"
import { decisionOf, inputOf } from "../http/HttpBodies.ts"
import * as HttpError from "../http/HttpError.ts"
import { jsonLine } from "../internal/VisibleText.ts"
import type * as CallerLimits from "./CallerLimits.ts"
import * as Inbox from "./Inbox.ts"
import * as ServeAccess from "./ServeAccess.ts"
import { Api } from "./ServeApi.ts"

/** The database of the server, and the options of what the page submits. Nothing that a client sends changes these. */
export interface DurableOptions {
  readonly client: Durable["Service"]
  readonly submit: Omit<SubmitOptions, "key" | "thread" | "user">
}

/**
 * Begins the keys and threads of what the page submits. A client continues only such a thread, because the threads of other programs
 * can have wider options than this server.
 */
const prefix = "serve/"

const noDatabase = () =>
  HttpError.make(404, {
    error: "NoDatabase",
    class: "request",
    message: "this server has no database of durable turns; start it with --db",
    retryable: false
  })

const foreignThread = () =>
  HttpError.make(403, {
    error: "Forbidden",
    class: "auth",
    message: "another program has made this thread; this server only continues its own",
    retryable: false
  })

/** Returns the input as it can be stored. A client names no attachment, which would belong to one process. */
const storable = (input: ReturnType<typeof inputOf>) =>
  typeof input === "string" ? input : input.filter((part) => part._tag === "Text" || part._tag === "Image")

/** Removes the reason of a retry, which may name addresses of the host. */
const withoutReason = (line: EventLine): EventLine => {
  if (line.type !== "retrying") return line
  const { detail: _, ...rest } = line
  return rest
}

/** The lines after line `after` as Server-Sent Events. The events of a turn never change their order, so their numbers are ids. */
const events = (durable: Durable["Service"], key: string, after: number) =>
  durable.watch(key).pipe(
    Stream.zipWithIndex,
    Stream.drop(after),
    Stream.map(([line, index]) => `id: ${index + 1}\ndata: ${jsonLine(withoutReason(line))}\n\n`),
    // The client connects again, and continues after the last line that it has.
    Stream.catch(() => Stream.empty),
    Stream.merge(
      Stream.map(Stream.fromSchedule(Schedule.spaced(ServeAccess.heartbeat)), () => ": keep-alive\n\n"),
      { haltStrategy: "left" }
    ),
    Stream.encodeText
  )

export const durable = (
  options: DurableOptions | undefined,
  places: ReturnType<typeof CallerLimits.makePlaces>
) =>
  HttpApiBuilder.group(
    Api,
    "durable",
    Effect.fnUntraced(function* (handlers) {
      const toHttpError = yield* ErrorResponse.make

      /** Runs `use` with the database, if the caller has one of the roles. */
      const withRole = <A, R>(
        roles: Parameters<typeof ServeAccess.require>[0],
        use: (
          options: DurableOptions,
          caller: Effect.Success<typeof ServeAccess.caller>
        ) => Effect.Effect<A, ErrorResponse.HandlerError, R>
      ) =>
        Effect.gen(function* () {
          const caller = yield* ServeAccess.require(roles)
          if (options === undefined) return yield* noDatabase()
          return yield* use(options, caller)
        }).pipe(Effect.mapError(toHttpError))

      const waiting = (client: Durable["Service"], id: string) =>
        Effect.flatMap(client.approvals.show(id), (approval) =>
          approval.status === "pending" ? Effect.succeed(approval) : Effect.fail(new NotPending({ id }))
        )

      return handlers.handleAll({
        submit: ({ payload: { id, input, thread = `${prefix}${id}` } }) =>
          withRole(["submit"], ({ client, submit }, { name }) =>
            thread.startsWith(prefix)
              ? client.submit(storable(inputOf(input)), {
                  ...submit,
                  key: `${prefix}${id}`,
                  thread,
                  user: name
                })
              : Effect.fail(foreignThread())
          ),
        durableTurn: ({ params }) => withRole(["read"], ({ client }) => client.turn(params.key)),
        durableEvents: ({ headers, params }) =>
          withRole(["read"], ({ client }, caller) =>
            Effect.gen(function* () {
              // Fails for a turn that does not exist, before the stream begins.
              yield* client.turn(params.key)
              yield* ServeAccess.takePlace(places, caller)
              return ServeAccess.eventStream(
                events(client, params.key, Number(headers["last-event-id"] ?? 0)),
                caller
              )
            })
          ),
        durableInterrupt: ({ params }) =>
          withRole(["submit", "approve"], ({ client }) => client.interrupt(params.key)),
        durableRequest: ({ params, query }) =>
          withRole(["read"], ({ client }) =>
            Effect.map(waiting(client, params.approvalId), (approval) =>
              Inbox.page(Inbox.ofDurableTurn(approval), query.from ?? 0)
            )
          ),
        durableAnswer: ({ params, payload }) =>
          withRole(["approve"], ({ client }, caller) =>
            Effect.andThen(
              client.approvals.answer(
                params.approvalId,
                { decision: decisionOf(payload), hash: payload.hash },
                caller.name
              ),
              ServeAccess.logAnswer(caller, payload.decision, params.approvalId)
            )
          )
      })
    })
  )
