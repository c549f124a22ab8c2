/**
 * Finds the call that started a sub-agent, so that the spans of the sub-agent's turn are below it. An index, because a turn
 * may have thousands of items and sub-agents: searching them would make each sub-agent cost more than the one before.
 */
import type * as Item from "../domain/Item.ts"
import type { ThreadId } from "../domain/Ids.ts"
import type * as Turn from "../domain/Turn.ts"

/** Only these calls make a sub-agent work. Waiting for it or closing it does not, so those calls cannot parent its turn. */
const startsAgentTurn = new Set([
  "spawn_agent",
  "send_input",
  "send_message",
  "followup_task",
  "resume_agent"
])

/** The calls of one turn that name a sub-agent. */
interface NamingCalls {
  readonly open: Set<string>
  completed: string | undefined
}

/** A call, and the turn that made it: 0 is the turn of the caller, other numbers are its sub-agents in order of start. */
export interface StartingCall {
  readonly owner: number
  readonly callId: string
  /** The model that the call chose for the sub-agent, if Codex reports it. */
  readonly model?: string
}

export interface AgentCalls {
  /** Records the calls that an event of a turn starts or completes. */
  readonly record: (owner: number, event: Turn.EngineEvent) => void
  /**
   * Returns the call that started the current turn of a sub-agent: the last that names it, of the newest turn that has one,
   * or else an open call that does not name its sub-agents yet, because the turn may begin before its call names it.
   */
  readonly find: (threadId: ThreadId) => StartingCall | undefined
  /** Returns the calls of a turn that `find` may return later. */
  readonly startingCalls: (owner: number) => ReadonlyArray<string>
}

const modelField = (model: string | undefined): Pick<StartingCall, "model"> =>
  model === undefined ? {} : { model }

const lastOf = <A>(values: Iterable<A>): A | undefined => {
  let last: A | undefined
  for (const value of values) last = value
  return last
}

/** Returns the index of a number in a sorted list, or the index at which it belongs. */
const placeOf = (sorted: ReadonlyArray<number>, value: number): number => {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? Infinity) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Returns the call that an item is about. Newer agents of Codex have no item for a call, but one for what it did to an agent. */
const callOf = (item: Item.Item): Item.AgentCall | undefined => {
  if (item._tag === "AgentCall") return item
  if (item._tag !== "AgentActivity" || item.activity === "interrupted" || item.activity === "completed")
    return undefined
  const { agent, id, model } = item
  return {
    _tag: "AgentCall",
    id,
    tool: item.activity === "started" ? "spawn_agent" : "followup_task",
    agents: [agent],
    status: "completed",
    ...modelField(model)
  }
}

export const make = (): AgentCalls => {
  const named = new Map<ThreadId, Map<number, NamingCalls>>()
  /** Open calls without names, by turn. */
  const unnamed = new Map<number, Set<string>>()
  /** The turns in `unnamed` in order of start, and turns that were there. */
  const waiting: Array<number> = []
  /** Open calls by turn and id. */
  const open = new Map<number, Map<string, Item.AgentCall>>()

  /** The calls that name a sub-agent, by turn. */
  const starting = new Map<number, Set<string>>()
  /** The models of sub-agents, as the last call that names one and its model reports. */
  const models = new Map<ThreadId, string>()

  const callsOf = (owner: number, agent: ThreadId): NamingCalls => {
    const owners = named.get(agent) ?? new Map<number, NamingCalls>()
    const calls = owners.get(owner) ?? { open: new Set<string>(), completed: undefined }
    named.set(agent, owners.set(owner, calls))
    return calls
  }

  const close = (owner: number, callId: string) => {
    const call = open.get(owner)?.get(callId)
    if (call === undefined) return
    open.get(owner)?.delete(callId)
    for (const agent of call.agents) callsOf(owner, agent).open.delete(callId)
    const calls = unnamed.get(owner)
    calls?.delete(callId)
    if (calls?.size === 0) unnamed.delete(owner)
    if (open.get(owner)?.size === 0) open.delete(owner)
  }

  const start = (owner: number, call: Item.AgentCall) => {
    close(owner, call.id)
    open.set(owner, (open.get(owner) ?? new Map<string, Item.AgentCall>()).set(call.id, call))
    starting.set(owner, (starting.get(owner) ?? new Set<string>()).add(call.id))
    for (const agent of call.agents) callsOf(owner, agent).open.add(call.id)
    if (call.agents.length > 0 || call.status !== "inProgress") return
    const calls = unnamed.get(owner)
    if (calls === undefined) {
      unnamed.set(owner, new Set([call.id]))
      const at = placeOf(waiting, owner)
      if (waiting[at] !== owner) waiting.splice(at, 0, owner)
    } else calls.add(call.id)
  }

  return {
    startingCalls: (owner) => [...(starting.get(owner) ?? [])],
    record: (owner, event) => {
      if (event._tag !== "ItemStarted" && event._tag !== "ItemCompleted") return
      const item = callOf(event.item)
      if (item === undefined || !startsAgentTurn.has(item.tool)) return
      if (item.model !== undefined) for (const agent of item.agents) models.set(agent, item.model)
      if (event._tag === "ItemStarted") return start(owner, item)
      close(owner, item.id)
      starting.set(owner, (starting.get(owner) ?? new Set<string>()).add(item.id))
      for (const agent of item.agents) callsOf(owner, agent).completed = item.id
    },
    find: (threadId) => {
      const owners = [...(named.get(threadId) ?? [])].toSorted(([a], [b]) => b - a)
      for (const [owner, calls] of owners) {
        const callId = lastOf(calls.open) ?? calls.completed
        if (callId !== undefined) return { owner, callId, ...modelField(models.get(threadId)) }
      }
      let owner = waiting.at(-1)
      while (owner !== undefined && !unnamed.has(owner)) {
        waiting.pop()
        owner = waiting.at(-1)
      }
      const [callId] = (owner === undefined ? undefined : unnamed.get(owner)) ?? []
      return owner === undefined || callId === undefined
        ? undefined
        : { owner, callId, ...modelField(open.get(owner)?.get(callId)?.model) }
    }
  }
}
