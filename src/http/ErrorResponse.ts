/** Translates every error to an error of the HTTP API. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { AnswerError } from "../approval/ApprovalQueue.ts"
import type { ConversationLimit, ConversationNotFound, ShuttingDown } from "../conversations/Conversations.ts"
import * as CodexError from "../domain/CodexError.ts"
import * as Redaction from "../redaction/Redaction.ts"
import * as HttpError from "./HttpError.ts"
import type { RunRefused } from "./TurnRuns.ts"

/** The errors that a handler can fail with. */
export type HandlerError =
  | AnswerError
  | CodexError.CodexError
  | ConversationLimit
  | ConversationNotFound
  | ShuttingDown
  | HttpError.HttpError
  | RunRefused

/** The thread has no turn with this event. */
export const noTurn = (): HttpError.NotFound =>
  new HttpError.NotFound({
    error: "TurnNotFound",
    class: "request",
    message: "the thread has no such turn any more; read the thread instead",
    retryable: false
  })

/** Makes the function that translates an error. It masks secrets in messages. */
export const make = Effect.map(
  Redaction.Current,
  (redaction) =>
    (error: HandlerError): HttpError.HttpError => {
      const of = (
        status: HttpError.ErrorStatus,
        options: Pick<HttpError.ErrorBody, "class" | "retryable">,
        message: string
      ) => HttpError.make(status, { error: error._tag, ...options, message: redaction.text(message) })

      const refused = { class: "request", retryable: false } as const
      const later = { class: "transient", retryable: true } as const

      switch (error._tag) {
        case "ConversationNotFound":
        case "NotPending":
          return of(404, refused, error.message)
        case "AlreadyDecided":
          return of(409, refused, error.message)
        case "ArgumentsChanged":
          return of(412, refused, error.message)
        case "AnswerRejected":
          return of(422, refused, error.message)
        case "ConversationLimit":
          return of(error.scope === "owner" ? 429 : 503, later, error.message)
        case "ShuttingDown":
          return of(503, later, error.message)
        case "TurnRunning":
          return of(409, later, "the thread already runs a turn; steer it, interrupt it, or wait for its end")
        case "TooManyTurns":
          return of(429, later, `${error.limit} turns run already, which is the limit; wait until one ends`)
        case "TooManyStreams":
          return of(429, later, `${error.limit} streams are open, which is the limit; close one`)
      }
      if (!CodexError.isCodexError(error)) return error
      return HttpError.make(HttpError.statusOf(error), {
        error: error.errorType,
        class: error.class,
        message: redaction.text(error.summary),
        retryable: error.retryable,
        ...(error.retryAfter === undefined ? {} : { retryAfterMs: Duration.toMillis(error.retryAfter) })
      })
    }
)
