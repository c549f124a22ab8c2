/** The spans of a turn, made of its events. The transitions are `TurnTime`'s; this is the one place that writes. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type * as Approval from "../Approval.ts"
import type * as CodexError from "../CodexError.ts"
import * as Shell from "../internal/Shell.ts"
import * as Item from "../Item.ts"
import type * as Turn from "../Turn.ts"
import type * as TurnTime from "../TurnTime.ts"
import * as Convention from "./Convention.ts"

const { attribute } = Convention

/** Where a turn comes from: `sdk` from a program, `cli` from the command line. */
export const Originator = Context.Reference<"sdk" | "cli">("effect-codex/telemetry/Originator", {
  defaultValue: () => "sdk"
})

/** A failure as a span ends with it: classified, and without a word of content. */
class SpanFailure {
  readonly _tag = "SpanFailure"
  readonly errorType: string
  constructor(errorType: string) {
    this.errorType = errorType
  }
}

const failure = (errorType: string): Exit.Exit<never, SpanFailure> => Exit.fail(new SpanFailure(errorType))
const interrupted: Exit.Exit<never> = Exit.failCause(Cause.interrupt())

const nanos = (ms: number): bigint => {
  const whole = Math.trunc(ms)
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6))
}

const noLinks: Array<Tracer.SpanLink> = []

export interface Options {
  readonly tracer: Tracer.Tracer
  /** The span of the turn, `invoke_agent`. */
  readonly turn: Tracer.Span
  /** What every span below the turn says of where it belongs. */
  readonly annotations: Readonly<Record<string, unknown>>
  readonly model: string | undefined
  readonly provider: string | undefined
  readonly effort: string | undefined
}

export interface TurnTelemetry {
  /** Takes an event and what opened or closed with it. Never throws, never waits. */
  readonly record: (event: Turn.EngineEvent, marks: ReadonlyArray<TurnTime.Mark>) => void
  /** The span that what belongs to a call or an item happens in. */
  readonly spanOf: (callId: string) => Tracer.Span
  /** What was open ends, and the turn's span gets its sums. */
  readonly end: (turn: Turn.Turn, marks: ReadonlyArray<TurnTime.Mark>, outcome: Outcome, at: number) => void
}

export type Outcome = "completed" | "interrupted" | CodexError.TurnError

/** Nothing is traced, and nothing is done for it. */
const off = (turn: Tracer.Span): TurnTelemetry => ({
  record: () => {},
  spanOf: () => turn,
  end: () => {}
})

interface OpenTool {
  readonly span: Tracer.Span
  readonly openedAt: number
  /** When the last question about it was answered: what was asked for runs from then. */
  decidedAt: number | undefined
  outcome: Exit.Exit<unknown, unknown>
}

const usageAttributes = (span: Tracer.Span, usage: Turn.Usage) => {
  span.attribute(attribute.inputTokens, usage.input)
  span.attribute(attribute.outputTokens, usage.output)
  span.attribute(attribute.cachedTokens, usage.cachedInput)
  span.attribute(attribute.reasoningTokens, usage.reasoning)
}

const toolType = (item: Item.Work): string => (item._tag === "McpToolCall" ? "extension" : "function")

const fileOperations = (item: Item.Work): ReadonlyArray<string> =>
  item._tag === "CommandExecution"
    ? [...new Set(item.operations)]
    : item._tag === "FileChange"
      ? [...new Set(item.changes.map((change) => change.kind))]
      : []

const lines = (diff: string): readonly [added: number, removed: number] => {
  let added = 0
  let removed = 0
  for (const line of diff.split("\n")) {
    if (line.startsWith("+") && !line.startsWith("+++")) added++
    else if (line.startsWith("-") && !line.startsWith("---")) removed++
  }
  return [added, removed]
}

export const make = (options: Options): TurnTelemetry => {
  const { tracer, turn } = options
  // What is not sampled, or not traced at all, has no children worth making.
  if (!turn.sampled || turn.traceId === "noop") return off(turn)

  let turnId: string | undefined
  let model: Tracer.Span | undefined
  let modelOpenedAt = 0
  let requestedTools = false
  let compacted = false
  /** Model requests whose usage is still to come, with the time at which they ended. */
  let unpaid: Array<readonly [span: Tracer.Span, at: number]> = []
  const tools = new Map<string, OpenTool>()
  const commands = new Map<string, Item.CommandExecution>()
  const asked = new Map<string, string>()

  const open = (
    name: string,
    at: number,
    kind: Tracer.SpanKind,
    attributes: Readonly<Record<string, unknown>>,
    parent: Tracer.Span = turn
  ) => {
    const span = tracer.span({
      name,
      parent: Option.some(parent),
      annotations: Context.empty(),
      links: noLinks,
      startTime: nanos(at),
      kind,
      root: false,
      sampled: turn.sampled
    })
    for (const key in options.annotations) span.attribute(key, options.annotations[key])
    if (turnId !== undefined) span.attribute(attribute.turnId, turnId)
    for (const key in attributes) {
      if (attributes[key] !== undefined) span.attribute(key, attributes[key])
    }
    return span
  }

  const close = (span: Tracer.Span, at: number, exit: Exit.Exit<unknown, unknown>) => {
    if (Exit.isFailure(exit)) {
      const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
      if (error instanceof SpanFailure) span.attribute(attribute.errorType, error.errorType)
    }
    span.end(nanos(at), exit)
  }

  const settle = (usage: Turn.Usage | undefined) => {
    const [first, ...rest] = unpaid
    if (first === undefined) return
    if (usage !== undefined) usageAttributes(first[0], usage)
    close(first[0], first[1], Exit.void)
    unpaid = rest
  }

  const closeModel = (span: Tracer.Span, at: number, end: TurnTime.ModelEnd) => {
    span.attribute(attribute.responseModel, options.model)
    if (end.responseId !== undefined) {
      span.attribute(attribute.responseId, end.responseId)
      span.attribute(attribute.finishReasons, [requestedTools ? "tool_calls" : "stop"])
    }
    if (end.firstTokenAt !== undefined) {
      span.attribute(attribute.timeToFirstChunk, (end.firstTokenAt - modelOpenedAt) / 1000)
    }
    if (end.usage !== undefined) usageAttributes(span, end.usage)
    if (end.status !== undefined) span.attribute(attribute.httpStatus, end.status)
    if (end.errorType !== undefined) close(span, at, failure(end.errorType))
    else if (end.cut === true) close(span, at, interrupted)
    else if (end.responseId !== undefined) close(span, at, Exit.void)
    // Where nobody says when a request ends, its usage comes only after its tools have run.
    else unpaid.push([span, at])
  }

  const mark = (mark: TurnTime.Mark) => {
    switch (mark._tag) {
      case "ModelOpened":
        modelOpenedAt = mark.at
        requestedTools = false
        model = open(Convention.span.chat(options.model), mark.at, "client", {
          [attribute.operationName]: Convention.operation.chat,
          [attribute.providerName]: options.provider,
          [attribute.requestModel]: options.model,
          [attribute.reasoningLevel]: options.effort,
          [attribute.openaiApiType]: "responses",
          [attribute.compacted]: compacted ? true : undefined
        })
        return
      case "ModelClosed":
        if (model !== undefined) closeModel(model, mark.at, mark.end)
        model = undefined
        return
      case "ToolOpened": {
        requestedTools = true
        // A model may ask for a tool that does not exist, by any words it likes.
        const name = /^[\w.-]{1,64}$/.test(mark.tool) ? mark.tool : Convention.unknownTool
        tools.set(mark.callId, {
          span: open(Convention.span.executeTool(name), mark.at, "internal", {
            [attribute.operationName]: Convention.operation.executeTool,
            [attribute.toolName]: name,
            [attribute.toolCallId]: mark.callId
          }),
          openedAt: mark.at,
          decidedAt: undefined,
          outcome: Exit.void
        })
        return
      }
      case "ToolClosed": {
        const tool = tools.get(mark.callId)
        if (tool !== undefined) close(tool.span, mark.at, tool.outcome)
      }
    }
  }

  /** A command has no moment of its own at which it starts; what there is of it is known when it is over. */
  const command = (item: Item.CommandExecution, at: number) => {
    commands.delete(item.id)
    const tool = tools.get(item.id)
    if (item.status === "declined") return
    const name = Shell.executable(item.command)
    const span = open(
      name,
      tool?.decidedAt ?? tool?.openedAt ?? at,
      "client",
      { [attribute.executableName]: name, [attribute.exitCode]: item.exitCode },
      tool?.span
    )
    const failed = item.exitCode === undefined ? item.status === "failed" : item.exitCode !== 0
    close(
      span,
      at,
      failed
        ? failure(Convention.errorType.commandFailed)
        : item.status === "interrupted"
          ? interrupted
          : Exit.void
    )
  }

  const work = (item: Item.Work, done: boolean, at: number) => {
    const tool = tools.get(item.id)
    if (tool !== undefined) {
      tool.span.attribute(attribute.toolType, toolType(item))
      if (item._tag === "McpToolCall") {
        tool.span.attribute(attribute.mcpMethod, "tools/call")
        tool.span.attribute(attribute.mcpServer, item.server)
      }
      const operations = fileOperations(item)
      if (operations.length > 0) tool.span.attribute(attribute.fileOperations, operations)
      if (done && item.status === "failed" && item._tag !== "CommandExecution") {
        tool.outcome = failure(Convention.errorType.toolFailed)
      }
    }
    if (item._tag !== "CommandExecution") return
    if (done) command(item, at)
    else commands.set(item.id, item)
  }

  const record = (event: Turn.EngineEvent) => {
    switch (event._tag) {
      case "TurnStarted":
        turnId = event.turnId
        turn.attribute(attribute.turnId, event.turnId)
        return
      case "ItemStarted":
      case "ItemCompleted":
        if (Item.isWork(event.item)) work(event.item, event._tag === "ItemCompleted", event.at)
        else if (event.item._tag === "ContextCompaction") {
          compacted = true
          const stage = event._tag === "ItemStarted" ? "started" : "completed"
          turn.event(Convention.event.compaction, nanos(event.at), { [attribute.compactionStage]: stage })
        }
        return
      case "UsageUpdated": {
        const { input, output } = event.usage
        settle(event.usage)
        return turn.event(Convention.event.tokenUsage, nanos(event.at), {
          [attribute.inputTokens]: input,
          [attribute.outputTokens]: output
        })
      }
      case "DiffUpdated": {
        const [added, removed] = lines(event.diff)
        return turn.event(Convention.event.diff, nanos(event.at), {
          [attribute.diffBytes]: Buffer.byteLength(event.diff),
          [attribute.diffAdded]: added,
          [attribute.diffRemoved]: removed
        })
      }
      case "ApprovalRequested":
        asked.set(event.request.id, event.request.itemId)
        return
      case "ApprovalDecided": {
        asked.delete(event.requestId)
        const tool = tools.get(event.itemId)
        if (tool !== undefined) tool.decidedAt = event.at
      }
    }
  }

  return {
    record: (event, marks) => {
      // A work item fills in the span that its own event opens, and must be known before the one that it closes ends.
      const opens = event._tag === "ItemStarted"
      if (!opens) record(event)
      for (const each of marks) mark(each)
      if (opens) record(event)
    },
    spanOf: (callId) => tools.get(callId)?.span ?? turn,
    end: (result, marks, outcome, at) => {
      const undecided = new Set(asked.values())
      for (const item of commands.values()) {
        if (!undecided.has(item.id)) command({ ...item, status: "interrupted" }, at)
      }
      for (const tool of tools.values()) {
        if (outcome !== "completed" && Exit.isSuccess(tool.outcome)) tool.outcome = interrupted
      }
      for (const each of marks) mark(each)
      while (unpaid.length > 0) settle(undefined)
      turnAttributes(turn, result, outcome)
    }
  }
}

const turnAttributes = (span: Tracer.Span, turn: Turn.Turn, outcome: Outcome) => {
  span.attribute(attribute.inputTokens, turn.usage.input)
  span.attribute(attribute.outputTokens, turn.usage.output)
  span.attribute(attribute.timeThinking, turn.time.thinking)
  span.attribute(attribute.timeTools, turn.time.tools)
  span.attribute(attribute.timeApproval, turn.time.approval)
  span.attribute(attribute.timeOverhead, turn.time.overhead)
  span.attribute(attribute.turnModelCalls, turn.modelCalls)
  span.attribute(attribute.turnToolCalls, turn.toolCalls)
  if (typeof outcome === "string") return span.attribute(attribute.turnStatus, outcome)
  // Being stopped is not an error of the turn.
  if (outcome._tag === "TurnInterrupted") return span.attribute(attribute.turnStatus, "interrupted")
  span.attribute(attribute.turnStatus, "failed")
  span.attribute(attribute.errorType, outcome.errorType)
  span.attribute(attribute.errorClass, outcome.class)
  span.attribute(attribute.errorRetryable, outcome.retryable)
  if (outcome._tag === "TurnFailed" && outcome.retryAfterMs !== undefined) {
    span.attribute(attribute.errorRetryAfter, outcome.retryAfterMs)
  }
}

/** The span of one decision: as long as it took, inside the call that it is about. */
export const approving =
  (parent: Tracer.Span, kind: Approval.Kind) =>
  <E, R>(decide: Effect.Effect<Approval.Decision, E, R>): Effect.Effect<Approval.Decision, E, R> =>
    Effect.useSpan(
      Convention.span.approval,
      { parent, attributes: { [attribute.approvalKind]: kind } },
      (span) =>
        Effect.tap(Effect.withParentSpan(decide, span), (decision) =>
          Effect.sync(() => {
            span.attribute(attribute.approvalDecision, decision._tag)
            span.attribute(attribute.approvalSource, decision.source ?? "policy")
            span.attribute(attribute.approvalPolicy, decision.policy ?? "custom")
          })
        )
    )
