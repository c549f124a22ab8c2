/**
 * When the model thought, when tools ran and when approvals were pending, computed from the events of a turn.
 *
 * Pure: a state, a step, and marks that say which model request or tool call opened or closed. If the engine reports the
 * bounds of both (`ToolRequested`, `ToolReturned`, `ModelResponded`), they are exact. Otherwise they are inferred: a
 * model request runs from the start of the turn or the end of the last tool to the first tool call or approval, the
 * final message, or the failure.
 */
import * as OrderedMap from "../internal/OrderedMap.ts"
import type * as Turn from "./Turn.ts"
import * as Item from "./Item.ts"
import * as OpenCalls from "./OpenCalls.ts"

/**
 * A model request or a tool call of the turn opened or closed at `at`, in milliseconds since the epoch. `at` may be
 * slightly before the event that the mark belongs to.
 */
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
  /** The engine itself reports the bounds of tool calls and model requests. */
  readonly exact: boolean
  readonly model: { readonly firstTokenAt: number | undefined; readonly lastOutputAt: number } | undefined
  /** When the last tool call of the current request was complete. The rest of a response only confirms it. */
  readonly requestedAt: number | undefined
  /** The turn requests the model no more: Codex ends the tools of an interrupted turn, or writes the text of a review. */
  readonly stopping: boolean
}

export const initial = (at: number): TimingState => ({
  at,
  thinking: 0,
  tools: 0,
  approval: 0,
  overhead: 0,
  modelCalls: 0,
  exact: false,
  model: undefined,
  requestedAt: undefined,
  stopping: false
})

const noMarks: ReadonlyArray<Mark> = []

const part = (
  state: TimingState,
  calls: OpenCalls.OpenCalls
): "approval" | "tools" | "thinking" | "overhead" =>
  OrderedMap.size(calls.approvals) > 0
    ? "approval"
    : calls.openCount > 0
      ? "tools"
      : state.model !== undefined
        ? "thinking"
        : "overhead"

const advance = (state: TimingState, calls: OpenCalls.OpenCalls, at: number): TimingState => {
  if (at <= state.at) return state
  const key = part(state, calls)
  return { ...state, at, [key]: state[key] + (at - state.at) }
}

type Step = readonly [TimingState, ReadonlyArray<Mark>]

const unchanged = (state: TimingState): Step => [state, noMarks]

const openModel = (state: TimingState): Step =>
  state.model !== undefined || state.stopping
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

/** Without exact bounds, a model request ends where the turn starts to do something else. */
const inferModelEnd = (state: TimingState): Step =>
  state.exact ? unchanged(state) : closeModel(state, state.at, {})

const markCall =
  (change: OpenCalls.CallChange | undefined) =>
  (state: TimingState): Step => {
    const { at } = state
    switch (change?._tag) {
      case undefined:
        return unchanged(state)
      case "Opened":
        return [state, [{ _tag: "ToolOpened", at, callId: change.callId, tool: change.tool }]]
      case "Closed":
        return [state, [{ _tag: "ToolClosed", at, callId: change.callId }]]
    }
  }

const then = ([state, marks]: Step, next: (state: TimingState) => Step): Step => {
  const [after, more] = next(state)
  return [after, marks.length === 0 ? more : more.length === 0 ? marks : [...marks, ...more]]
}

const token = (state: TimingState): Step => {
  if (state.model === undefined) return state.stopping ? unchanged(state) : then(openModel(state), token)
  const { at, model } = state
  return unchanged({ ...state, model: { firstTokenAt: model.firstTokenAt ?? at, lastOutputAt: at } })
}

/** Codex records the input before it sends a request, which takes about 15 ms. That time is overhead, not thinking. */
const preparing = (state: TimingState, calls: OpenCalls.OpenCalls, item: Item.Item): TimingState =>
  item._tag === "UserMessage" &&
  state.model !== undefined &&
  state.model.firstTokenAt === undefined &&
  state.modelCalls + calls.opened === 0
    ? { ...state, thinking: 0, overhead: state.overhead + state.thinking }
    : state

/** Folds an event whose effect on the open calls is `calls`. Time never runs backwards. */
export const step = (
  previous: TimingState,
  event: Turn.EngineEvent,
  { after, before, change }: OpenCalls.CallStep
): Step => {
  const state = advance(previous, before, event.at)
  switch (event._tag) {
    case "TurnStarted":
      return openModel(state)
    case "MessageDelta":
    case "ReasoningDelta":
    case "PlanDelta":
      return token(state)
    case "ToolRequested":
      return markCall(change)({ ...state, exact: true, requestedAt: state.at })
    case "ToolReturned":
      if (after.awaitedCount === before.awaitedCount) return unchanged(state)
      return then(markCall(change)(state), (state) =>
        after.awaitedCount === 0 ? openModel(state) : unchanged(state)
      )
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
      if (event.item._tag === "ExitedReviewMode") return unchanged({ ...state, stopping: true })
      if (!Item.isWork(event.item)) return isOutput(event.item) ? token(state) : unchanged(state)
      return change === undefined ? unchanged(state) : then(inferModelEnd(state), markCall(change))
    case "ItemCompleted":
      if (!Item.isWork(event.item))
        return isOutput(event.item) ? token(state) : unchanged(preparing(state, before, event.item))
      return then(markCall(change)(state), (state) =>
        !state.exact && after.openCount === 0 ? openModel(state) : unchanged(state)
      )
    case "ApprovalRequested":
      return inferModelEnd(state)
    default:
      return unchanged(state)
  }
}

const isOutput = ({ _tag }: Item.Item): boolean =>
  _tag === "AgentMessage" || _tag === "Reasoning" || _tag === "Plan"

/**
 * Closes what is open, tools before the model, in small steps. `outcome` says how a model request ends that is still
 * running.
 */
export function* endSteps(
  previous: TimingState,
  at: number,
  calls: OpenCalls.OpenCalls,
  outcome: { readonly completed: boolean; readonly errorType?: string; readonly status?: number }
): Generator<void, Step> {
  const state = advance(previous, calls, at)
  const open = calls.openCount === 0 ? [] : yield* OpenCalls.openSteps(calls)
  const marks = open.map(({ callId }) => ({ _tag: "ToolClosed", at: state.at, callId }) as const)
  const { completed, ...failure } = outcome
  return then([state, marks], (state) =>
    closeModel(
      state,
      completed ? (state.model?.lastOutputAt ?? state.at) : state.at,
      completed ? {} : { ...failure, cut: true }
    )
  )
}

/** Returns the parts of the time so far. The total is computed from the parts, so the sum is exact. */
export const split = (state: TimingState): Turn.TurnTime => {
  const { approval, overhead, thinking, tools } = state
  return {
    totalMillis: thinking + tools + approval + overhead,
    thinkingMillis: thinking,
    toolsMillis: tools,
    approvalMillis: approval,
    overheadMillis: overhead
  }
}
