/** Errors with which Codex or the runtime ends a turn or a command. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as ReasonText from "../internal/ReasonText.ts"
import { type Class, make } from "./ErrorClass.ts"

/**
 * Why a turn failed.
 * @since 0.1.0
 * @category schemas
 */
export const TurnFailedReason = Schema.Literals([
  "MissingKey",
  "Unauthorized",
  "RateLimited",
  "UsageLimit",
  "ContextOverflow",
  "BadRequest",
  "ModelNotFound",
  "Overloaded",
  "ServerError",
  "Disconnected",
  "Other"
])
export type TurnFailedReason = typeof TurnFailedReason.Type

interface TurnFailure {
  readonly class: Class
  readonly retryable: boolean
  readonly happened: string
  readonly nextStep: string
}

const turnFailures: { readonly [Reason in TurnFailedReason]: TurnFailure } = {
  MissingKey: {
    class: "config",
    retryable: false,
    happened: "codex has no key for the provider",
    nextStep: "set the variable in this process, or in the engine's option `env`"
  },
  Unauthorized: {
    class: "auth",
    retryable: false,
    happened: "the provider refused the credentials",
    nextStep: "run `codex login`, or check the provider's key and what its account may use"
  },
  RateLimited: {
    class: "transient",
    retryable: true,
    happened: "the provider's rate limit is reached",
    nextStep: "try again later, or run fewer turns at once"
  },
  UsageLimit: {
    class: "quota",
    retryable: false,
    happened: "the account's usage limit is reached",
    nextStep: "wait for the reset, or raise the limit of the account"
  },
  ContextOverflow: {
    class: "request",
    retryable: false,
    happened: "the conversation no longer fits the model's context",
    nextStep: "compact it, or start a new thread"
  },
  BadRequest: {
    class: "request",
    retryable: false,
    happened: "the provider refused the request",
    nextStep: "change the model, the options, the output schema or the provider's URL, as the reason says"
  },
  ModelNotFound: {
    class: "config",
    retryable: false,
    happened: "the provider does not know the model",
    nextStep: "check the name of the model and the account's access to it"
  },
  Overloaded: {
    class: "transient",
    retryable: true,
    happened: "the provider is overloaded",
    nextStep: "try again later"
  },
  ServerError: {
    class: "transient",
    retryable: true,
    happened: "the provider failed",
    nextStep: "try again later"
  },
  Disconnected: {
    class: "transient",
    retryable: true,
    happened: "the connection to the provider broke",
    nextStep: "try again; if it persists, check the provider's URL, the proxy and the network"
  },
  Other: {
    class: "unknown",
    retryable: false,
    happened: "codex gave up on the turn",
    nextStep: "change what the reason names, and run the turn again"
  }
}

/** Returns the time in UTC to the minute. A number that is no time must not make the message throw. */
const resetText = (millis: number): string => {
  const date = new Date(millis)
  return Number.isNaN(date.getTime()) ? "an unknown time" : `${date.toISOString().slice(0, 16)}Z`
}

/**
 * Codex ended the turn as failed. `detail` is Codex's own text, which may quote content. `status` is the provider's HTTP
 * status, if Codex reports one.
 * @since 0.1.0
 * @category errors
 */
export class TurnFailed extends make<TurnFailed>()(
  "TurnFailed",
  {
    reason: TurnFailedReason,
    detail: Schema.String,
    status: Schema.optionalKey(Schema.Int),
    /** How long the provider asked to wait. */
    retryAfterMillis: Schema.optionalKey(Schema.Finite),
    /**
     * For `UsageLimit`: when the limit resets, in milliseconds since the epoch, if Codex's text says so. Codex cuts the
     * seconds. `Retry.untilReset` waits for it.
     */
    resetsAt: Schema.optionalKey(Schema.Finite)
  },
  ({ detail, reason, resetsAt, retryAfterMillis, status }) => {
    const { happened, ...failure } = turnFailures[reason]
    const reset = resetsAt === undefined ? "" : ` and resets at ${resetText(resetsAt)}`
    return {
      ...failure,
      retryAfter: retryAfterMillis === undefined ? undefined : Duration.millis(retryAfterMillis),
      happened: `${happened}${reset}${status === undefined ? "" : ` (HTTP ${status})`}`,
      reason: ReasonText.reason(detail)
    }
  }
) {}

/**
 * The engine stopped sending events in the middle of a turn, or did not end it.
 * @since 0.1.0
 * @category errors
 */
export class TurnStalled extends make<TurnStalled>()(
  "TurnStalled",
  { detail: Schema.String },
  ({ detail }) => ({
    class: "engine",
    retryable: true,
    happened: detail,
    nextStep: "resume the thread by its id"
  })
) {}

/**
 * The failure of a model request that Codex retries. `detail` is Codex's own text, which may quote content.
 * @since 0.1.0
 * @category schemas
 */
export const RetriedFailure = Schema.Struct({
  errorType: Schema.String,
  status: Schema.optionalKey(Schema.Int),
  detail: Schema.String
})
export type RetriedFailure = typeof RetriedFailure.Type

/** Returns what to do about a failure that Codex retries without success. */
const retryStep = (errorType: string): string => {
  const reason = TurnFailedReason.literals.find((reason) => errorType === `TurnFailed.${reason}`)
  return reason === undefined ? "remove the cause" : turnFailures[reason].nextStep
}

/**
 * The turn exceeded its timeout and was interrupted. `retrying` is the failure that Codex was retrying, if it was.
 * @since 0.1.0
 * @category errors
 */
export class TurnTimedOut extends make<TurnTimedOut>()(
  "TurnTimedOut",
  { timeoutMillis: Schema.Finite, retrying: Schema.optionalKey(RetriedFailure) },
  ({ retrying, timeoutMillis }) => {
    const happened = `the turn did not end within ${Duration.format(Duration.millis(timeoutMillis))}`
    if (retrying === undefined)
      return { class: "timeout", retryable: false, happened, nextStep: "give it a longer timeout" }
    const { detail, errorType, status } = retrying
    return {
      class: "timeout",
      retryable: false,
      happened: `${happened}, because Codex retried after ${errorType}${status === undefined ? "" : ` (HTTP ${status})`}`,
      reason: ReasonText.reason(detail),
      nextStep: `${retryStep(errorType)}, or give the turn a longer timeout`
    }
  }
) {}

/**
 * The command of `codex.exec` exceeded its timeout and was ended.
 * @since 0.1.0
 * @category errors
 */
export class CommandTimedOut extends make<CommandTimedOut>()(
  "CommandTimedOut",
  { timeoutMillis: Schema.Finite },
  ({ timeoutMillis }) => ({
    class: "timeout",
    retryable: false,
    happened: `the command did not end within ${Duration.format(Duration.millis(timeoutMillis))}`,
    nextStep: "give it a longer timeout"
  })
) {}

const interruptions: {
  readonly [By in "caller" | "policy" | "codex" | "detach"]: {
    readonly happened: string
    readonly nextStep: string
  }
} = {
  caller: { happened: "the caller stopped the turn", nextStep: "run another turn of the thread to continue" },
  policy: {
    happened: "an approval policy stopped the turn",
    nextStep: "run another turn of the thread to continue"
  },
  codex: { happened: "codex stopped the turn", nextStep: "run another turn of the thread to continue" },
  detach: {
    happened: "this program left the turn, which goes on in codex",
    nextStep: "attach to the thread by its id to see it"
  }
}

/**
 * The caller (`thread.interrupt`), a policy's `cancel` or Codex interrupted the turn. By `detach`: the handle closed and left
 * the turn, which goes on in Codex. A fiber that is interrupted ends as interrupted instead, not with this error.
 * @since 0.1.0
 * @category errors
 */
export class TurnInterrupted extends make<TurnInterrupted>()(
  "TurnInterrupted",
  { by: Schema.Literals(["caller", "policy", "codex", "detach"]) },
  ({ by }) => ({ class: "aborted", retryable: false, ...interruptions[by] })
) {}
