/**
 * The times at which limits reset. A replay runs at another time than the recording, so a recording has them relative to its
 * own time: those of errors in milliseconds since the start of the turn, those of Codex's messages in seconds from now.
 */
import * as Predicate from "effect/Predicate"
import * as CodexError from "../../domain/CodexError.ts"
import type * as CassetteFormat from "./CassetteFormat.ts"

const updated = "account/rateLimits/updated"
const read = "account/rateLimits/read"

const shift = (value: unknown, seconds: number): unknown => {
  if (Array.isArray(value)) return value.map((item) => shift(item, seconds))
  if (!Predicate.isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "resetsAt" && typeof inner === "number" ? Math.round(inner + seconds) : shift(inner, seconds)
    ])
  )
}

/** Shifts the times in the parameters of a notification. `millis` is negative for a recording. */
export const shiftNotification = (method: string, params: unknown, millis: number): unknown =>
  method === updated ? shift(params, millis / 1000) : params

/** Shifts the times in the reply to a request. */
export const shiftReply = (
  method: string,
  args: ReadonlyArray<unknown>,
  outcome: CassetteFormat.RecordedOutcome,
  millis: number
): CassetteFormat.RecordedOutcome =>
  method === "request" && args[0] === read && outcome._tag === "Success"
    ? { ...outcome, value: shift(outcome.value, millis / 1000) }
    : outcome

/** Shifts the time in the error of a turn. `undefined` replaces it by 0. */
export const shiftOutcome = (
  outcome: CassetteFormat.RecordedOutcome,
  millis: number | undefined
): CassetteFormat.RecordedOutcome => {
  if (outcome._tag !== "Failure" || outcome.error._tag !== "TurnFailed") return outcome
  const { error } = outcome
  if (error.resetsAt === undefined) return outcome
  const resetsAt = millis === undefined ? 0 : Math.round(error.resetsAt + millis)
  return { _tag: "Failure", error: new CodexError.TurnFailed({ ...error, resetsAt }) }
}
