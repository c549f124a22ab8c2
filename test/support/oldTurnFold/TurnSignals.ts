/** Events of a turn into signals. Pure: a state, a step, and the signals that it gives. */
import * as ApprovalRequest from "../../../src/domain/ApprovalRequest.ts"
import * as ShellCommand from "../../../src/internal/ShellCommand.ts"
import * as Item from "../../../src/domain/Item.ts"
import type * as Turn from "../../../src/domain/Turn.ts"
import type * as TurnTiming from "./TurnTiming.ts"
import * as TurnState from "./TurnState.ts"
import * as Convention from "../../../src/semconv/Convention.ts"
import * as ChunkGaps from "../../../src/instrumentation/ChunkGaps.ts"
import * as DiffStats from "../../../src/instrumentation/DiffStats.ts"
import * as FileSignals from "../../../src/instrumentation/FileSignals.ts"
import * as RetrySignals from "../../../src/instrumentation/RetrySignals.ts"
import * as ToolName from "../../../src/semconv/ToolName.ts"
import * as Signal from "../../../src/instrumentation/Signal.ts"

interface Call {
  readonly tool: string
  readonly startedAt: number
  /** When the last question about it was answered: what was asked for runs from then. */
  readonly decidedAt: number | undefined
  readonly type: "function" | "extension" | undefined
  readonly mcpServer: string | undefined
  readonly operations: ReadonlyArray<Item.FileOperation>
  readonly end: Signal.SignalEnd
}

interface Model {
  readonly openedAt: number
  readonly requestedTools: boolean
  readonly lastChunkAt: number | undefined
  readonly gaps: ChunkGaps.Gaps | undefined
  /** What came for it before it ended: of the last request of a turn nobody says that it is over. */
  readonly usage: Turn.Usage | undefined
}

interface Question {
  readonly callId: string
  readonly kind: ApprovalRequest.ApprovalKind
  readonly at: number
}

export interface SignalsState {
  readonly startedAt: number
  readonly model: Model | undefined
  readonly compacted: boolean
  /** The engine tells the end of model requests, each with its usage. */
  readonly exact: boolean
  /** Model requests that have ended and whose usage is still to come. */
  readonly awaitingUsage: ReadonlyArray<Signal.ModelStop>
  readonly calls: ReadonlyMap<string, Call>
  readonly commands: ReadonlyMap<string, Item.CommandExecution>
  readonly questions: ReadonlyMap<string, Question>
  /** When the conversation began to be summarised. */
  readonly compactingAt: number | undefined
  readonly retries: RetrySignals.RetrySignalsState
}

export const initial = (startedAt: number): SignalsState => ({
  startedAt,
  model: undefined,
  compacted: false,
  exact: false,
  awaitingUsage: [],
  calls: new Map(),
  commands: new Map(),
  questions: new Map(),
  compactingAt: undefined,
  retries: RetrySignals.initial
})

type Step = readonly [SignalsState, ReadonlyArray<Signal.Signal>]

const noSignals: ReadonlyArray<Signal.Signal> = []

const put = <K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> =>
  new Map(map).set(key, value)

const without = <K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> => {
  if (!map.has(key)) return map
  const rest = new Map(map)
  rest.delete(key)
  return rest
}

const fail = (errorType: string): Signal.SignalEnd => ({ _tag: "Error", errorType })

const onTiming = (state: SignalsState, mark: TurnTiming.Mark): Step => {
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
      const tool = ToolName.safe(mark.tool)
      const call: Call = {
        tool,
        startedAt: mark.at,
        decidedAt: undefined,
        type: undefined,
        mcpServer: undefined,
        operations: [],
        end: Signal.ok
      }
      const model = state.model === undefined ? undefined : { ...state.model, requestedTools: true }
      return [
        { ...state, model, calls: put(state.calls, mark.callId, call) },
        [{ _tag: "ToolStart", at: mark.at, callId: mark.callId, tool }]
      ]
    }
    case "ToolClosed": {
      const call = state.calls.get(mark.callId)
      if (call === undefined) return [state, noSignals]
      const { end, mcpServer, operations, startedAt, tool, type } = call
      const { at, callId } = mark
      return [
        state,
        [{ _tag: "ToolStop", at, duration: at - startedAt, callId, tool, type, mcpServer, operations, end }]
      ]
    }
  }
}

const chunk = (state: SignalsState, at: number): Step => {
  if (state.model === undefined) return [state, noSignals]
  const { gaps: before, lastChunkAt } = state.model
  const gaps = lastChunkAt === undefined ? before : ChunkGaps.add(before, at - lastChunkAt)
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
    duration: at - model.openedAt,
    timeToFirstToken: end.firstTokenAt === undefined ? undefined : end.firstTokenAt - model.openedAt,
    chunkGaps: ChunkGaps.toArray(model.gaps),
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
  // Where nobody says when a request ends, its usage comes only after its tools have run.
  return exact || stop.usage !== undefined || stop.end._tag !== "Ok"
    ? [next, [stop]]
    : [{ ...next, awaitingUsage: [...state.awaitingUsage, stop] }, noSignals]
}

/** A command has no moment of its own at which it starts; what there is of it is known when it is over. */
const commandStop = (
  state: SignalsState,
  item: Item.CommandExecution,
  at: number
): ReadonlyArray<Signal.Signal> => {
  if (item.status === "declined") return noSignals
  const call = state.calls.get(item.id)
  const startedAt = call?.decidedAt ?? call?.startedAt ?? at
  const failed = item.exitCode === undefined ? item.status === "failed" : item.exitCode !== 0
  return [
    {
      _tag: "CommandStop",
      startedAt,
      at,
      duration: at - startedAt,
      callId: item.id,
      executable: ShellCommand.executable(item.command),
      exitCode: item.exitCode,
      end: failed
        ? fail(Convention.errorType.commandFailed)
        : item.status === "interrupted"
          ? Signal.interrupted
          : Signal.ok
    }
  ]
}

const work = (state: SignalsState, item: Item.Work, done: boolean, at: number): Step => {
  const call = state.calls.get(item.id)
  const calls =
    call === undefined
      ? state.calls
      : put(state.calls, item.id, {
          ...call,
          type: item._tag === "McpToolCall" ? "extension" : "function",
          mcpServer: item._tag === "McpToolCall" ? item.server : undefined,
          operations: [...new Set(FileSignals.kindsOf(item))],
          end:
            done && item.status === "failed" && item._tag !== "CommandExecution"
              ? fail(Convention.errorType.toolFailed)
              : call.end
        })
  const next = { ...state, calls }
  if (item._tag === "FileChange") return [next, done ? FileSignals.of(item, at) : noSignals]
  if (item._tag !== "CommandExecution") return [next, noSignals]
  return done
    ? [
        { ...next, commands: without(state.commands, item.id) },
        [...FileSignals.of(item, at), ...commandStop(next, item, at)]
      ]
    : [{ ...next, commands: put(state.commands, item.id, item) }, noSignals]
}

const onEvent = (state: SignalsState, event: Turn.EngineEvent): Step => {
  const { at } = event
  switch (event._tag) {
    case "TurnStarted":
      return [state, [{ _tag: "TurnStart", at }]]
    case "MessageDelta":
    case "ReasoningDelta":
      return chunk(state, at)
    case "ItemStarted":
    case "ItemCompleted": {
      const done = event._tag === "ItemCompleted"
      if (Item.isWork(event.item)) return work(state, event.item, done, at)
      if (event.item._tag !== "ContextCompaction") return [state, noSignals]
      const { compactingAt } = state
      const duration = done && compactingAt !== undefined ? at - compactingAt : undefined
      return [
        { ...state, compacted: true, compactingAt: done ? undefined : at },
        [{ _tag: "Compaction", at, stage: done ? "completed" : "started", duration }]
      ]
    }
    case "UsageUpdated": {
      const [first, ...awaitingUsage] = state.awaitingUsage
      const update: Signal.Signal = { _tag: "UsageUpdated", at, usage: event.usage }
      if (first !== undefined)
        return [{ ...state, awaitingUsage }, [{ ...first, usage: event.usage }, update]]
      if (state.exact || state.model === undefined) return [state, [update]]
      const { usage: sofar } = state.model
      const usage = sofar === undefined ? event.usage : TurnState.addUsage(sofar, event.usage)
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
      return [
        { ...state, questions: put(state.questions, requestId, { callId, kind, at }) },
        [{ _tag: "ApprovalStart", at, requestId, callId, kind }]
      ]
    }
    case "ApprovalDecided": {
      const question = state.questions.get(event.requestId)
      if (question === undefined) return [state, noSignals]
      const { decision, requestId, source } = event
      const { callId, kind } = question
      const call = state.calls.get(callId)
      return [
        {
          ...state,
          questions: without(state.questions, requestId),
          calls: call === undefined ? state.calls : put(state.calls, callId, { ...call, decidedAt: at })
        },
        [
          {
            _tag: "ApprovalStop",
            at,
            duration: at - question.at,
            requestId,
            callId,
            kind,
            decision: decision._tag,
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

const onTimings = (state: SignalsState, marks: ReadonlyArray<TurnTiming.Mark>): Step => {
  let now: Step = [state, noSignals]
  for (const mark of marks) now = then(now, (state) => onTiming(state, mark))
  return now
}

const applyRetry = (state: SignalsState, event: Turn.EngineEvent): Step => {
  const [retries, signals] = RetrySignals.step(state.retries, event)
  return retries === state.retries ? [state, signals] : [{ ...state, retries }, signals]
}

/** The signals of an event and of what opened or closed with it. */
export const step = (
  state: SignalsState,
  event: Turn.EngineEvent,
  marks: ReadonlyArray<TurnTiming.Mark>
): Step => then(applyRetry(state, event), (state) => applyEvent(state, event, marks))

const applyEvent = (
  state: SignalsState,
  event: Turn.EngineEvent,
  marks: ReadonlyArray<TurnTiming.Mark>
): Step =>
  // An item tells about the call that its own start opens, and must be known before the call that its end closes. Output
  // belongs to the request that it opens.
  event._tag === "ItemStarted" || event._tag === "MessageDelta" || event._tag === "ReasoningDelta"
    ? then(onTimings(state, marks), (state) => onEvent(state, event))
    : then(onEvent(state, event), (state) => onTimings(state, marks))

/** The signals of the end: what was open closes, and the turn with it. */
export const end = (
  state: SignalsState,
  turn: Turn.Turn,
  marks: ReadonlyArray<TurnTiming.Mark>,
  outcome: Signal.TurnEnd,
  at: number
): ReadonlyArray<Signal.Signal> => {
  const undecided = new Set([...state.questions.values()].map((question) => question.callId))
  // A policy that cancels ends the turn, in some engines before they can tell what it decided.
  const cancelled =
    typeof outcome !== "string" && outcome._tag === "TurnInterrupted" && outcome.by === "policy"
  const unanswered = [...state.questions].map(([requestId, { at: askedAt, callId, kind }]) => ({
    _tag: "ApprovalStop" as const,
    at,
    duration: at - askedAt,
    requestId,
    callId,
    kind,
    decision: cancelled ? ("cancel" as const) : ("decline" as const),
    source: cancelled ? ("policy" as const) : ("default" as const),
    policy: undefined
  }))
  const commands = [...state.commands.values()]
    .filter((item) => !undecided.has(item.id))
    .flatMap((item) => commandStop(state, { ...item, status: "interrupted" }, at))
  const calls =
    outcome === "completed"
      ? state.calls
      : new Map(
          [...state.calls].map(([id, call]) => [
            id,
            call.end._tag === "Ok" ? { ...call, end: Signal.interrupted } : call
          ])
        )
  const [last, closed] = onTimings({ ...state, calls }, marks)
  const { compactingAt } = state
  const failed = typeof outcome !== "string" && outcome._tag !== "TurnInterrupted" ? outcome : undefined
  const lost = failed === undefined ? Signal.interrupted : fail(failed.errorType)
  return [
    ...RetrySignals.end(state.retries, at, lost),
    ...(compactingAt === undefined
      ? noSignals
      : [{ _tag: "Compaction", stage: "interrupted", at, duration: at - compactingAt } as const]),
    ...unanswered,
    ...commands,
    ...closed,
    ...last.awaitingUsage,
    {
      _tag: "TurnStop",
      at,
      duration: at - state.startedAt,
      end: outcome,
      usage: turn.usage,
      time: turn.time,
      modelCalls: turn.modelCalls,
      toolCalls: turn.toolCalls
    }
  ]
}
