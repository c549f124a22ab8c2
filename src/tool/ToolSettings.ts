/**
 * Settings of tools. Annotate one tool, `tool.annotate(ToolSettings.Deadline, "30 seconds")`, or provide a setting where
 * a thread starts to set the default of all its tools.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Tool from "effect/ai/Tool"

/**
 * The time limit of one call, from the start of its handler. Waiting for approval or for other calls does not count. At the
 * deadline the handler is interrupted and the call fails. Default: 5 minutes.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { ToolSettings } from "effect-codex"
 * import { Tool } from "effect/ai"
 *
 * const Deploy = Tool.make("deploy", { success: Schema.String }).annotate(ToolSettings.Deadline, "30 minutes")
 * ```
 */
export const Deadline = Context.Reference<Duration.Input>("effect-codex/ToolSettings/Deadline", {
  defaultValue: () => Duration.minutes(5)
})

/**
 * The maximum number of concurrent calls; further calls wait. On a tool: the calls of this tool. Provided: the calls of
 * all tools of the thread together. A tool without the annotation has only the limit of its thread. Default: 16.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { ToolSettings } from "effect-codex"
 * import { Tool } from "effect/ai"
 *
 * // One migration at a time; further calls wait.
 * const Migrate = Tool.make("migrate", { success: Schema.String }).annotate(ToolSettings.Concurrency, 1)
 * ```
 */
export const Concurrency = Context.Reference<number>("effect-codex/ToolSettings/Concurrency", {
  defaultValue: () => 16
})

/**
 * The maximum number of calls in one turn. Further calls are rejected with a message to the model, and the turn continues.
 * On a tool: the calls of this tool. Provided: the calls of all tools together. Default: no limit.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { ToolSettings } from "effect-codex"
 * import { Tool } from "effect/ai"
 *
 * const Search = Tool.make("search", { success: Schema.String }).annotate(ToolSettings.MaxCalls, 20)
 * ```
 */
export const MaxCalls = Context.Reference<number>("effect-codex/ToolSettings/MaxCalls", {
  defaultValue: () => Number.POSITIVE_INFINITY
})

/**
 * What a failed call does. `result` returns the failure to the model, which can try something else. `turn` ends the turn
 * with `ToolFailed` and interrupts its other calls. Invalid arguments, declined calls and calls beyond `MaxCalls` always
 * go back to the model. Default: `result`.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { ToolSettings } from "effect-codex"
 * import { Tool } from "effect/ai"
 *
 * // Without the tracker the turn makes no sense.
 * const LookupTicket = Tool.make("lookup_ticket", { success: Schema.String }).annotate(ToolSettings.OnFailure, "turn")
 * ```
 */
export const OnFailure = Context.Reference<"result" | "turn">("effect-codex/ToolSettings/OnFailure", {
  defaultValue: () => "result"
})

/**
 * The maximum length of a result, in characters. The middle of a longer result is omitted. Default: 100,000.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codex, ToolSettings } from "effect-codex"
 *
 * // For all tools of the thread.
 * const thread = Codex.use(({ startThread }) => startThread()).pipe(
 *   Effect.provideService(ToolSettings.MaxResult, 20_000)
 * )
 * ```
 */
export const MaxResult = Context.Reference<number>("effect-codex/ToolSettings/MaxResult", {
  defaultValue: () => 100_000
})

/**
 * The minimum time between two `ToolProgress` events of one call. Progress in between is dropped. Default: 100 ms.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codex, ToolSettings } from "effect-codex"
 *
 * const thread = Codex.use(({ startThread }) => startThread()).pipe(
 *   Effect.provideService(ToolSettings.ProgressInterval, "1 second")
 * )
 * ```
 */
export const ProgressInterval = Context.Reference<Duration.Input>(
  "effect-codex/ToolSettings/ProgressInterval",
  { defaultValue: () => Duration.millis(100) }
)

/**
 * How long to wait for an interrupted handler. A handler that still runs is abandoned and reported. Default: 2 s.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { ToolSettings } from "effect-codex"
 * import { Tool } from "effect/ai"
 *
 * // The handler rolls back when it is interrupted, which takes some seconds.
 * const Migrate = Tool.make("migrate", { success: Schema.String }).annotate(ToolSettings.Grace, "10 seconds")
 * ```
 */
export const Grace = Context.Reference<Duration.Input>("effect-codex/ToolSettings/Grace", {
  defaultValue: () => Duration.seconds(2)
})

/**
 * The side effects of a call: `read` has none, `idempotent` can safely be repeated, `once` must not be repeated without
 * knowing whether it took effect.
 * @since 0.1.0
 * @category models
 */
export type SideEffect = "read" | "idempotent" | "once"

/**
 * The side effects of a tool. Takes precedence over `Tool.Readonly` and `Tool.Idempotent`. An annotation only; a tool
 * without any of these annotations is `once`.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { ToolSettings } from "effect-codex"
 * import { Tool } from "effect/ai"
 *
 * const Charge = Tool.make("charge", { success: Schema.String }).annotate(ToolSettings.SideEffects, "once")
 * ```
 */
export const SideEffects = Context.Reference<SideEffect | undefined>("effect-codex/ToolSettings/Effects", {
  defaultValue: () => undefined
})

/**
 * Returns the side effects of a tool from its annotations.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { ToolSettings } from "effect-codex"
 * import { Tool } from "effect/ai"
 *
 * const Search = Tool.make("search", { success: Schema.String }).annotate(Tool.Readonly, true)
 * ToolSettings.sideEffect(Search) // "read"
 * ```
 */
export const sideEffect = (tool: Tool.Any): SideEffect =>
  Context.get(tool.annotations, SideEffects) ??
  (Context.get(tool.annotations, Tool.Readonly)
    ? "read"
    : Context.get(tool.annotations, Tool.Idempotent)
      ? "idempotent"
      : "once")

/**
 * The limits of one tool, or of a thread.
 * @since 0.1.0
 * @category models
 */
export interface Limits {
  readonly concurrency: number | undefined
  readonly maxCalls: number
}

/**
 * The settings of one tool, resolved.
 * @since 0.1.0
 * @category models
 */
export interface ToolSettings {
  readonly deadline: Duration.Duration
  readonly own: Limits
  readonly onFailure: "result" | "turn"
  readonly maxResult: number
  readonly progressInterval: Duration.Duration
  readonly grace: Duration.Duration
  readonly sideEffect: SideEffect
}

const isCount = (value: number) =>
  value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && value > 0)

/** @internal Resolves the settings of a tool. `context` is the context that starts the thread. Returns a text if one is invalid. */
export const of = (tool: Tool.Any, context: Context.Context<never>): ToolSettings | string => {
  const { annotations } = tool
  const own = <A>(key: Context.Reference<A>): A | undefined =>
    annotations.mapUnsafe.has(key.key) ? Context.get(annotations, key) : undefined
  const either = <A>(key: Context.Reference<A>): A => own(key) ?? Context.get(context, key)
  const duration = (key: Context.Reference<Duration.Input>) =>
    Option.getOrUndefined(
      Option.filter(Duration.fromInput(either(key)), (value) => !Duration.isNegative(value))
    )

  const deadline = duration(Deadline)
  const progressInterval = duration(ProgressInterval)
  const grace = duration(Grace)
  const maxResult = either(MaxResult)
  const concurrency = own(Concurrency)
  const maxCalls = own(MaxCalls) ?? Number.POSITIVE_INFINITY
  if (deadline === undefined || Duration.isZero(deadline)) return "its Deadline must be a positive duration"
  if (progressInterval === undefined) return "its ProgressInterval must be a duration"
  if (grace === undefined) return "its Grace must be a duration"
  if (concurrency !== undefined && !isCount(concurrency))
    return "its Concurrency must be a positive whole number"
  if (maxCalls !== 0 && !isCount(maxCalls)) return "its MaxCalls must be 0 or a positive whole number"
  if (!isCount(maxResult)) return "its MaxResult must be a positive whole number"
  return {
    deadline,
    own: { concurrency, maxCalls },
    onFailure: either(OnFailure),
    maxResult,
    progressInterval,
    grace,
    sideEffect: sideEffect(tool)
  }
}

/** @internal Resolves the limits over all tools of a thread. Returns a text if one of them is invalid. */
export const ofThread = (context: Context.Context<never>): Limits | string => {
  const concurrency = Context.get(context, Concurrency)
  const maxCalls = Context.get(context, MaxCalls)
  if (!isCount(concurrency)) return "Concurrency must be a positive whole number"
  if (maxCalls !== 0 && !isCount(maxCalls)) return "MaxCalls must be 0 or a positive whole number"
  return { concurrency, maxCalls }
}
