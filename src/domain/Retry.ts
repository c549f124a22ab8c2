/** Ways to run a failed turn again, for the option `retry` of a turn. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type * as CodexError from "./CodexError.ts"

/**
 * A schedule for the option `retry` of a turn. Its input is the error of the last attempt.
 * @since 0.1.0
 * @category models
 */
export type RetrySchedule = Schedule.Schedule<unknown, CodexError.TurnError>

/**
 * A schedule, and the model of each further attempt.
 * @since 0.1.0
 * @category models
 */
export interface RetryPlan {
  /** When to run the turn again, as for a schedule alone. */
  readonly schedule: RetrySchedule
  /**
   * Returns the model of the next attempt, or `undefined` to keep it. `attempts` is how many have failed. If the model
   * changes, the turn is also retried after an error that only concerns the model that failed: its usage limit, an unknown
   * model, or a context that is too small.
   */
  readonly model: (error: CodexError.TurnError, attempts: number) => string | undefined
}

/** Failures that another model may not have. */
const modelFailures: ReadonlySet<CodexError.TurnFailedReason> = new Set([
  "RateLimited",
  "UsageLimit",
  "ContextOverflow",
  "ModelNotFound",
  "Overloaded",
  "ServerError",
  "Disconnected"
])

/** @internal Whether another model may succeed after this error. */
export const concernsModel = (error: CodexError.TurnError): boolean =>
  error._tag === "TurnFailed" && modelFailures.has(error.reason)

/**
 * Runs a failed turn again on other models, one after the other. The first further attempt uses the first model; after the
 * last model, attempts keep it. `schedule` decides how often and when. The next turn of the thread uses the thread's own
 * model again.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Schedule } from "effect"
 * import { Retry, Turn } from "effect-codex"
 *
 * const options: Turn.TurnOptions = {
 *   retry: Retry.withModels(["gpt-5.4", "gpt-5.4-mini"], Schedule.recurs(2))
 * }
 * ```
 */
export const withModels = (models: ReadonlyArray<string>, schedule: RetrySchedule): RetryPlan => ({
  schedule,
  model: (error, attempts) => (concernsModel(error) ? models[attempts - 1] : undefined)
})

/**
 * @internal The error that `untilReset` has just decided to wait for. The turn provides it to its schedule, and does not
 * retry a usage limit that no `untilReset` in the schedule has accepted.
 */
export const Accepted = Context.Reference<{ error: CodexError.TurnError | undefined } | undefined>(
  "effect-codex/Retry/Accepted",
  { defaultValue: () => undefined }
)

/** Codex names a reset to the minute and cuts the seconds, so a limit may reset up to a minute later than it says. */
const slack = Duration.toMillis(Duration.minutes(1))

/** @internal Returns how long to wait for the limit of an error, in milliseconds, or `undefined` if that is not known. */
export const waitForReset = (error: CodexError.TurnError, now: number): number | undefined => {
  if (error._tag !== "TurnFailed") return undefined
  if (error.reason === "UsageLimit")
    return error.resetsAt === undefined ? undefined : Math.max(0, error.resetsAt - now) + slack
  return error.reason === "RateLimited" ? error.retryAfterMillis : undefined
}

/**
 * Waits until a usage limit or rate limit resets, and then runs the turn again. This is the only way to retry a
 * `TurnFailed.UsageLimit`: other schedules stop at it, because it may last for days. `max` limits all waits of a turn
 * together; if the limit resets later, or Codex does not say when, the turn fails at once with the error.
 *
 * It stops at every other error. For errors that pass by themselves too, add `otherwise`:
 * `Retry.untilReset("6 hours", { otherwise: Schedule.recurs(2) })`. A turn that ran a command, an edit or a tool with side
 * effects is not retried: catch its error, wait, and run `thread.continue`.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Retry, Turn } from "effect-codex"
 *
 * const options: Turn.TurnOptions = { retry: Retry.untilReset("6 hours") }
 * ```
 */
export const untilReset = (
  max: Duration.Input,
  options: { readonly otherwise?: RetrySchedule | undefined } = {}
): RetrySchedule =>
  Schedule.fromStep(
    Effect.map(
      options.otherwise === undefined ? Effect.undefined : Schedule.toStep(options.otherwise),
      (otherwise) => {
        let left = Duration.toMillis(Duration.fromInputUnsafe(max))
        return (
          now: number,
          error: CodexError.TurnError
        ): Pull.Pull<[unknown, Duration.Duration], never, unknown> => {
          const wait = waitForReset(error, now)
          if (wait === undefined)
            return otherwise === undefined ? Cause.done(undefined) : otherwise(now, error)
          if (wait > left) return Cause.done(undefined)
          return Effect.map(Accepted, (accepted): [unknown, Duration.Duration] => {
            left -= wait
            if (accepted !== undefined) accepted.error = error
            return [undefined, Duration.millis(wait)]
          })
        }
      }
    )
  )
