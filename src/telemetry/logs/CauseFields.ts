import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as CodexError from "../../domain/CodexError.ts"
import { attribute } from "../../semconv/Convention.ts"
import * as ErrorType from "../../semconv/ErrorType.ts"

/**
 * What a record says of a cause: its type and class. Message and stack may quote anything, and are told only where
 * `content` is asked for.
 */
export const causeFields = (
  cause: Cause.Cause<unknown>,
  content: () => boolean
): ReadonlyArray<readonly [key: string, value: unknown]> => {
  if (cause.reasons.length === 0) return []
  const type = ErrorType.fromExit(Exit.failCause(cause))
  const failure = cause.reasons.find(Cause.isFailReason)?.error
  const found = CodexError.isCodexError(failure) ? failure : undefined
  const [error] = content() ? Cause.prettyErrors(cause) : []
  return [
    [attribute.errorType, type],
    [attribute.errorClass, found?.class],
    [attribute.errorRetryable, found?.retryable],
    [attribute.exceptionMessage, error?.message],
    [attribute.exceptionStack, error?.stack]
  ]
}
