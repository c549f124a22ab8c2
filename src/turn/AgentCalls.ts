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
}

export interface AgentCalls {
  /** Records the calls that an event of a turn starts or completes. */
  readonly record: (owner: number, event: Turn.EngineEvent) => void
  /**
   * Returns the call that started the current turn of a sub-agent: the last that names it, of the newest turn that has one,
   * or else an open call that does not name its sub-agents yet, because the turn may begin before its call names it.
   */
  readonly find: (threadId: ThreadId) => StartingCall | undefined
}

const lastOf = <A>(values: Iterable<A>): A | undefined => {
  let last: A | undefined
  for (const value of values) last = value
  return last
}

export const make = (): AgentCalls => {
  const named = new Map<ThreadId, Map<number, NamingCalls>>()
  /** Open calls without names, by turn. */
  const unnamed = new Map<number, Set<string>>()
  /** Open calls by turn and id. */
  const open = new Map<number, Map<string, Item.AgentCall>>()

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
    const waiting = unnamed.get(owner)
    waiting?.delete(callId)
    if (waiting?.size === 0) unnamed.delete(owner)
  }

  const start = (owner: number, call: Item.AgentCall) => {
    close(owner, call.id)
    open.set(owner, (open.get(owner) ?? new Map<string, Item.AgentCall>()).set(call.id, call))
    for (const agent of call.agents) callsOf(owner, agent).open.add(call.id)
    if (call.agents.length === 0 && call.status === "inProgress")
      unnamed.set(owner, (unnamed.get(owner) ?? new Set<string>()).add(call.id))
  }

  return {
    record: (owner, event) => {
      if (event._tag !== "ItemStarted" && event._tag !== "ItemCompleted") return
      const { item } = event
      if (item._tag !== "AgentCall" || !startsAgentTurn.has(item.tool)) return
      if (event._tag === "ItemStarted") return start(owner, item)
      close(owner, item.id)
      for (const agent of item.agents) callsOf(owner, agent).completed = item.id
    },
    find: (threadId) => {
      const owners = [...(named.get(threadId) ?? [])].toSorted(([a], [b]) => b - a)
      for (const [owner, calls] of owners) {
        const callId = lastOf(calls.open) ?? calls.completed
        if (callId !== undefined) return { owner, callId }
      }
      const owner = unnamed.size === 0 ? undefined : Math.max(...unnamed.keys())
      const [callId] = (owner === undefined ? undefined : unnamed.get(owner)) ?? []
      return owner === undefined || callId === undefined ? undefined : { owner, callId }
    }
  }
}
