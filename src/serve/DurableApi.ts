/** The part of the API that is about durable turns: the database that `--db` names. */
import * as Schema from "effect/Schema"
import type * as HttpRouter from "effect/http/HttpRouter"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import { DurableTurnRecord } from "../durable/DurableRecords.ts"
import { Authentication } from "../http/Access.ts"
import { AnswerApprovalRequest, ServerSentEvent, SteerTurnRequest } from "../http/HttpBodies.ts"
import * as HttpError from "../http/HttpError.ts"
import { RequestBoundary } from "../http/RequestBoundary.ts"
import * as InboxApi from "./InboxApi.ts"

const path = (path: HttpRouter.PathInput): HttpRouter.PathInput => path
const error = HttpError.all

const name = Schema.String.check(Schema.isMaxLength(200))
const turn = { key: name }
const approval = { approvalId: name }

/**
 * A durable turn to submit. The same `id` again is the same turn, so a client that got no answer sends the request again.
 * `thread` continues the thread of an earlier turn that this server submitted.
 */
export class SubmitTurnRequest extends Schema.Opaque<SubmitTurnRequest>()(
  Schema.Struct({
    ...SteerTurnRequest.fields,
    id: Schema.String.check(Schema.isPattern(/^[\w-]{1,100}$/)),
    thread: Schema.optionalKey(name)
  })
) {}

export const durable = HttpApiGroup.make("durable")
  .add(
    HttpApiEndpoint.post("submit", path("/durable/turns"), {
      payload: SubmitTurnRequest,
      success: DurableTurnRecord,
      error
    }),
    HttpApiEndpoint.get("durableTurn", path("/durable/turns/:key"), {
      params: turn,
      success: DurableTurnRecord,
      error
    }),
    HttpApiEndpoint.get("durableEvents", path("/durable/turns/:key/events"), {
      params: turn,
      headers: { "last-event-id": Schema.optionalKey(Schema.String.check(Schema.isPattern(/^\d{1,9}$/))) },
      success: HttpApiSchema.StreamSse({ events: ServerSentEvent }),
      error
    }),
    HttpApiEndpoint.post("durableInterrupt", path("/durable/turns/:key/interrupt"), { params: turn, error }),
    HttpApiEndpoint.get("durableRequest", path("/durable/approvals/:approvalId"), {
      params: approval,
      query: InboxApi.pageQuery,
      success: InboxApi.RequestPage,
      error
    }),
    HttpApiEndpoint.post("durableAnswer", path("/durable/approvals/:approvalId"), {
      params: approval,
      payload: AnswerApprovalRequest,
      error
    })
  )
  .middleware(Authentication)
  .middleware(RequestBoundary)
