/**
 * When the model thought, when tools ran and when somebody was asked, read off the events of a turn.
 *
 * Pure: a state, a step, and marks that say which model request or tool call opened or closed. An engine that reports
 * the bounds of both (`ToolRequested`, `ToolReturned`, `ModelResponded`) is believed; for one that does not they are
 * inferred: a model request runs from the turn's start or the end of the last tool to the first tool call or approval,
 * the final message, or the failure.
 */
import type * as Turn from "../../../src/domain/Turn.ts"
import * as Item from "../../../src/domain/Item.ts"

/** Something of the turn opened or closed at `at` (milliseconds since the epoch), which may lie a little in the past. */
export type Mark =
  | { readonly _tag: "ModelOpened"; readonly at: number }
  | { readonly _tag: "ModelClosed"; readonly at: number; readonly end: ModelEnd }
  | { readonly _tag: "ToolOpened"; readonly at: number; readonly callId: string; readonly tool: string }
  | { readonly _tag: "ToolClosed"; readonly at: number; readonly callId: string }

export interface ModelEnd {
  readonly firstTokenAt: number | undefined
  readonly responseId?: string
  readonly usage?: Turn.Usage
  readonly errorType?: string
  readonly status?: number
  /** The turn ended before the model did. */
  readonly cut?: true
}

export interface TimingState {
  readonly at: number
  readonly thinking: number
  readonly tools: number
  readonly approval: number
  readonly overhead: number
  readonly modelCalls: number
  readonly toolCalls: number
  /** The engine reports the bounds of tool calls and model requests itself. */
  readonly exact: boolean
  readonly model: { readonly firstTokenAt: number | undefined; readonly lastOutputAt: number } | undefined
  /** When the last tool call of the current request was complete: all that follows in a response is its receipt. */
  readonly requestedAt: number | undefined
  readonly calls: ReadonlySet<string>
  readonly unreturned: ReadonlySet<string>
  readonly approvals: ReadonlySet<string>
}

const none: ReadonlySet<string> = new Set()

export const initial = (at: number): TimingState => ({
  at,
  thinking: 0,
  tools: 0,
  approval: 0,
  overhead: 0,
  modelCalls: 0,
  toolCalls: 0,
  exact: false,
  model: undefined,
  requestedAt: undefined,
  calls: none,
  unreturned: none,
  approvals: none
})

const noMarks: ReadonlyArray<Mark> = []

const part = (state: TimingState): "approval" | "tools" | "thinking" | "overhead" =>
  state.approvals.size > 0
    ? "approval"
    : state.calls.size > 0
      ? "tools"
      : state.model !== undefined
        ? "thinking"
        : "overhead"

const advance = (state: TimingState, at: number): TimingState => {
  if (at <= state.at) return state
  const key = part(state)
  return { ...state, at, [key]: state[key] + (at - state.at) }
}

const added = (set: ReadonlySet<string>, key: string): ReadonlySet<string> => new Set(set).add(key)

const removed = (set: ReadonlySet<string>, key: string): ReadonlySet<string> => {
  if (!set.has(key)) return set
  const rest = new Set(set)
  rest.delete(key)
  return rest
}

type Step = readonly [TimingState, ReadonlyArray<Mark>]

const unchanged = (state: TimingState): Step => [state, noMarks]

const openModel = (state: TimingState): Step =>
  state.model !== undefined
    ? unchanged(state)
    : [
        { ...state, model: { firstTokenAt: undefined, lastOutputAt: state.at }, requestedAt: undefined },
        [{ _tag: "ModelOpened", at: state.at }]
      ]

const closeModel = (state: TimingState, at: number, end: Omit<ModelEnd, "firstTokenAt">): Step =>
  state.model === undefined
    ? unchanged(state)
    : [
        { ...state, model: undefined, requestedAt: undefined, modelCalls: state.modelCalls + 1 },
        [{ _tag: "ModelClosed", at, end: { ...end, firstTokenAt: state.model.firstTokenAt } }]
      ]

const openTool = (state: TimingState, callId: string, tool: string): Step => [
  { ...state, calls: added(state.calls, callId), toolCalls: state.toolCalls + 1 },
  [{ _tag: "ToolOpened", at: state.at, callId, tool }]
]

const closeTool = (state: TimingState, callId: string): Step =>
  state.calls.has(callId)
    ? [{ ...state, calls: removed(state.calls, callId) }, [{ _tag: "ToolClosed", at: state.at, callId }]]
    : unchanged(state)

const then = ([state, marks]: Step, next: (state: TimingState) => Step): Step => {
  const [after, more] = next(state)
  return [after, marks.length === 0 ? more : more.length === 0 ? marks : [...marks, ...more]]
}

const token = (state: TimingState): Step => {
  if (state.model === undefined) return then(openModel(state), token)
  const { at, model } = state
  return unchanged({ ...state, model: { firstTokenAt: model.firstTokenAt ?? at, lastOutputAt: at } })
}

/** Until the input is recorded no request is made: Codex counts that as overhead, and it is some 15 ms of every turn. */
const preparing = (state: TimingState, item: Item.Item): TimingState =>
  item._tag === "UserMessage" &&
  state.model !== undefined &&
  state.model.firstTokenAt === undefined &&
  state.modelCalls + state.toolCalls === 0
    ? { ...state, thinking: 0, overhead: state.overhead + state.thinking }
    : state

/** The state after an event, and what opened or closed with it. Time never runs backwards. */
export const step = (before: TimingState, event: Turn.EngineEvent): Step => {
  const state = advance(before, event.at)
  switch (event._tag) {
    case "TurnStarted":
      return openModel(state)
    case "MessageDelta":
    case "ReasoningDelta":
      return token(state)
    case "ToolRequested": {
      const { callId, tool } = event
      const unreturned = added(state.unreturned, callId)
      const requested = { ...state, exact: true, requestedAt: state.at, unreturned }
      // Heard of before, by its item or by the same event: one call all the same.
      return state.calls.has(callId) || state.unreturned.has(callId)
        ? unchanged(requested)
        : openTool(requested, callId, tool)
    }
    case "ToolReturned": {
      if (!state.unreturned.has(event.callId)) return unchanged(state)
      return then(
        closeTool({ ...state, unreturned: removed(state.unreturned, event.callId) }, event.callId),
        (state) => (state.unreturned.size === 0 ? openModel(state) : unchanged(state))
      )
    }
    case "ModelResponded":
      return closeModel({ ...state, exact: true }, state.requestedAt ?? state.at, {
        responseId: event.responseId,
        ...(event.usage === undefined ? {} : { usage: event.usage })
      })
    case "Retrying":
      return then(
        closeModel(state, state.at, {
          errorType: event.errorType,
          ...(event.status === undefined ? {} : { status: event.status })
        }),
        openModel
      )
    case "ItemStarted":
      if (!Item.isWork(event.item)) return isOutput(event.item) ? token(state) : unchanged(state)
      if (state.calls.has(event.item.id) || state.unreturned.has(event.item.id)) return unchanged(state)
      return then(state.exact ? unchanged(state) : closeModel(state, state.at, {}), (state) =>
        openTool(state, event.item.id, Item.isWork(event.item) ? Item.toolName(event.item) : "")
      )
    case "ItemCompleted":
      if (!Item.isWork(event.item))
        return isOutput(event.item) ? token(state) : unchanged(preparing(state, event.item))
      return then(closeTool(state, event.item.id), (state) =>
        !state.exact && state.calls.size === 0 ? openModel(state) : unchanged(state)
      )
    case "ApprovalRequested":
      return then(state.exact ? unchanged(state) : closeModel(state, state.at, {}), (state) =>
        unchanged({ ...state, approvals: added(state.approvals, event.request.id) })
      )
    case "ApprovalDecided":
      return unchanged({ ...state, approvals: removed(state.approvals, event.requestId) })
    default:
      return unchanged(state)
  }
}

const isOutput = (item: Item.Item): boolean => item._tag === "AgentMessage" || item._tag === "Reasoning"

/** Closes what is open, in the order of its nesting. `failure` is what ended a request that was still running. */
export const end = (
  before: TimingState,
  at: number,
  outcome: { readonly completed: boolean; readonly errorType?: string; readonly status?: number }
): Step => {
  let now: Step = unchanged({ ...advance(before, at), approvals: none, unreturned: none })
  for (const callId of before.calls) now = then(now, (state) => closeTool(state, callId))
  const { completed, ...failure } = outcome
  return then(now, (state) =>
    closeModel(
      state,
      completed ? (state.model?.lastOutputAt ?? state.at) : state.at,
      completed ? {} : { ...failure, cut: true }
    )
  )
}

/** The split of the time so far; its parts sum to its total to the last bit that matters. */
export const split = (state: TimingState): Turn.TurnTime => {
  const { thinking, tools, approval, overhead } = state
  return { total: thinking + tools + approval + overhead, thinking, tools, approval, overhead }
}
