/** One call of a handler, and what is made of its end. */
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
import * as ToolResultText from "./ToolResultText.ts"

export interface ToolCallOutcome {
  readonly success: boolean
  /** For the model. */
  readonly text: string
  /** Whose fault a failure is: the model's, whose arguments do not fit, or the tool's. */
  readonly fault: "model" | "tool"
  /** For the caller, where the model is told less. */
  readonly detail?: string
  readonly retryable: boolean
  /** What is to be logged: nobody expected it. */
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

const notJson = (tool: Tool.Any) => failed(`The tool ${tool.name} gave a result that is no JSON.`)

const fromResult = (tool: Tool.Any, result: Tool.HandlerResult<Tool.Any>): Effect.Effect<ToolCallOutcome> => {
  if (!result.isFailure) {
    const text = ToolResultText.fromResult(result)
    return Effect.succeed(
      Result.isSuccess(text)
        ? { success: true, text: text.success, fault: "tool", retryable: false }
        : notJson(tool)
    )
  }
  const failure: unknown = result.result
  return Effect.map(ToolResultText.fromFailure(tool, failure), (text) =>
    failed(text, { fault: faultOf(result.failureOrigin), retryable: isRetryable(failure) })
  )
}

/** Runs a call of a handler to its outcome; what it tells meanwhile goes to `progress`. */
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
        ? Effect.succeed(failed(`The tool ${tool.name} gave no result.`))
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

/** What became of a call whose handler has ended; one that died or interrupted itself is not for the model to read. */
export const outcome = (tool: Tool.Any, exit: Exit.Exit<ToolCallOutcome>): ToolCallOutcome =>
  Exit.isSuccess(exit)
    ? exit.value
    : failed(`The tool ${tool.name} failed.`, { detail: Cause.pretty(exit.cause), bug: exit.cause })

/** What became of a call that took too long. */
export const timedOut = (tool: Tool.Any, { deadline, sideEffect }: ToolSettings): ToolCallOutcome =>
  failed(
    `The tool ${tool.name} did not finish within ${Duration.format(deadline)} and was stopped.` +
      (sideEffect === "read" ? "" : " It may have taken effect."),
    { retryable: sideEffect !== "once" }
  )

// `Toolkit.handle` writes the arguments on the current span: it gets one that keeps nothing.
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
