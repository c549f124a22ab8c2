/** Message and stack of an error on a span: they may quote anything, and are there only where errors are asked for. */
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

/** The attributes of the event, as they stand: spans are scrubbed when they end. */
export const attributes = (
  error: unknown,
  errorType: string,
  context: Context.Context<never>
): Record<string, string> | undefined => {
  const { kinds, spans } = ContentCapture.captureOf(context)
  return kinds.errors && spans ? describe(error, errorType) : undefined
}

/** The same, of what a span ends with in the fiber that runs; nothing where that has neither message nor stack. */
export const ofExit = (exit: Exit.Exit<unknown, unknown>): Record<string, string> | undefined => {
  if (exit._tag === "Success") return undefined
  const fiber = Fiber.getCurrent()
  const errorType = fiber === undefined ? undefined : ErrorType.fromExit(exit)
  if (fiber === undefined || errorType === undefined) return undefined
  try {
    const found = attributes(Cause.squash(exit.cause), errorType, fiber.context)
    return found !== undefined && Object.keys(found).length > 1 ? found : undefined
  } catch {
    // An error may throw when it is asked for its message.
    return undefined
  }
}

/** Type, message and stack of an error, as attributes. */
export const describe = (error: unknown, errorType: string): Record<string, string> => {
  const out: Record<string, string> = { [attribute.exceptionType]: errorType }
  if (typeof error !== "object" || error === null) {
    if (typeof error === "string") out[attribute.exceptionMessage] = error
    return out
  }
  // What Codex said itself is beside the message of our errors.
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
