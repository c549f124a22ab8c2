/** The API of the page: login, the state that it follows, approval requests in pages, and limits; besides the group `codex`. */
import * as Schema from "effect/Schema"
import type * as HttpRouter from "effect/http/HttpRouter"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import { ThreadId } from "../domain/Ids.ts"
import { RateLimits } from "../domain/RateLimits.ts"
import { DurableTurnRecord } from "../durable/DurableRecords.ts"
import { Authentication } from "../http/Access.ts"
import { CodexGroup } from "../http/CodexGroup.ts"
import * as HttpError from "../http/HttpError.ts"
import { RequestBoundary } from "../http/RequestBoundary.ts"
import { durable } from "./DurableApi.ts"
import * as InboxApi from "./InboxApi.ts"
import { Role } from "./Role.ts"

const { optionalKey } = Schema
const path = (path: HttpRouter.PathInput): HttpRouter.PathInput => path

const secret = Schema.String.check(Schema.isMaxLength(200))

/** What a person logs in with: a token, or the code that the terminal shows. It is in the body and never in an address. */
export const LoginRequest = Schema.Union([Schema.Struct({ token: secret }), Schema.Struct({ code: secret })])

/** A login. `session` is the bearer token of the following requests, until `expiresAt` (milliseconds since the epoch). */
export const LoginResponse = Schema.Struct({
  session: Schema.String,
  name: Schema.String,
  roles: Schema.Array(Role),
  expiresAt: Schema.Finite
})

/** Who the caller is, and how the server runs turns. Times are in milliseconds. */
export class Me extends Schema.Opaque<Me>()(
  Schema.Struct({
    name: Schema.String,
    roles: Schema.Array(Role),
    directory: Schema.String,
    sandbox: Schema.String,
    network: Schema.Boolean,
    approvalTimeout: Schema.Finite,
    /** Whether the server has a database of durable turns. */
    durable: Schema.Boolean
  })
) {}

/**
 * All durable turns that have not ended, and the newest turns that have ended, newest first. `available` is false while the
 * database cannot be reached. The list then has the state of the last successful query.
 */
export class DurableState extends Schema.Opaque<DurableState>()(
  Schema.Struct({ available: Schema.Boolean, turns: Schema.Array(DurableTurnRecord) })
) {}

/** What changes: the waiting requests, oldest first, the open conversations, and the durable turns of a server with a database. */
export class ServeState extends Schema.Opaque<ServeState>()(
  Schema.Struct({
    inbox: Schema.Array(InboxApi.InboxEntry),
    /** `turn` is another number for each turn of the conversation that the server starts. */
    open: Schema.Array(
      Schema.Struct({ id: ThreadId, running: Schema.Boolean, turn: optionalKey(Schema.Finite) })
    ),
    durable: optionalKey(DurableState)
  })
) {}

const error = HttpError.all

const session = HttpApiGroup.make("session")
  .add(
    HttpApiEndpoint.post("login", path("/login"), { payload: LoginRequest, success: LoginResponse, error })
  )
  .middleware(RequestBoundary)

const serve = HttpApiGroup.make("serve")
  .add(
    HttpApiEndpoint.get("me", path("/me"), { success: Me, error }),
    HttpApiEndpoint.post("logout", path("/logout"), { error }),
    HttpApiEndpoint.get("updates", path("/updates"), {
      success: HttpApiSchema.StreamSse({ data: ServeState }),
      error
    }),
    HttpApiEndpoint.get("request", path("/inbox/:approvalId"), {
      params: { approvalId: Schema.String.check(Schema.isMaxLength(200)) },
      query: InboxApi.pageQuery,
      success: InboxApi.RequestPage,
      error
    }),
    HttpApiEndpoint.get("trace", path("/turns/:turnId/trace"), {
      params: { turnId: Schema.String.check(Schema.isMaxLength(200)) },
      // The model of `trace show --json`, with the costs of calls.
      success: Schema.Unknown,
      error
    }),
    HttpApiEndpoint.get("limits", path("/limits"), { success: RateLimits, error })
  )
  .middleware(Authentication)
  .middleware(RequestBoundary)

/** The whole API of the server. */
export const Api = HttpApi.make("effect-codex-serve").add(
  session.prefix("/api"),
  serve.prefix("/api"),
  durable.prefix("/api"),
  CodexGroup.prefix("/api")
)
