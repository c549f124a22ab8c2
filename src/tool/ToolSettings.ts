/**
 * How a tool is served. Each setting is an annotation of one tool, `tool.annotate(ToolSettings.Deadline, "30 seconds")`,
 * or, provided where a thread is started, what all its tools have that say nothing else.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Tool from "effect/ai/Tool"

/**
 * How long one call may take, from the start of its handler; approval and the wait for a free place are not counted.
 * Then the handler is interrupted, and the call has failed. Default: 5 minutes.
 */
export const Deadline = Context.Reference<Duration.Input>("effect-codex/ToolSettings/Deadline", {
  defaultValue: () => Duration.minutes(5)
})

/**
 * How many calls run at once; the others wait their turn. On a tool: calls of this tool. Provided: calls of all tools of
 * the thread together. A tool that says nothing has only the limit of its thread. Default: 16.
 */
export const Concurrency = Context.Reference<number>("effect-codex/ToolSettings/Concurrency", {
  defaultValue: () => 16
})

/**
 * How many calls one turn may make; beyond that the model is told no and the turn goes on. On a tool: calls of this
 * tool. Provided: calls of all tools together. Default: no limit.
 */
export const MaxCalls = Context.Reference<number>("effect-codex/ToolSettings/MaxCalls", {
  defaultValue: () => Number.POSITIVE_INFINITY
})

/**
 * What a failed call is: `result`, a text for the model, which may try something else; or `turn`, the end of the turn
 * with `ToolFailed`, which stops its other calls too. Arguments that do not fit, a call that was declined and one too
 * many are always told to the model. Default: `result`.
 */
export const OnFailure = Context.Reference<"result" | "turn">("effect-codex/ToolSettings/OnFailure", {
  defaultValue: () => "result"
})

/** The longest text that goes back to the model, in characters; the middle of a longer one is left out. Default: 100,000. */
export const MaxResult = Context.Reference<number>("effect-codex/ToolSettings/MaxResult", {
  defaultValue: () => 100_000
})

/** The least time between two `ToolProgress` events of one call; what came between is left out. Default: 100 ms. */
export const ProgressInterval = Context.Reference<Duration.Input>(
  "effect-codex/ToolSettings/ProgressInterval",
  { defaultValue: () => Duration.millis(100) }
)

/** How long an interrupted handler is waited for; one that still runs then is left behind and reported. Default: 2 s. */
export const Grace = Context.Reference<Duration.Input>("effect-codex/ToolSettings/Grace", {
  defaultValue: () => Duration.seconds(2)
})

/**
 * What a call does to the world: `read` nothing, `idempotent` the same when it is done again, `once` something that must
 * not be done again blindly.
 */
export type SideEffect = "read" | "idempotent" | "once"

/**
 * The side effect of a tool, where `Tool.Readonly` and `Tool.Idempotent` do not say it; it wins over them. An annotation
 * only: a tool that says nothing is `once`.
 */
export const SideEffects = Context.Reference<SideEffect | undefined>("effect-codex/ToolSettings/Effects", {
  defaultValue: () => undefined
})

/** The side effect of a tool, by its annotations. */
export const sideEffect = (tool: Tool.Any): SideEffect =>
  Context.get(tool.annotations, SideEffects) ??
  (Context.get(tool.annotations, Tool.Readonly)
    ? "read"
    : Context.get(tool.annotations, Tool.Idempotent)
      ? "idempotent"
      : "once")

/** What holds for one tool, or for the thread. */
export interface Limits {
  readonly concurrency: number | undefined
  readonly maxCalls: number
}

/** The settings of one tool, resolved. */
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

/** The settings of a tool in the context of the one who starts a thread; a text where one of them cannot be. */
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
  if (deadline === undefined || Duration.isZero(deadline)) return "its Deadline is no duration"
  if (progressInterval === undefined) return "its ProgressInterval is no duration"
  if (grace === undefined) return "its Grace is no duration"
  if (concurrency !== undefined && !isCount(concurrency)) return "its Concurrency is no positive number"
  if (maxCalls !== 0 && !isCount(maxCalls)) return "its MaxCalls is no number of calls"
  if (!isCount(maxResult)) return "its MaxResult is no number of characters"
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

/** The limits over all tools of a thread; a text where one of them cannot be. */
export const ofThread = (context: Context.Context<never>): Limits | string => {
  const concurrency = Context.get(context, Concurrency)
  const maxCalls = Context.get(context, MaxCalls)
  if (!isCount(concurrency)) return "Concurrency is no positive number"
  if (maxCalls !== 0 && !isCount(maxCalls)) return "MaxCalls is no number of calls"
  return { concurrency, maxCalls }
}
