/** Tools without handlers: a call waits until the caller of the model delivers its result. */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as ToolSettings from "../tool/ToolSettings.ts"

/** A call of the model that waits for its result. */
export interface PendingCall {
  /** The id that Codex has given the call. Other turns may have calls with the same id. */
  readonly callId: string
  readonly name: string
  readonly params: unknown
  readonly result: Deferred.Deferred<Tool.HandlerResult<PendingTool>>
}

type PendingTool = Tool.Tool<
  string,
  {
    readonly parameters: typeof Schema.Unknown
    readonly success: typeof Schema.Unknown
    readonly failure: typeof Schema.Unknown
    readonly failureMode: "return"
  }
>

/** What the model receives of a tool. */
export interface OfferedTool {
  readonly name: string
  readonly description: string | undefined
  readonly inputSchema: Readonly<Record<string, unknown>>
}

/** Returns what the model receives of a tool. */
export const define = (tool: Tool.Any): OfferedTool => ({
  name: tool.name,
  description: Tool.getDescription(tool),
  inputSchema: { ...Tool.getJsonSchema(tool) }
})

/**
 * The caller of the model bounds the wait for a result, and runs as many calls at once as it likes. What the annotations of
 * a tool say of its handler does not apply to the wait.
 */
const settings = Context.empty().pipe(
  Context.add(ToolSettings.Deadline, Duration.infinity),
  Context.add(ToolSettings.Concurrency, Number.POSITIVE_INFINITY),
  Context.add(ToolSettings.OnFailure, "result")
)

/** Runs an effect that starts a thread with these tools. */
export const withoutLimits = Effect.provideService(ToolSettings.Concurrency, Number.POSITIVE_INFINITY)

const toTool = (tool: Tool.Any): PendingTool => {
  const { description, inputSchema, name } = define(tool)
  return Tool.dynamic(name, {
    description,
    parameters: inputSchema,
    success: Schema.Unknown,
    failure: Schema.Unknown,
    failureMode: "return"
  })
    .annotateMerge(tool.annotations)
    .annotateMerge(settings)
}

/** Makes a toolkit whose calls go to `onCall` and wait for its `result`. `onEnd` runs when the call no longer waits. */
export const make = (
  tools: ReadonlyArray<Tool.Any>,
  onCall: (call: PendingCall) => Effect.Effect<void>,
  onEnd: (call: PendingCall) => void
): Toolkit.WithHandler<Record<string, PendingTool>> => ({
  tools: Object.fromEntries(tools.map((tool) => [tool.name, toTool(tool)])),
  handle: (name, params, callId = name) =>
    Effect.sync(() => {
      const call: PendingCall = { callId, name, params, result: Deferred.makeUnsafe() }
      return Stream.fromEffect(
        onCall(call).pipe(
          Effect.andThen(Deferred.await(call.result)),
          Effect.ensuring(Effect.sync(() => onEnd(call)))
        )
      )
    })
})

/** Delivers the result that a prompt has for a call. Returns whether the call still waited. */
export const deliver = (
  call: PendingCall,
  { isFailure, modelOutput, result }: Prompt.ToolResultPart
): Effect.Effect<boolean> =>
  Deferred.succeed(call.result, {
    result,
    encodedResult: result,
    isFailure,
    preliminary: false,
    ...(modelOutput === undefined ? {} : { modelOutput })
  })
