/** The API of the page: login, the state that it follows, approval requests in pages, and limits; besides the group `codex`. */
import * as Schema from "effect/Schema"
import type * as HttpRouter from "effect/http/HttpRouter"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import { ThreadId } from "../domain/Ids.ts"
import { RateLimits } from "../domain/RateLimits.ts"
import { Authentication } from "../http/Access.ts"
import { CodexGroup } from "../http/CodexGroup.ts"
import * as HttpError from "../http/HttpError.ts"
import { RequestBoundary } from "../http/RequestBoundary.ts"
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
    approvalTimeout: Schema.Finite
  })
) {}

/** A waiting request as the inbox lists it. `title` completes "The agent asks to …". It is no basis for an answer. */
export class InboxEntry extends Schema.Opaque<InboxEntry>()(
  Schema.Struct({
    id: Schema.String,
    threadId: optionalKey(ThreadId),
    title: Schema.String,
    at: Schema.Finite,
    deadline: Schema.Finite,
    hash: Schema.String
  })
) {}

/** What changes: the waiting requests, oldest first, and the open conversations. */
export class ServeState extends Schema.Opaque<ServeState>()(
  Schema.Struct({
    inbox: Schema.Array(InboxEntry),
    open: Schema.Array(Schema.Struct({ id: ThreadId, running: Schema.Boolean }))
  })
) {}

/** A question of a request, or a field of a form. Texts are visible text; `value` is what an answer contains. */
export class AnswerField extends Schema.Opaque<AnswerField>()(
  Schema.Struct({
    id: Schema.String,
    label: Schema.String,
    kind: Schema.Literals(["text", "secret", "number", "boolean", "choice", "choices"]),
    required: Schema.Boolean,
    /** Whether text may be given in place of a choice. */
    other: Schema.Boolean,
    options: Schema.Array(Schema.Struct({ label: Schema.String, value: Schema.String }))
  })
) {}

/**
 * Lines of a waiting request, as `Approval.render` gives them. A request can be accepted only after all `total` lines were shown.
 */
export class RequestPage extends Schema.Opaque<RequestPage>()(
  Schema.Struct({
    ...InboxEntry.fields,
    from: Schema.Natural,
    lines: Schema.Array(Schema.String),
    total: Schema.Natural,
    /** How the request is answered: by a decision alone, or with answers to these fields. */
    answer: Schema.Literals(["decision", "answers", "content", "decline"]),
    fields: Schema.Array(AnswerField)
  })
) {}

/** The most lines in one `RequestPage`. */
export const maxLines = 200

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
      query: { from: optionalKey(Schema.Natural) },
      success: RequestPage,
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
  CodexGroup.prefix("/api")
)
