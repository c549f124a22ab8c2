/** Who may do what: the roles of tokens for the endpoints of the group `codex`. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Schema from "effect/Schema"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { Codex, ThreadOptions } from "../Codex.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"
import { type Action, Authentication, Authorization, CurrentUser, forbidden } from "../http/Access.ts"
import * as HttpError from "../http/HttpError.ts"
import { visibleLine } from "../internal/VisibleText.ts"
import type * as CallerLimits from "./CallerLimits.ts"
import { allows, type Caller, CurrentCaller, type Role } from "./Role.ts"

/** All tokens see the same conversations, which belong to this user. */
export const owner = "serve"

/**
 * The roles of which one is needed for an endpoint. An approver may interrupt, because `cancel` does so too. Nobody deletes: the
 * history says what was approved, and `effect-codex threads delete` is for the user of this machine.
 */
const needed: Readonly<Record<Action, ReadonlyArray<Role>>> = {
  list: ["read"],
  read: ["read"],
  events: ["read"],
  approvals: ["read"],
  start: ["submit"],
  resume: ["submit"],
  turn: ["submit"],
  steer: ["submit"],
  archive: ["submit"],
  close: ["submit"],
  interrupt: ["submit", "approve"],
  answer: ["approve"],
  delete: []
}

const denied = (roles: ReadonlyArray<Role>): HttpError.Forbidden =>
  forbidden(
    roles.length === 0
      ? "this server does not do this for any token"
      : `this token does not have the role ${roles.join(" or ")}`
  )

export const unauthorized = (): HttpError.Unauthorized =>
  new HttpError.Unauthorized({
    error: "Unauthorized",
    class: "auth",
    message: "the request has no valid token; log in again",
    retryable: false
  })

/** Returns the caller that the guard found. */
export const caller: Effect.Effect<Caller, HttpError.Unauthorized> = Effect.flatMap(
  CurrentCaller,
  (caller) => (caller === undefined ? Effect.fail(unauthorized()) : Effect.succeed(caller))
)

/** Returns the caller if it has one of the roles. */
export const require = (
  roles: ReadonlyArray<Role>
): Effect.Effect<Caller, HttpError.Unauthorized | HttpError.Forbidden> =>
  Effect.flatMap(caller, (found) =>
    roles.some((role) => allows(found.roles, role)) ? Effect.succeed(found) : Effect.fail(denied(roles))
  )

/** The guard knows the caller already. */
export const authentication: Layer.Layer<Authentication> = Layer.succeed(Authentication, {
  bearer: (handle) => Effect.andThen(caller, Effect.provideService(handle, CurrentUser, { id: owner }))
})

/** Waits until a caller's token is revoked or its session ends. */
export const untilInvalid = ({ isValid }: Caller): Effect.Effect<void> =>
  Effect.sync(isValid).pipe(
    Effect.repeat({ while: (valid) => valid, schedule: Schedule.spaced("1 second") }),
    Effect.asVoid
  )

type Places = ReturnType<typeof CallerLimits.makePlaces>

const tooManyStreams = () =>
  new HttpError.TooManyRequests({
    error: "TooManyStreams",
    class: "transient",
    message: "this token has too many open streams; close one",
    retryable: true
  })

/** Takes a place for a stream of the caller until the request ends. */
export const takePlace = (places: Places, { key }: Caller) =>
  Effect.acquireRelease(
    Effect.suspend(() => (places.take(key) ? Effect.void : Effect.fail(tooManyStreams()))),
    () => Effect.sync(() => places.give(key))
  )

/** Ends the stream of a response when the caller is no longer valid. */
export const endWith = (
  response: HttpServerResponse.HttpServerResponse,
  caller: Caller
): HttpServerResponse.HttpServerResponse =>
  response.body._tag === "Stream"
    ? HttpServerResponse.setBody(
        response,
        HttpBody.stream(
          Stream.interruptWhen(response.body.stream, untilInvalid(caller)),
          response.body.contentType
        )
      )
    : response

/** How often an idle stream sends a comment, so that the page notices a lost connection. */
export const heartbeat = "15 seconds"

const connected = new TextEncoder().encode(": connected\n\n")

/** Returns the response with a stream of Server-Sent Events, which ends when the caller is no longer valid. */
export const eventStream = (
  events: Stream.Stream<Uint8Array>,
  caller: Caller
): HttpServerResponse.HttpServerResponse =>
  endWith(
    // The comment sends the headers at once, also if no event comes for a while.
    HttpServerResponse.stream(Stream.concat(Stream.make(connected), events), {
      contentType: "text/event-stream",
      // nginx would otherwise collect events before it passes them on.
      headers: { "cache-control": "no-store", "x-accel-buffering": "no" }
    }),
    caller
  )

/** Writes to the log who answered a request, and how: the audit of the server. */
export const logAnswer = ({ name }: Caller, decision: string, approvalId: string): Effect.Effect<void> =>
  Effect.logInfo(`${name} answers an approval request: ${decision} (${visibleLine(approvalId)})`)

const decodeAnswer = Schema.decodeUnknownEffect(Schema.Struct({ decision: Schema.String }))

/** Reads the answer from the request, whose body the endpoint has decoded before. */
const logLiveAnswer = (caller: Caller) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const { decision } = yield* Effect.flatMap(request.json, decodeAnswer)
    yield* logAnswer(caller, decision, request.url.split("/").at(-1) ?? "")
  }).pipe(Effect.orDie)

const streams: ReadonlySet<string> = new Set<Action>(["turn", "events", "approvals"])

export interface AccessOptions {
  /** The options of every thread. Nothing that a client sends changes them. */
  readonly thread: ThreadOptions
  readonly turn: TurnOptions.TurnOptions
}

/** Decides by the roles of the caller. Limits the streams of each caller and ends them when the caller is no longer valid. */
export const authorization = (
  { thread, turn }: AccessOptions,
  places: Places
): Layer.Layer<Authorization, never, Codex> =>
  Layer.effect(
    Authorization,
    Effect.map(
      Authorization,
      (authorize): Authorization["Service"] =>
        (handle, options) =>
          Effect.gen(function* () {
            const sender = yield* Effect.orDie(caller)
            const { identifier } = options.endpoint
            if (identifier === "answer")
              return yield* Effect.tap(authorize(handle, options), logLiveAnswer(sender))
            if (!streams.has(identifier)) return yield* authorize(handle, options)
            const taken = yield* Effect.result(takePlace(places, sender))
            if (taken._tag === "Failure") return HttpServerResponse.jsonUnsafe(taken.failure, { status: 429 })
            const response = yield* Effect.raceFirst(
              authorize(handle, options),
              Effect.andThen(untilInvalid(sender), Effect.fail(forbidden("this token was revoked")))
            )
            return endWith(response, sender)
          })
    )
  ).pipe(
    Layer.provide(
      Authorization.layer({
        authorize: (_, action) =>
          Effect.asVoid(Effect.catchTag(require(needed[action]), "Unauthorized", Effect.die)),
        threadOptions: () => Effect.succeed(thread),
        // Only the effort is the client's own choice.
        turnOptions: (_, request) =>
          Effect.succeed(request.effort === undefined ? turn : { ...turn, effort: request.effort })
      })
    )
  )
