/** Serves the caller's `effect/ai` Toolkit to the agent: turns calls of the model into handler calls. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as ApprovalDecision from "../domain/ApprovalDecision.ts"
import * as ApprovalRequest from "../domain/ApprovalRequest.ts"
import * as CodexError from "../domain/CodexError.ts"
import type * as Engine from "../engine/Engine.ts"
import { type ItemId, TurnId } from "../domain/Ids.ts"
import * as ToolCall from "./ToolCall.ts"
import * as ToolJournal from "./ToolJournal.ts"
import * as Progress from "./ToolProgress.ts"
import { supervise } from "../internal/GracefulInterrupt.ts"
import * as ToolSettings from "./ToolSettings.ts"
import * as ToolResult from "./ToolResult.ts"
import * as ToolResultText from "./ToolResultText.ts"

export interface ToolHost {
  readonly specs: ReadonlyArray<Engine.ToolSpec>
  /** The tools whose annotations say that they only read. */
  readonly readOnly: ReadonlySet<string>
  /** Makes the function that runs the tool calls of one turn. Call limits count per turn. */
  readonly turn: (hooks: Hooks) => Call
  /** The number of abandoned handlers that are still running because they ignore interruption. */
  readonly leaked: () => number
}

/**
 * Runs a call. A failure becomes an answer to the model, except for tools with `OnFailure` `turn`, and for failures of the
 * journal. The call ends within the tool's deadline plus grace period, and after an interruption within the grace period.
 */
export type Call = (
  call: Engine.EngineToolCall
) => Effect.Effect<Engine.EngineToolOutput, CodexError.TurnError>

/** Runs the approval policy for a tool that is marked `needsApproval`. */
export type Approve = (
  request: ApprovalRequest.ApprovalRequest
) => Effect.Effect<ApprovalDecision.ApprovalDecision>

/** A preliminary result of a call, as text of at most 4,000 characters. */
export interface ToolProgress {
  readonly callId: ItemId
  readonly tool: string
  readonly text: string
}

/** A handler that ignored its interruption and was abandoned after the grace period. */
export interface Abandoned {
  readonly callId: ItemId
  readonly tool: string
}

/** What tool calls need from their turn. */
export interface Hooks {
  readonly approve: Approve
  /** The id of the turn. It is known when a tool is called. */
  readonly turnId?: () => TurnId
  readonly progress?: (progress: ToolProgress) => void
  readonly abandoned?: (abandoned: Abandoned) => void
}

const maxProgress = 4000
const namePattern = /^[a-zA-Z0-9_-]{1,64}$/

const invalidRequest = (detail: string) =>
  Effect.fail(new CodexError.InvalidRequest({ reason: "BadParams", method: "startThread", detail }))

const toolOutput = (success: boolean, text: string): Engine.EngineToolOutput => ({ success, text })

const noSuchTool = (call: Engine.EngineToolCall) =>
  Effect.succeed(toolOutput(false, `There is no tool ${ToolResultText.truncateMiddle(call.tool, 100)}.`))

/** No tools at all. */
export const empty: ToolHost = {
  specs: [],
  readOnly: new Set(),
  turn: () => noSuchTool,
  leaked: () => 0
}

/** Returns tools that leave calls of other tools without an answer, for another program that has them. */
export const leavingUnknown = (tools: ToolHost): ToolHost => {
  const names = new Set(tools.specs.map(({ name }) => name))
  return {
    ...tools,
    turn: (hooks) => {
      const call = tools.turn(hooks)
      return (request) => (names.has(request.tool) ? call(request) : Effect.never)
    }
  }
}

interface HostedTool {
  readonly tool: Tool.Any
  readonly settings: ToolSettings.ToolSettings
  readonly limit: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

const makeLimiter = (concurrency: number | undefined): HostedTool["limit"] => {
  if (concurrency === undefined || concurrency === Number.POSITIVE_INFINITY) return (effect) => effect
  const semaphore = Semaphore.makeUnsafe(concurrency)
  return (effect) => semaphore.withPermits(1)(effect)
}

const checkName = (tool: Tool.Any, known: ReadonlyMap<string, unknown>): string | undefined => {
  if (!namePattern.test(tool.name)) {
    return `the tool name ${JSON.stringify(tool.name)} may contain only letters, digits, "_" and "-", at most 64; rename the tool`
  }
  if (known.has(tool.name)) return `there are two tools named "${tool.name}"; rename one`
  return Tool.isProviderDefined(tool)
    ? `the tool "${tool.name}" is defined by a provider; Codex supports only tools with a handler of your own`
    : undefined
}

/**
 * Serves a Toolkit. Fails with `InvalidRequest` for names that Codex would reject and for invalid settings. Handlers run
 * with the services that were available when the thread started.
 */
export const make = Effect.fnUntraced(function* <Tools extends Record<string, Tool.Any>>(
  toolkit: Toolkit.WithHandler<Tools>
): Effect.fn.Return<ToolHost, CodexError.InvalidRequest, Tool.HandlerServices<Tools[keyof Tools]>> {
  const services = yield* Effect.context<Tool.HandlerServices<Tools[keyof Tools]>>()
  const limits = ToolSettings.ofThread(services)
  if (typeof limits === "string") return yield* invalidRequest(`the setting of the thread's tools: ${limits}`)
  const limitOfThread = makeLimiter(limits.concurrency)
  const tools = new Map<string, HostedTool>()
  for (const tool of Object.values(toolkit.tools)) {
    const problem = checkName(tool, tools)
    if (problem !== undefined) return yield* invalidRequest(problem)
    const settings = ToolSettings.of(tool, services)
    if (typeof settings === "string") return yield* invalidRequest(`the tool "${tool.name}": ${settings}`)
    const own = makeLimiter(settings.own.concurrency)
    // Acquire the tool's own permit first: a call that waits for it must not hold a permit of the thread.
    tools.set(tool.name, { tool, settings, limit: (effect) => own(limitOfThread(effect)) })
  }
  let leaked = 0

  // A tool that is looked up by name has lost the type of its services; the type of this function has it. The context of
  // the run takes precedence over the context of the thread: its spans and settings are current.
  const withServices = <A, E>(effect: Effect.Effect<A, E, unknown>): Effect.Effect<A, E> =>
    Effect.updateContext(
      effect as Effect.Effect<A, E, Tool.HandlerServices<Tools[keyof Tools]>>,
      (context: Context.Context<never>) => Context.merge(services, context)
    )

  const reportAbandoned = (call: Engine.EngineToolCall, hooks: Hooks) =>
    Effect.andThen(
      Effect.sync(() => {
        leaked++
        hooks.abandoned?.({ callId: call.callId, tool: call.tool })
      }),
      Effect.logWarning(`the handler of the tool ${call.tool} ignores its interruption and is abandoned`)
    )

  const run = Effect.fnUntraced(function* (
    { settings, tool }: HostedTool,
    call: Engine.EngineToolCall,
    hooks: Hooks
  ) {
    const { callId, tool: name } = call
    const progress = Progress.make(settings.progressInterval, (text) =>
      hooks.progress?.({ callId, tool: name, text: ToolResultText.truncateMiddle(text, maxProgress) })
    )
    const ended = yield* supervise(
      withServices(
        ToolCall.handle(toolkit.handle(name, call.arguments as never, callId), tool, progress.offer)
      ),
      {
        deadline: settings.deadline,
        grace: settings.grace,
        abandoned: (fiber) => {
          fiber.addObserver(() => void leaked--)
          return reportAbandoned(call, hooks)
        }
      }
    ).pipe(Effect.tap(progress.flush), Effect.ensuring(progress.close))
    const outcome = Option.match(ended, {
      onNone: () => ToolCall.timedOut(tool, settings),
      onSome: (exit) => ToolCall.outcome(tool, exit)
    })
    if (outcome.bug !== undefined && !Cause.hasInterruptsOnly(outcome.bug)) {
      yield* Effect.logError(`the handler of the tool ${name} died`, outcome.bug)
    }
    const result = ToolResult.truncate(outcome, settings.maxResult)
    if (outcome.success || outcome.fault === "model" || settings.onFailure === "result") {
      return { success: outcome.success, ...result }
    }
    const { retryable } = outcome
    return yield* new CodexError.ToolFailed({ tool: name, detail: outcome.detail ?? result.text, retryable })
  })

  const decodeParameters = (tool: Tool.Any, call: Engine.EngineToolCall) =>
    withServices(Effect.result(Schema.decodeUnknownEffect(tool.parametersSchema)(call.arguments)))

  const requiresApproval = (
    tool: Tool.Any,
    call: Engine.EngineToolCall,
    params: unknown
  ): Effect.Effect<boolean> => {
    const needs = tool.needsApproval
    if (typeof needs !== "function") return Effect.succeed(needs === true)
    return Effect.suspend(() => {
      const answer = needs(params, { toolCallId: call.callId, messages: [] })
      return Effect.isEffect(answer) ? answer : Effect.succeed(answer)
    }).pipe(
      // If `needsApproval` fails or dies, approval is required.
      Effect.catchCause(() => Effect.succeed(true)),
      withServices
    )
  }

  /** Returns why the call must not run, or `undefined` if it may run. */
  const rejectionReason = Effect.fnUntraced(function* (
    tool: Tool.Any,
    call: Engine.EngineToolCall,
    approve: Approve
  ) {
    const { needsApproval } = tool
    if (needsApproval === undefined || needsApproval === false) return undefined
    const params = yield* decodeParameters(tool, call)
    // Invalid arguments cannot run, so no approval is requested; and a call without approval does not run.
    if (params._tag === "Failure") {
      return `The arguments do not match the schema of the tool ${call.tool}: ${params.failure.message}`
    }
    if (!(yield* requiresApproval(tool, call, params.success))) return undefined
    const decision = yield* approve({
      _tag: "Tool",
      id: call.callId,
      itemId: call.callId,
      tool: call.tool,
      arguments: call.arguments
    })
    return ApprovalDecision.isGranted(decision) ? undefined : `The call of ${call.tool} was declined.`
  })

  const turn = (hooks: Hooks): Call => {
    const counts = new Map<string, number>()
    let callsOfAllTools = 0
    return Effect.fnUntraced(function* (call) {
      const hosted = tools.get(call.tool)
      if (hosted === undefined) return yield* noSuchTool(call)
      const count = (counts.get(call.tool) ?? 0) + 1
      counts.set(call.tool, count)
      const { maxCalls } = hosted.settings.own
      if (count > maxCalls) {
        return toolOutput(
          false,
          `The call was rejected: this turn has already called ${call.tool} ${maxCalls} times, which is the limit.`
        )
      }
      if (++callsOfAllTools > limits.maxCalls) {
        return toolOutput(
          false,
          `The call was rejected: this turn has already made ${limits.maxCalls} tool calls, which is the limit.`
        )
      }
      const { limit, settings, tool } = hosted
      return yield* ToolJournal.around(
        yield* ToolJournal.Current,
        {
          turnId: hooks.turnId?.() ?? TurnId.make(""),
          callId: call.callId,
          tool: call.tool,
          sideEffect: settings.sideEffect
        },
        Effect.map(rejectionReason(tool, call, hooks.approve), (rejection) =>
          rejection === undefined
            ? undefined
            : toolOutput(false, ToolResultText.truncateMiddle(rejection, settings.maxResult))
        ),
        run(hosted, call, hooks),
        limit
      )
    })
  }

  return {
    specs: [...tools.values()].map(({ tool }) => ({
      name: tool.name,
      description: Tool.getDescription(tool) ?? tool.name,
      inputSchema: Tool.getJsonSchema(tool)
    })),
    readOnly: new Set(
      [...tools.values()]
        .filter(({ settings }) => settings.sideEffect === "read")
        .map(({ tool }) => tool.name)
    ),
    turn,
    leaked: () => leaked
  }
})
