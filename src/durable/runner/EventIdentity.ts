/** The identity of an event within its durable turn, so that a turn that is observed twice is stored once. Pure. */
import type { TurnId } from "../../domain/Ids.ts"
import type * as Turn from "../../domain/Turn.ts"

type Event = Exclude<Turn.TurnEvent, { readonly _tag: "TurnCompleted" }>

/** Whether an event is stored: all events except text deltas, progress, and the note that deltas were dropped. */
export const isStored = (event: Turn.TurnEvent): event is Event => {
  switch (event._tag) {
    case "MessageDelta":
    case "ReasoningDelta":
    case "PlanDelta":
    case "OutputDelta":
    case "ToolProgress":
    case "EventsOmitted":
    case "TurnCompleted":
      return false
    case "AgentEvent":
      return isStored(event.event)
    default:
      return true
  }
}

/** Returns the identity of an event of a turn, or `undefined` if the same event can happen several times. */
export const of = (turnId: TurnId, event: Event): string | undefined => {
  const id = local(event)
  if (event._tag === "AgentEvent") {
    const inner = local(event.event)
    return inner === undefined ? undefined : `${event.turnId}/${inner}`
  }
  return id === undefined ? undefined : `${turnId}/${id}`
}

const local = (event: Event): string | undefined => {
  switch (event._tag) {
    case "TurnStarted":
      return "started"
    case "ItemStarted":
      return `item.started/${event.item.id}`
    case "ItemCompleted":
      return `item.completed/${event.item.id}`
    case "ToolRequested":
      return `tool.requested/${event.callId}`
    case "ToolReturned":
      return `tool.returned/${event.callId}`
    case "ModelResponded":
      return `model.responded/${event.responseId}`
    case "ApprovalRequested":
      return `approval.requested/${event.request.id}`
    case "ApprovalDecided":
      return `approval.decided/${event.requestId}`
    default:
      return undefined
  }
}
