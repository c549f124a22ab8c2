/** Runs one handler call and turns its exit into an outcome. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as AiError from "effect/ai/AiError"
import type * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import type { ToolSettings } from "./ToolSettings.ts"
import * as ToolResult from "./ToolResult.ts"
import * as ToolResultText from "./ToolResultText.ts"

/** A result for the model, and why the call failed if it did. */
export interface ToolCallOutcome extends ToolResult.ToolResult {
  readonly success: boolean
  /** The cause of a failure: `model` if the arguments are invalid, otherwise `tool`. */
  readonly fault: "model" | "tool"
  /** Details for the caller that the model does not see. */
  readonly detail?: string
  readonly retryable: boolean
  /** An unexpected cause, to be logged. */
  readonly bug?: Cause.Cause<unknown>
}

const failed = (text: string, more: Partial<ToolCallOutcome> = {}): ToolCallOutcome => ({
  success: false,
  text,
  fault: "tool",
  retryable: false,
  ...more
})

const isRetryable = (failure: unknown): boolean =>
  AiError.isAiError(failure)
    ? failure.isRetryable
    : Predicate.hasProperty(failure, "retryable") && failure.retryable === true

const faultOf = (origin: Tool.FailureOrigin | undefined): ToolCallOutcome["fault"] =>
  origin === "parameters" ? "model" : "tool"

const notJson = (tool: Tool.Any) =>
  failed(`The tool ${tool.name} returned a result that cannot be converted to JSON.`)

const fromResult = (tool: Tool.Any, result: Tool.HandlerResult<Tool.Any>): Effect.Effect<ToolCallOutcome> => {
  if (!result.isFailure) {
    const converted = ToolResult.fromHandler(result)
    return Effect.succeed(
      Result.isSuccess(converted)
        ? { success: true, ...converted.success, fault: "tool", retryable: false }
        : notJson(tool)
    )
  }
  const failure: unknown = result.result
  return Effect.map(ToolResultText.fromFailure(tool, failure), (text) =>
    failed(text, { fault: faultOf(result.failureOrigin), retryable: isRetryable(failure) })
  )
}

/** Runs a handler call to its outcome. Preliminary results go to `progress`. */
export const handle = (
  call: ReturnType<Toolkit.WithHandler<Record<string, Tool.Any>>["handle"]>,
  tool: Tool.Any,
  progress: (text: string) => Effect.Effect<void>
): Effect.Effect<ToolCallOutcome, never, unknown> => {
  let last: Tool.HandlerResult<Tool.Any> | undefined
  return call.pipe(
    Effect.flatMap(
      Stream.runForEach((result) => {
        if (!result.preliminary) return Effect.sync(() => void (last = result))
        const text = ToolResultText.fromValue(result.encodedResult)
        return Result.isSuccess(text) ? progress(text.success) : Effect.void
      })
    ),
    Effect.flatMap(() =>
      last === undefined
        ? Effect.succeed(failed(`The tool ${tool.name} returned no result.`))
        : fromResult(tool, last)
    ),
    Effect.catchCause((cause): Effect.Effect<ToolCallOutcome> => {
      const failure = Cause.findErrorOption(cause)
      if (Option.isNone(failure)) return Effect.failCause(cause as Cause.Cause<never>)
      const fault = faultOf(Context.get(Cause.annotations(cause), Toolkit.FailureOrigin))
      return Effect.map(ToolResultText.fromFailure(tool, failure.value), (text) =>
        failed(text, { fault, retryable: isRetryable(failure.value) })
      )
    }),
    withoutArguments
  )
}

/** Returns the outcome of a handler that ended. The model does not see why a handler died or interrupted itself. */
export const outcome = (tool: Tool.Any, exit: Exit.Exit<ToolCallOutcome>): ToolCallOutcome =>
  Exit.isSuccess(exit)
    ? exit.value
    : failed(`The tool ${tool.name} failed.`, { detail: Cause.pretty(exit.cause), bug: exit.cause })

/** Returns the outcome of a call that exceeded its deadline. */
export const timedOut = (tool: Tool.Any, { deadline, sideEffect }: ToolSettings): ToolCallOutcome =>
  failed(
    `The tool ${tool.name} did not finish within ${Duration.format(deadline)} and was stopped.` +
      (sideEffect === "read" ? "" : " It may have taken effect."),
    { retryable: sideEffect !== "once" }
  )

// `Toolkit.handle` writes the arguments, which are content, to the current span. Give it a span that records nothing.
const withoutArguments = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.option(Effect.currentParentSpan), (span) =>
    Option.isNone(span)
      ? effect
      : Effect.withParentSpan(
          effect,
          Tracer.externalSpan({
            traceId: span.value.traceId,
            spanId: span.value.spanId,
            sampled: span.value.sampled,
            annotations: span.value.annotations
          })
        )
  ) as Effect.Effect<A, E, R>
