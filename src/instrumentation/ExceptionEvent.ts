/** Exception events with message and stack. They may quote content, so they require capture of the kind `errors`. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as ContentCapture from "./ContentCapture.ts"
import { attribute } from "../semconv/Convention.ts"
import * as ErrorType from "../semconv/ErrorType.ts"

const textOf = (error: object, key: string): string | undefined => {
  const value: unknown = Reflect.get(error, key)
  return typeof value === "string" && value !== "" ? value : undefined
}

/** Returns the attributes of the event if capture is on. They are not yet redacted: spans are redacted when they end. */
export const attributes = (
  error: unknown,
  errorType: string,
  context: Context.Context<never>
): Record<string, string> | undefined => {
  const { kinds, spans } = ContentCapture.captureOf(context)
  return kinds.errors && spans ? describe(error, errorType) : undefined
}

/** Returns the attributes for the exit of a span of the current fiber, or `undefined` without message and stack. */
export const ofExit = (exit: Exit.Exit<unknown, unknown>): Record<string, string> | undefined => {
  if (exit._tag === "Success") return undefined
  const fiber = Fiber.getCurrent()
  const errorType = fiber === undefined ? undefined : ErrorType.fromExit(exit)
  if (fiber === undefined || errorType === undefined) return undefined
  try {
    const found = attributes(Cause.squash(exit.cause), errorType, fiber.context)
    return found !== undefined && Object.keys(found).length > 1 ? found : undefined
  } catch {
    // The `message` getter of an error may throw.
    return undefined
  }
}

/** Returns type, message and stack of an error as attributes. */
export const describe = (error: unknown, errorType: string): Record<string, string> => {
  const out: Record<string, string> = { [attribute.exceptionType]: errorType }
  if (typeof error !== "object" || error === null) {
    if (typeof error === "string") out[attribute.exceptionMessage] = error
    return out
  }
  // Errors of this library keep Codex's own message in `detail`.
  const message = [textOf(error, "message"), textOf(error, "detail")].filter((text) => text !== undefined)
  const stack = textOf(error, "stack")
  const [first, second] = message
  if (first !== undefined) {
    out[attribute.exceptionMessage] =
      second === undefined || first.includes(second) ? first : `${first}: ${second}`
  }
  if (stack !== undefined) out[attribute.exceptionStack] = stack
  return out
}
