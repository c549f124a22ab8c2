/** Who sends a request, and what the app lets them do. The app provides both; there is no default. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Tool from "effect/ai/Tool"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import { Codex, type ThreadOptions } from "../Codex.ts"
import type * as CodexError from "../domain/CodexError.ts"
import type { ThreadId } from "../domain/Ids.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"
import type { Thread } from "../Thread.ts"
import * as HttpError from "./HttpError.ts"
import type { StartThreadRequest, StartTurnRequest } from "./HttpBodies.ts"

/**
 * The user of a request. Threads belong to `id`, so it must never be given to another person.
 * @since 0.1.0
 * @category models
 */
export interface User {
  readonly id: string
}

/**
 * The user of the request that is being handled. `Authentication` provides it.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { CurrentUser } from "effect-codex/http"
 *
 * // In a handler of the app's own, behind `Authentication`.
 * const greeting = CurrentUser.use(({ id }) => Effect.succeed(`Hello ${id}`))
 * ```
 */
export class CurrentUser extends Context.Service<CurrentUser, User>()("effect-codex/http/CurrentUser") {}

/**
 * Finds the user of a request by its bearer token. Provide it with `layerBearer`, or with `Layer.succeed(Authentication, …)` to
 * look at the whole request.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Authentication, CurrentUser } from "effect-codex/http"
 *
 * // A service behind a proxy that lets only one team in.
 * const Team = Layer.succeed(Authentication, {
 *   bearer: (handle) => Effect.provideService(handle, CurrentUser, { id: "team" })
 * })
 * ```
 */
export class Authentication extends HttpApiMiddleware.Service<Authentication, { provides: CurrentUser }>()(
  "effect-codex/http/Authentication",
  { security: { bearer: HttpApiSecurity.bearer }, error: HttpError.Unauthorized }
) {
  /**
   * Authenticates by the token of the header `Authorization: Bearer …`. `verify` returns the user, or `undefined` for a token
   * that it does not accept. Compare secrets in constant time. A request without a token does not reach it.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Effect, Redacted } from "effect"
   * import { Authentication, type User } from "effect-codex/http"
   * import { createHash } from "node:crypto"
   *
   * const digest = (token: string) => createHash("sha256").update(token).digest("hex")
   * // A look-up by the hash takes the same time for every token.
   * const users = new Map<string, User>([[digest("secret"), { id: "ada" }]])
   * const Users = Authentication.layerBearer((token) => Effect.sync(() => users.get(digest(Redacted.value(token)))))
   * ```
   */
  static readonly layerBearer = <R>(
    verify: (token: Redacted.Redacted) => Effect.Effect<User | undefined, never, R>
  ): Layer.Layer<Authentication, never, R> =>
    Layer.effect(
      Authentication,
      Effect.map(Effect.context<R>(), (context) => ({
        bearer: (handle, { credential }) =>
          // A request without a token has no user, even if the app has a user with an empty token by mistake.
          (Redacted.value(credential).trim() === ""
            ? Effect.undefined
            : Effect.provideContext(verify(credential), context)
          ).pipe(
            Effect.flatMap((user) =>
              user === undefined || user.id === "" ? Effect.fail(unauthorized()) : Effect.succeed(user)
            ),
            Effect.flatMap((user) => Effect.provideService(handle, CurrentUser, user))
          )
      }))
    )
}

const unauthorized = () =>
  new HttpError.Unauthorized({
    error: "Unauthorized",
    class: "auth",
    message: "the request has no valid bearer token",
    retryable: false
  })

/**
 * The name of an endpoint, for `authorize`.
 * @since 0.1.0
 * @category schemas
 */
export const Action = Schema.Literals([
  "start",
  "list",
  "read",
  "resume",
  "archive",
  "delete",
  "close",
  "turn",
  "events",
  "interrupt",
  "steer",
  "approvals",
  "answer"
])
export type Action = typeof Action.Type

const actionOf = Schema.decodeUnknownEffect(Action)

/**
 * A thread to open: a new one, or a stored one of the user.
 * @since 0.1.0
 * @category models
 */
export type OpenRequest =
  | { readonly _tag: "Start"; readonly request: StartThreadRequest }
  | { readonly _tag: "Resume"; readonly threadId: ThreadId }

/**
 * What the current user may open and run. `Authorization` provides it.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Grant } from "effect-codex/http"
 *
 * // In a handler of the app's own, behind `Authorization`.
 * const ask = (text: string) =>
 *   Grant.use(({ open }) => open({ _tag: "Start", request: {} })).pipe(
 *     Effect.flatMap((thread) => thread.run(text)),
 *     Effect.scoped
 *   )
 * ```
 */
export class Grant extends Context.Service<
  Grant,
  {
    readonly open: (
      request: OpenRequest
    ) => Effect.Effect<Thread, CodexError.StartError | HttpError.Forbidden, Scope.Scope>
    readonly turnOptions: (
      request: StartTurnRequest
    ) => Effect.Effect<TurnOptions.TurnOptions, HttpError.Forbidden>
  }
>()("effect-codex/http/Grant") {}

/**
 * What an app decides about its users.
 * @since 0.1.0
 * @category models
 */
export interface AuthorizationOptions<Tools extends Record<string, Tool.Any>, R> {
  /** Whether the user may use this endpoint at all. Runs before anything else; threads of other users are never reached. */
  readonly authorize: (user: User, action: Action) => Effect.Effect<void, HttpError.Forbidden, R>
  /**
   * The options of a thread that the user opens: directory, sandbox, tools. Nothing of the request applies by itself; copy
   * what clients may choose. It runs again when a stored thread is opened.
   */
  readonly threadOptions: (
    user: User,
    request: OpenRequest
  ) => Effect.Effect<ThreadOptions<Tools>, HttpError.Forbidden, R>
  /** The options of a turn, such as its timeout and budget. Nothing of the request applies by itself. Default: none. */
  readonly turnOptions?: (
    user: User,
    request: StartTurnRequest
  ) => Effect.Effect<TurnOptions.TurnOptions, HttpError.Forbidden, R>
}

/**
 * Decides what the current user may do. Provide it with `Authorization.layer`.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Authorization, forbidden } from "effect-codex/http"
 *
 * const Rights = Authorization.layer({
 *   authorize: (user, action) =>
 *     user.id === "guest" && action !== "read" ? Effect.fail(forbidden("guests can only read")) : Effect.void,
 *   threadOptions: (user) => Effect.succeed({ cwd: `/srv/projects/${user.id}`, sandbox: "workspace-write" }),
 *   turnOptions: () => Effect.succeed({ timeout: "10 minutes" })
 * })
 * ```
 */
export class Authorization extends HttpApiMiddleware.Service<
  Authorization,
  { requires: CurrentUser; provides: Grant }
>()("effect-codex/http/Authorization", { error: HttpError.Forbidden }) {
  /**
   * Authorises by these functions. The tools of `threadOptions` run with the services of this layer.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Effect } from "effect"
   * import { Authorization } from "effect-codex/http"
   *
   * // Each user has a directory, and no user may choose another one.
   * const Rights = Authorization.layer({
   *   authorize: () => Effect.void,
   *   threadOptions: (user) => Effect.succeed({ cwd: `/srv/projects/${user.id}`, sandbox: "read-only" }),
   *   turnOptions: () => Effect.succeed({ budget: { tokens: 500_000 } })
   * })
   * ```
   */
  static readonly layer = <Tools extends Record<string, Tool.Any> = {}, R = never>(
    options: AuthorizationOptions<Tools, R>
  ): Layer.Layer<Authorization, never, Codex | R | Tool.HandlerServices<Tools[keyof Tools]>> =>
    Layer.effect(
      Authorization,
      Effect.gen(function* () {
        const codex = yield* Codex
        const context = yield* Effect.context<R | Tool.HandlerServices<Tools[keyof Tools]>>()

        const grant = (user: User): Grant["Service"] => ({
          open: (request) =>
            options.threadOptions(user, request).pipe(
              Effect.map((threadOptions) => ({ user: user.id, ...threadOptions })),
              Effect.flatMap((threadOptions) =>
                request._tag === "Start"
                  ? codex.startThread(threadOptions)
                  : codex.resumeThread(request.threadId, threadOptions)
              ),
              Effect.provideContext(context)
            ),
          turnOptions: (request) =>
            options.turnOptions === undefined
              ? Effect.succeed({})
              : Effect.provideContext(options.turnOptions(user, request), context)
        })

        return (handle, { endpoint }) =>
          Effect.gen(function* () {
            const user = yield* CurrentUser
            const action = yield* Effect.orDie(actionOf(endpoint.identifier))
            yield* Effect.provideContext(options.authorize(user, action), context)
            return yield* Effect.provideService(handle, Grant, grant(user))
          })
      })
    )
}

/**
 * Makes the error for a user who may not do something. The client receives the message.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { forbidden, type User } from "effect-codex/http"
 *
 * const noGuests = (user: User) =>
 *   user.id === "guest" ? Effect.fail(forbidden("guests cannot start threads")) : Effect.void
 * ```
 */
export const forbidden = (message: string): HttpError.Forbidden =>
  new HttpError.Forbidden({ error: "Forbidden", class: "auth", message, retryable: false })
