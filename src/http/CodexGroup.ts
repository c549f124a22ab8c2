/** The endpoints of the HTTP API: an `HttpApiGroup` that an app adds to its own `HttpApi`. */
import * as Schema from "effect/Schema"
import type * as HttpRouter from "effect/http/HttpRouter"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import { ThreadId } from "../domain/Ids.ts"
import { Authentication, Authorization } from "./Access.ts"
import * as HttpError from "./HttpError.ts"
import { RequestBoundary } from "./RequestBoundary.ts"
import {
  AnswerApprovalRequest,
  OpenThread,
  ServerSentEvent,
  WaitingApproval,
  StartThreadRequest,
  SteerTurnRequest,
  StartTurnRequest,
  ThreadDetail,
  ThreadSummary
} from "./HttpBodies.ts"

/** The type of a path does not contain the path, so that the handlers fit the group with any prefix. */
const path = (path: HttpRouter.PathInput): HttpRouter.PathInput => path

const params = { threadId: ThreadId.check(Schema.isMaxLength(200)) }
const error = HttpError.all

const events = HttpApiSchema.StreamSse({ events: ServerSentEvent })

const codexGroup = HttpApiGroup.make("codex")
  .add(
    HttpApiEndpoint.post("start", path("/threads"), {
      payload: StartThreadRequest,
      success: OpenThread.pipe(HttpApiSchema.status(201)),
      error
    }),
    HttpApiEndpoint.get("list", path("/threads"), {
      query: {
        archived: Schema.optionalKey(Schema.Literals(["true", "false"])),
        limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 })))
      },
      success: Schema.Array(ThreadSummary),
      error
    }),
    HttpApiEndpoint.get("read", path("/threads/:threadId"), { params, success: ThreadDetail, error }),
    HttpApiEndpoint.post("resume", path("/threads/:threadId/resume"), {
      params,
      success: OpenThread,
      error
    }),
    HttpApiEndpoint.post("archive", path("/threads/:threadId/archive"), { params, error }),
    HttpApiEndpoint.delete("delete", path("/threads/:threadId"), { params, error }),
    HttpApiEndpoint.post("close", path("/threads/:threadId/close"), { params, error }),
    HttpApiEndpoint.post("turn", path("/threads/:threadId/turns"), {
      params,
      payload: StartTurnRequest,
      success: events,
      error
    }),
    HttpApiEndpoint.get("events", path("/threads/:threadId/events"), {
      params,
      headers: { "last-event-id": Schema.optionalKey(Schema.String.check(Schema.isMaxLength(100))) },
      success: events,
      error
    }),
    HttpApiEndpoint.post("interrupt", path("/threads/:threadId/interrupt"), { params, error }),
    HttpApiEndpoint.post("steer", path("/threads/:threadId/steer"), {
      params,
      payload: SteerTurnRequest,
      error
    }),
    HttpApiEndpoint.get("approvals", path("/threads/:threadId/approvals"), {
      params,
      query: { wait: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 60 }))) },
      success: Schema.Array(WaitingApproval),
      error
    }),
    HttpApiEndpoint.post("answer", path("/threads/:threadId/approvals/:approvalId"), {
      params: { ...params, approvalId: Schema.String.check(Schema.isMaxLength(200)) },
      payload: AnswerApprovalRequest,
      error
    })
  )
  // The first is the innermost.
  .middleware(Authorization)
  .middleware(Authentication)
  .middleware(RequestBoundary)
  .annotateMerge(
    OpenApi.annotations({
      title: "Codex",
      description: "Threads of the agent, turns as Server-Sent Events, and approvals."
    })
  )
type CodexGroupType = typeof codexGroup
/**
 * The type of the group, by name, so that declarations which contain it stay short.
 * @since 0.1.0
 * @category models
 */
export interface CodexHttpGroup extends CodexGroupType {}

/**
 * The group `codex`. Add it to an `HttpApi`, with a prefix if you like, and implement it with `handlers`.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { CodexGroup } from "effect-codex/http"
 * import { HttpApi, OpenApi } from "effect/http-api"
 *
 * const Api = HttpApi.make("app").add(CodexGroup.prefix("/api"))
 * const document = OpenApi.fromApi(Api)
 * ```
 */
export const CodexGroup: CodexHttpGroup = codexGroup
