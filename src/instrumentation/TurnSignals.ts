/** Folds the events of a turn into signals. Pure. */
import * as ApprovalDecision from "../domain/ApprovalDecision.ts"
import * as ApprovalRequest from "../domain/ApprovalRequest.ts"
import * as ShellCommand from "../internal/ShellCommand.ts"
import * as OrderedMap from "../internal/OrderedMap.ts"
import * as Item from "../domain/Item.ts"
import * as OpenCalls from "../domain/OpenCalls.ts"
import type * as Turn from "../domain/Turn.ts"
import type * as TurnTiming from "../domain/TurnTiming.ts"
import * as TurnState from "../domain/TurnState.ts"
import * as Convention from "../semconv/Convention.ts"
import * as DiffStats from "./DiffStats.ts"
import * as FileSignals from "./FileSignals.ts"
import * as RetrySignals from "./RetrySignals.ts"
import * as Signal from "./Signal.ts"

/** The times between chunks of output, last first. A list, because an array would be copied for each chunk. */
export interface ChunkGaps {
  readonly gap: number
  readonly before: ChunkGaps | undefined
  readonly count: number
}

/** The maximum number of gaps per request. Later gaps are dropped, so that an endless request does not fill memory. */
export const maxChunkGaps = 10_000

export const addChunkGap = (before: ChunkGaps | undefined, gap: number): ChunkGaps | undefined => {
  const count = (before?.count ?? 0) + 1
  return count > maxChunkGaps ? before : { gap, before, count }
}

/** Returns the gaps in order, first gap first. */
export const chunkGapsToArray = (gaps: ChunkGaps | undefined): ReadonlyArray<number> => {
  const all: Array<number> = []
  for (let current = gaps; current !== undefined; current = current.before) all.push(current.gap)
  return all.toReversed()
}

interface Model {
  readonly openedAt: number
  readonly requestedTools: boolean
  readonly lastChunkAt: number | undefined
  readonly gaps: ChunkGaps | undefined
  /** Usage reported before the request ended: no event ends the last request of a turn. */
  readonly usage: Turn.Usage | undefined
}

export interface SignalsState {
  readonly startedAt: number
  readonly model: Model | undefined
  readonly compacted: boolean
  /** The engine reports the end of each model request, with its usage. */
  readonly exact: boolean
  /** Model requests that have ended and await their usage. */
  readonly awaitingUsage: ReadonlyArray<Signal.ModelStop>
  /** When the current compaction started. */
  readonly compactingAt: number | undefined
  readonly retries: RetrySignals.RetrySignalsState
}

export const initial = (startedAt: number): SignalsState => ({
  startedAt,
  model: undefined,
  compacted: false,
  exact: false,
  awaitingUsage: [],
  compactingAt: undefined,
  retries: RetrySignals.initial
})

type Step = readonly [SignalsState, ReadonlyArray<Signal.Signal>]

const noSignals: ReadonlyArray<Signal.Signal> = []

const fail = (errorType: string): Signal.SignalEnd => ({ _tag: "Error", errorType })

/** The open calls before the event, and how a call ends that the event closes. */
interface CallContext {
  readonly calls: OpenCalls.OpenCalls
  /** The item that completes with the event. */
  readonly completed: Item.Work | undefined
  /** How a call ends that closes without a failure of its own. */
  readonly end: Signal.SignalEnd
}

const onTiming = (state: SignalsState, mark: TurnTiming.Mark, context: CallContext): Step => {
  switch (mark._tag) {
    case "ModelOpened":
      return [
        {
          ...state,
          model: {
            openedAt: mark.at,
            requestedTools: false,
            lastChunkAt: undefined,
            gaps: undefined,
            usage: undefined
          }
        },
        [{ _tag: "ModelStart", at: mark.at, compacted: state.compacted }]
      ]
    case "ModelClosed":
      return state.model === undefined ? [state, noSignals] : modelClosed(state, state.model, mark)
    case "ToolOpened": {
      const { at, callId } = mark
      const model = state.model === undefined ? undefined : { ...state.model, requestedTools: true }
      return [
        { ...state, model },
        [{ _tag: "ToolStart", at, callId, tool: Convention.safeToolName(mark.tool) }]
      ]
    }
    case "ToolClosed": {
      const call = OpenCalls.get(context.calls, mark.callId)
      return [state, call === undefined ? noSignals : [toolStop(call, mark.at, context)]]
    }
  }
}

/** Returns what was left out of an item or a turn, if anything was. */
const omitted = (from: Item.Item | Turn.Turn | undefined) =>
  from?.omittedCharacters === undefined ? {} : { omittedCharacters: from.omittedCharacters }

const toolStop = (
  { callId, item: started, startedAt, tool }: OpenCalls.CallState,
  at: number,
  { completed, end }: CallContext
): Signal.Signal => {
  const item = completed ?? started
  return {
    _tag: "ToolStop",
    at,
    durationMillis: at - startedAt,
    callId,
    tool: Convention.safeToolName(tool),
    type: item === undefined ? undefined : item._tag === "McpToolCall" ? "extension" : "function",
    mcpServer: item?._tag === "McpToolCall" ? item.server : undefined,
    operations: item === undefined ? [] : [...new Set(FileSignals.kindsOf(item))],
    ...omitted(item),
    end:
      completed?.status === "failed" && completed._tag !== "CommandExecution"
        ? fail(Convention.errorType.toolFailed)
        : end
  }
}

const chunk = (state: SignalsState, at: number): Step => {
  if (state.model === undefined) return [state, noSignals]
  const { gaps: before, lastChunkAt } = state.model
  const gaps = lastChunkAt === undefined ? before : addChunkGap(before, at - lastChunkAt)
  return [{ ...state, model: { ...state.model, lastChunkAt: at, gaps } }, noSignals]
}

const modelClosed = (
  state: SignalsState,
  model: Model,
  { at, end }: Extract<TurnTiming.Mark, { readonly _tag: "ModelClosed" }>
): Step => {
  const exact = end.responseId !== undefined
  const stop: Signal.ModelStop = {
    _tag: "ModelStop",
    startedAt: model.openedAt,
    at,
    durationMillis: at - model.openedAt,
    timeToFirstTokenMillis: end.firstTokenAt === undefined ? undefined : end.firstTokenAt - model.openedAt,
    chunkGapsMillis: chunkGapsToArray(model.gaps),
    responseId: end.responseId,
    finishReason: exact ? (model.requestedTools ? "tool_calls" : "stop") : undefined,
    usage: end.usage ?? (exact ? undefined : model.usage),
    end:
      end.errorType !== undefined
        ? { _tag: "Error", errorType: end.errorType, status: end.status }
        : end.cut === true
          ? Signal.interrupted
          : Signal.ok
  }
  const next = { ...state, model: undefined, exact: state.exact || exact }
  // If the engine does not report the end of requests, usage arrives only after the tools of the request have run.
  return exact || stop.usage !== undefined || stop.end._tag !== "Ok" ? [next, [stop]] : awaitUsage(next, stop)
}

/** The maximum number of requests that await their usage. It arrives after the tools of the request, or never. */
const maxAwaitingUsage = 16

/** Waits for the usage of a request, and gives up on the oldest one if too many wait. */
const awaitUsage = (state: SignalsState, stop: Signal.ModelStop): Step => {
  const waiting = [...state.awaitingUsage, stop]
  const overdue = waiting.length > maxAwaitingUsage ? waiting.slice(0, 1) : noSignals
  return [{ ...state, awaitingUsage: waiting.slice(overdue.length) }, overdue]
}

/**
 * Codex does not report when a command starts, and its signal needs the exit code, so it follows at the end. The command
 * runs from the decision about it, or from the start of its call.
 */
const commandStop = (
  calls: OpenCalls.OpenCalls,
  item: Item.CommandExecution,
  at: number
): ReadonlyArray<Signal.Signal> => {
  if (item.status === "declined") return noSignals
  const call = OpenCalls.get(calls, item.id)
  const startedAt = call?.decidedAt ?? call?.startedAt ?? at
  const failed = item.exitCode === undefined ? item.status === "failed" : item.exitCode !== 0
  return [
    {
      _tag: "CommandStop",
      startedAt,
      at,
      durationMillis: at - startedAt,
      callId: item.id,
      executable: ShellCommand.executable(item.command),
      exitCode: item.exitCode,
      ...omitted(item),
      end: failed
        ? fail(Convention.errorType.commandFailed)
        : item.status === "interrupted"
          ? Signal.interrupted
          : item.status === "background"
            ? Signal.background
            : Signal.ok
    }
  ]
}

const workCompleted = (
  calls: OpenCalls.OpenCalls,
  item: Item.Work,
  at: number
): ReadonlyArray<Signal.Signal> => {
  switch (item._tag) {
    case "FileChange":
      return FileSignals.of(item, at)
    case "CommandExecution":
      return [...FileSignals.of(item, at), ...commandStop(calls, item, at)]
    default:
      return noSignals
  }
}

const onEvent = (state: SignalsState, event: Turn.EngineEvent, calls: OpenCalls.OpenCalls): Step => {
  const { at } = event
  switch (event._tag) {
    case "TurnStarted":
      return [state, [{ _tag: "TurnStart", at }]]
    case "MessageDelta":
    case "ReasoningDelta":
    case "PlanDelta":
      return chunk(state, at)
    case "ItemStarted":
    case "ItemCompleted": {
      const done = event._tag === "ItemCompleted"
      if (Item.isWork(event.item)) return [state, done ? workCompleted(calls, event.item, at) : noSignals]
      if (event.item._tag !== "ContextCompaction") return [state, noSignals]
      const { compactingAt } = state
      const durationMillis = done && compactingAt !== undefined ? at - compactingAt : undefined
      return [
        { ...state, compacted: true, compactingAt: done ? undefined : at },
        [{ _tag: "Compaction", at, stage: done ? "completed" : "started", durationMillis }]
      ]
    }
    case "UsageUpdated": {
      const [first, ...others] = state.awaitingUsage
      const update: Signal.Signal = { _tag: "UsageUpdated", at, usage: event.usage }
      if (first !== undefined)
        return [{ ...state, awaitingUsage: others }, [{ ...first, usage: event.usage }, update]]
      if (state.exact || state.model === undefined) return [state, [update]]
      const { usage: soFar } = state.model
      const usage = soFar === undefined ? event.usage : TurnState.addUsage(soFar, event.usage)
      return [{ ...state, model: { ...state.model, usage } }, [update]]
    }
    case "DiffUpdated":
      return [
        state,
        [{ _tag: "DiffUpdated", at, bytes: Buffer.byteLength(event.diff), ...DiffStats.ofDiff(event.diff) }]
      ]
    case "ApprovalRequested": {
      const { id: requestId, itemId: callId } = event.request
      const kind = ApprovalRequest.kindOf(event.request)
      return [state, [{ _tag: "ApprovalStart", at, requestId, callId, kind }]]
    }
    case "ApprovalDecided": {
      const { decision, requestId, source } = event
      const approval = OrderedMap.get(calls.approvals, requestId)
      if (approval === undefined) return [state, noSignals]
      return [
        state,
        [
          {
            _tag: "ApprovalStop",
            at,
            durationMillis: at - approval.at,
            requestId,
            callId: approval.itemId,
            kind: approval.kind,
            decision: ApprovalDecision.decisionName(decision),
            source,
            policy: decision.policy
          }
        ]
      ]
    }
    default:
      return [state, noSignals]
  }
}

const then = ([state, signals]: Step, next: (state: SignalsState) => Step): Step => {
  const [after, more] = next(state)
  return [after, signals.length === 0 ? more : more.length === 0 ? signals : [...signals, ...more]]
}

const onTimings = (
  state: SignalsState,
  marks: ReadonlyArray<TurnTiming.Mark>,
  context: CallContext
): Step => {
  if (marks.length === 0) return [state, noSignals]
  let step: Step = [state, noSignals]
  for (const mark of marks) step = then(step, (state) => onTiming(state, mark, context))
  return step
}

const applyRetry = (state: SignalsState, event: Turn.EngineEvent): Step => {
  const [retries, signals] = RetrySignals.step(state.retries, event)
  return retries === state.retries ? [state, signals] : [{ ...state, retries }, signals]
}

/** Returns the signals of an event, and of what opened or closed with it. `calls` are the open calls before it. */
export const step = (
  state: SignalsState,
  event: Turn.EngineEvent,
  marks: ReadonlyArray<TurnTiming.Mark>,
  calls: OpenCalls.OpenCalls
): Step => then(applyRetry(state, event), (state) => applyEvent(state, event, marks, calls))

const applyEvent = (
  state: SignalsState,
  event: Turn.EngineEvent,
  marks: ReadonlyArray<TurnTiming.Mark>,
  calls: OpenCalls.OpenCalls
): Step => {
  const completed = event._tag === "ItemCompleted" && Item.isWork(event.item) ? event.item : undefined
  const context = { calls, completed, end: Signal.ok }
  // Output belongs to the model request that it opens, so the request comes first. What happened inside a call comes
  // before the end of the call.
  return event._tag === "ItemStarted" ||
    event._tag === "MessageDelta" ||
    event._tag === "ReasoningDelta" ||
    event._tag === "PlanDelta"
    ? then(onTimings(state, marks, context), (state) => onEvent(state, event, calls))
    : then(onEvent(state, event, calls), (state) => onTimings(state, marks, context))
}

/**
 * Yields the signals of the end, one in each step: what is open closes, and then the turn. `calls` are the open calls at the
 * end.
 */
export function* end(
  state: SignalsState,
  turn: Turn.Turn,
  marks: ReadonlyArray<TurnTiming.Mark>,
  outcome: Signal.TurnEnd,
  at: number,
  calls: OpenCalls.OpenCalls
): Generator<Signal.Signal> {
  const { compactingAt } = state
  const failed = typeof outcome !== "string" && outcome._tag !== "TurnInterrupted" ? outcome : undefined
  yield* RetrySignals.end(
    state.retries,
    at,
    failed === undefined ? Signal.interrupted : fail(failed.errorType)
  )
  if (compactingAt !== undefined)
    yield { _tag: "Compaction", stage: "interrupted", at, durationMillis: at - compactingAt }
  const approvals = OrderedMap.toArray(calls.approvals)
  const undecided = new Set(approvals.map(([, { itemId }]) => itemId))
  // A policy that cancels ends the turn. Some engines end it before they can report the decision.
  const cancelled =
    typeof outcome !== "string" && outcome._tag === "TurnInterrupted" && outcome.by === "policy"
  for (const [requestId, { at: requestedAt, itemId: callId, kind }] of approvals) {
    yield {
      _tag: "ApprovalStop",
      at,
      durationMillis: at - requestedAt,
      requestId,
      callId,
      kind,
      decision: cancelled ? "cancel" : "decline",
      source: cancelled ? "policy" : "default",
      policy: undefined
    }
  }
  for (const item of OrderedMap.values(calls.items)) {
    if (item._tag === "CommandExecution" && !undecided.has(item.id))
      yield* commandStop(calls, { ...item, status: "interrupted" }, at)
  }
  const context: CallContext = {
    calls,
    completed: undefined,
    end: outcome === "completed" ? Signal.ok : Signal.interrupted
  }
  let last = state
  for (const mark of marks) {
    const [next, signals] = onTiming(last, mark, context)
    last = next
    yield* signals
  }
  yield* last.awaitingUsage
  yield {
    _tag: "TurnStop",
    at,
    durationMillis: at - state.startedAt,
    end: outcome,
    usage: turn.usage,
    time: turn.time,
    modelCalls: turn.modelCalls,
    toolCalls: turn.toolCalls,
    ...(turn.cost === undefined ? {} : { cost: turn.cost }),
    ...omitted(turn),
    ...(turn.omittedItems === undefined ? {} : { omittedItems: turn.omittedItems })
  }
}
