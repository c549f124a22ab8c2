/** The bodies of requests and responses of the HTTP API. */
import * as Schema from "effect/Schema"
import * as ApprovalDecision from "../domain/ApprovalDecision.ts"
import { EventLine, ItemLine, RequestLine } from "../domain/EventLine.ts"
import { ThreadId, TurnId } from "../domain/Ids.ts"
import { Permissions } from "../domain/Permissions.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"

const { optionalKey } = Schema

const text = (max: number) => Schema.String.check(Schema.isMaxLength(max))
const inputText = text(1_000_000).check(Schema.isNonEmpty())

const imageUrl = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}$/

/**
 * A part of the input of a turn. An image is in the request itself, as a `data:` URL of a PNG, JPEG, GIF or WebP: a client can
 * name neither an address that the server or the provider would fetch, nor a file of the server.
 * @since 0.1.0
 * @category schemas
 */
export const InputPart = Schema.Union([
  Schema.Struct({ type: Schema.Literal("text"), text: inputText }),
  Schema.Struct({
    type: Schema.Literal("image"),
    url: Schema.String.check(Schema.isPattern(imageUrl)),
    detail: optionalKey(Schema.Literals(["auto", "low", "high", "original"]))
  })
])

/** Text, or up to 20 parts. The limit of a body bounds the images. */
const input = Schema.Union([inputText, Schema.NonEmptyArray(InputPart).check(Schema.isMaxLength(20))])

/** Returns the input of a turn. */
export const inputOf = (sent: typeof input.Type): TurnOptions.TurnInput =>
  typeof sent === "string"
    ? sent
    : sent.map((part): TurnOptions.InputPart =>
        part.type === "text"
          ? { _tag: "Text", text: part.text }
          : {
              _tag: "Image",
              url: part.url,
              ...(part.detail === undefined ? {} : { detail: part.detail })
            }
      )

/**
 * What a client asks for when it starts a thread. The app's `threadOptions` decides what of it applies.
 * @since 0.1.0
 * @category schemas
 */
export class StartThreadRequest extends Schema.Opaque<StartThreadRequest>()(
  Schema.Struct({
    /** The app's own name of a project, a directory or a preset. */
    preset: optionalKey(text(200)),
    model: optionalKey(text(200)),
    instructions: optionalKey(text(100_000))
  })
) {}

/**
 * What a client asks for when it runs a turn. `onDisconnect`: whether the turn is interrupted when the client disconnects
 * before its end. The app's `turnOptions` decides what of `effort` applies.
 * @since 0.1.0
 * @category schemas
 */
export class StartTurnRequest extends Schema.Opaque<StartTurnRequest>()(
  Schema.Struct({
    input,
    effort: optionalKey(text(50)),
    onDisconnect: optionalKey(Schema.Literals(["interrupt", "continue"]))
  })
) {}

/**
 * More input for the running turn.
 * @since 0.1.0
 * @category schemas
 */
export class SteerTurnRequest extends Schema.Opaque<SteerTurnRequest>()(Schema.Struct({ input })) {}

/**
 * An open thread. Times are in milliseconds since the epoch.
 * @since 0.1.0
 * @category schemas
 */
export class OpenThread extends Schema.Opaque<OpenThread>()(
  Schema.Struct({ id: ThreadId, model: optionalKey(Schema.String) })
) {}

/**
 * An event of a stream: `data` is one line of the format that docs/events.md describes.
 * @since 0.1.0
 * @category schemas
 */
export class ServerSentEvent extends Schema.Opaque<ServerSentEvent>()(
  Schema.Struct({
    /** Names the event for `Last-Event-ID`. */
    id: Schema.optional(Schema.String),
    event: Schema.optional(Schema.String),
    data: Schema.fromJsonString(EventLine)
  })
) {}

const summary = {
  id: ThreadId,
  name: optionalKey(Schema.String),
  /** The beginning of the first input. */
  preview: Schema.String,
  createdAt: Schema.Finite,
  updatedAt: Schema.Finite
}

/**
 * A stored thread of the user. `open`: turns can run without resuming it. Times are in milliseconds since the epoch.
 * @since 0.1.0
 * @category schemas
 */
export class ThreadSummary extends Schema.Opaque<ThreadSummary>()(
  Schema.Struct({ ...summary, open: Schema.Boolean })
) {}

/**
 * A stored thread with its turns, oldest first. `error` is Codex's own text. `duration` is in milliseconds.
 * @since 0.1.0
 * @category schemas
 */
export class ThreadDetail extends Schema.Opaque<ThreadDetail>()(
  Schema.Struct({
    ...summary,
    turns: Schema.Array(
      Schema.Struct({
        id: TurnId,
        status: Schema.Literals(["completed", "failed", "interrupted", "inProgress"]),
        items: Schema.Array(ItemLine),
        error: optionalKey(Schema.String),
        startedAt: optionalKey(Schema.Finite),
        duration: optionalKey(Schema.Finite)
      })
    )
  })
) {}

/**
 * An approval request that waits for an answer. `text` is the whole request for a person to read, with every character
 * visible; `request` is the same for programs. An answer needs `hash`. `requestId` is the id in the event
 * `approval.requested`. `agentThreadId` is the thread of the sub-agent that asks.
 * @since 0.1.0
 * @category schemas
 */
export class WaitingApproval extends Schema.Opaque<WaitingApproval>()(
  Schema.Struct({
    id: Schema.String,
    requestId: Schema.String,
    hash: Schema.String,
    text: Schema.String,
    at: Schema.Finite,
    turnId: optionalKey(TurnId),
    agentThreadId: optionalKey(ThreadId),
    request: RequestLine
  })
) {}

const reason = optionalKey(text(2000))

/** What an accepting answer carries: permissions, answers to questions, or the fields of a form. */
const given = optionalKey(
  Schema.Union([
    Schema.Struct({ permissions: Schema.toEncoded(Permissions) }),
    Schema.Struct({ answers: Schema.Record(Schema.String, Schema.Array(Schema.String)) }),
    Schema.Struct({ content: Schema.Record(Schema.String, Schema.Json) })
  ])
)

/**
 * The answer to an approval request. `hash` is that of the request which the person saw. Lasting approvals (amendments of
 * Codex's own policy) cannot be given over HTTP, because they hold for the threads of all users.
 * @since 0.1.0
 * @category schemas
 */
export class AnswerApprovalRequest extends Schema.Opaque<AnswerApprovalRequest>()(
  Schema.Struct({
    hash: text(200),
    decision: Schema.Literals(["accept", "acceptForSession", "decline", "cancel"]),
    reason,
    given
  })
) {}

const decodePermissions = Schema.decodeSync(Permissions)

/** Returns the decision of an answer. */
export const decisionOf = ({
  decision,
  given,
  reason
}: AnswerApprovalRequest): ApprovalDecision.ApprovalDecision => {
  switch (decision) {
    case "decline":
      return ApprovalDecision.decline(reason ?? "declined by the user")
    case "cancel":
      return ApprovalDecision.cancel
    case "accept":
    case "acceptForSession":
      const _tag = decision === "accept" ? ("Accept" as const) : ("AcceptForSession" as const)
      if (given === undefined) return { _tag }
      if ("permissions" in given)
        return { _tag, given: { _tag: "Permissions", permissions: decodePermissions(given.permissions) } }
      if ("answers" in given) return { _tag, given: { _tag: "Answers", answers: given.answers } }
      return { _tag, given: { _tag: "Content", content: given.content } }
  }
}
