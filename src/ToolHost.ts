/** The caller's tools, served to the agent: an `effect/ai` Toolkit on one side, calls of a model on the other. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as AiError from "effect/ai/AiError"
import * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "./Approval.ts"
import * as CodexError from "./CodexError.ts"
import type * as Engine from "./engine/Engine.ts"

export interface ToolHost {
  readonly specs: ReadonlyArray<Engine.ToolSpec>
  /** The tools that only read, by their annotation `Tool.Readonly`. */
  readonly readOnly: ReadonlySet<string>
  /** Runs a call. Whatever goes wrong in it is an answer to the model, but for tools whose failure is the turn's. */
  readonly call: (
    call: Engine.ToolCall,
    approve: Approve
  ) => Effect.Effect<Engine.ToolOutput, CodexError.ToolFailed>
}

/** Asks the policy about a tool that is marked `needsApproval`. */
export type Approve = (request: Approval.Request) => Effect.Effect<Approval.Decision>

const namePattern = /^[a-zA-Z0-9_-]{1,64}$/

const refuse = (detail: string) =>
  Effect.fail(new CodexError.InvalidRequest({ reason: "BadParams", method: "startThread", detail }))

const said = (success: boolean, text: string): Engine.ToolOutput => ({ success, text })

const asText = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "null")

/** A failure in words for the model: the tool's own failure as its schema encodes it, ours by what they say. */
const failureText = (tool: Tool.Any, failure: unknown): Effect.Effect<string> => {
  if (AiError.isAiError(failure)) return Effect.succeed(failure.message)
  return Schema.encodeUnknownEffect(Schema.toCodecJson(tool.failureSchema))(failure).pipe(
    Effect.map(asText),
    Effect.orElseSucceed(() => `The tool ${tool.name} failed.`)
  ) as Effect.Effect<string>
}

const modelText = (result: Tool.HandlerResult<Tool.Any>): string =>
  result.modelOutput === undefined
    ? asText(result.encodedResult)
    : result.modelOutput.map((part) => (part.type === "text" ? part.text : asText(part))).join("\n")

/** No tools at all. */
export const empty: ToolHost = {
  specs: [],
  readOnly: new Set(),
  call: (call) => Effect.succeed(said(false, `There is no tool ${call.tool}.`))
}

/**
 * Serves a Toolkit. Names that Codex would refuse are refused here, with their reason; handlers run with the services
 * that were there when the thread was started.
 */
export const make = Effect.fnUntraced(function* <Tools extends Record<string, Tool.Any>>(
  toolkit: Toolkit.WithHandler<Tools>
): Effect.fn.Return<ToolHost, CodexError.InvalidRequest, Tool.HandlerServices<Tools[keyof Tools]>> {
  const services = yield* Effect.context<Tool.HandlerServices<Tools[keyof Tools]>>()
  const tools = new Map<string, Tool.Any>()
  for (const tool of Object.values(toolkit.tools)) {
    if (!namePattern.test(tool.name)) {
      return yield* refuse(
        `the tool name "${tool.name}" is not one of letters, digits, "_" and "-"; rename the tool`
      )
    }
    if (tools.has(tool.name)) return yield* refuse(`there are two tools named "${tool.name}"; rename one`)
    if (Tool.isProviderDefined(tool)) {
      return yield* refuse(
        `the tool "${tool.name}" is defined by a provider; codex only takes tools of your own`
      )
    }
    tools.set(tool.name, tool)
  }
  /** What a person allowed for the session: the same call with the same arguments. */
  const remembered = new Set<string>()

  // A tool looked up by name has lost the type of what it needs; the type of this function has it. What the run brings
  // wins over what the thread was started with: its spans and settings are those of the moment.
  const provided = <A, E>(effect: Effect.Effect<A, E, unknown>): Effect.Effect<A, E> =>
    Effect.updateContext(
      effect as Effect.Effect<A, E, Tool.HandlerServices<Tools[keyof Tools]>>,
      (context: Context.Context<never>) => Context.merge(services, context)
    )

  const run = (tool: Tool.Any, call: Engine.ToolCall): Effect.Effect<Engine.ToolOutput> =>
    toolkit.handle(tool.name, call.arguments as never, call.callId).pipe(
      Effect.flatMap((results) => Stream.runLast(Stream.filter(results, (result) => !result.preliminary))),
      Effect.map(
        Option.match({
          onNone: () => said(false, `The tool ${tool.name} gave no result.`),
          onSome: (result) => said(!result.isFailure, modelText(result))
        })
      ),
      Effect.catch((failure) => Effect.map(failureText(tool, failure), (text) => said(false, text))),
      // A bug in a handler is not for the model to read.
      Effect.catchDefect((defect) =>
        Effect.as(
          Effect.logError(`the tool ${tool.name} died`, defect),
          said(false, `The tool ${tool.name} failed.`)
        )
      ),
      provided
    )

  const needsApproval = (tool: Tool.Any, call: Engine.ToolCall): Effect.Effect<boolean> => {
    const needs = tool.needsApproval
    if (typeof needs !== "function") return Effect.succeed(needs === true)
    return Schema.decodeUnknownEffect(tool.parametersSchema)(call.arguments).pipe(
      Effect.flatMap((params) => {
        const answer = needs(params, { toolCallId: call.callId, messages: [] })
        return Effect.isEffect(answer) ? answer : Effect.succeed(answer)
      }),
      // Arguments that cannot be read are refused by the tool itself; anything else that goes wrong means asking.
      Effect.catchCause(() => Effect.succeed(true)),
      provided
    )
  }

  const call = Effect.fnUntraced(function* (call: Engine.ToolCall, approve: Approve) {
    const tool = tools.get(call.tool)
    if (tool === undefined) return said(false, `There is no tool ${call.tool}.`)
    const key = `${call.tool}\u0000${JSON.stringify(call.arguments)}`
    if (!remembered.has(key) && (yield* needsApproval(tool, call))) {
      const request = {
        _tag: "tool",
        id: call.callId,
        itemId: call.callId,
        tool: call.tool,
        arguments: call.arguments
      } as const
      const decision = yield* approve(request)
      if (decision._tag === "acceptForSession") remembered.add(key)
      if (!Approval.isGranted(decision)) return said(false, `The call of ${call.tool} was declined.`)
    }
    return yield* withoutArguments(run(tool, call))
  })

  return {
    specs: [...tools.values()].map((tool) => ({
      name: tool.name,
      description: Tool.getDescription(tool) ?? tool.name,
      inputSchema: Tool.getJsonSchema(tool)
    })),
    readOnly: new Set(
      [...tools.values()]
        .filter((tool) => Context.get(tool.annotations, Tool.Readonly))
        .map((tool) => tool.name)
    ),
    call
  }
})

// `Toolkit.handle` writes the arguments on the current span: it gets one that keeps nothing.
const withoutArguments = <A>(effect: Effect.Effect<A>): Effect.Effect<A> =>
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
  )
