/** Who is meant: what Codex says and asks, handed to the turn it belongs to. Never waits. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Approval from "../../Approval.ts"
import type { ThreadId } from "../../Id.ts"
import type * as Connection from "./Connection.ts"
import type * as Process from "./Process.ts"
import * as Slot from "./Slot.ts"
import * as Translate from "./Translate.ts"

/** Codex's clock is ours, but cut to milliseconds: within the same millisecond ours says more. */
const stamp = (clock: Clock.Clock, codexMs: number | undefined): number => {
  const now = Number(clock.currentTimeNanosUnsafe()) / 1e6
  return codexMs === undefined || codexMs >= Math.floor(now) || now - codexMs > 5000 ? now : codexMs
}

const approve = (slot: Slot.Slot, request: Approval.Request): Effect.Effect<unknown> =>
  Effect.suspend(() => {
    const decided = (decision: Approval.Decision, source: Approval.Source) =>
      slot.handlers.emit({
        _tag: "ApprovalDecided",
        requestId: request.id,
        itemId: request.itemId,
        decision,
        source,
        at: stamp(slot.clock, undefined)
      })
    return slot.handlers.approve(request).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) decided(exit.value, exit.value.source ?? "policy")
          else decided(Approval.decline("the turn ended before anybody decided"), "default")
        })
      ),
      Effect.map(Translate.decision)
    )
  })

/**
 * `settle` looks after a turn that should have ended; `totals` is what each open thread is known to have used, by its id.
 */
export const make = (
  slots: Map<string, Slot.Slot>,
  totals: Map<string, string>,
  settle: (slot: Slot.Slot) => void
): Process.Listener => {
  const current = (threadId: ThreadId, turnId: string): Slot.Slot | undefined => {
    const slot = slots.get(threadId)
    if (slot === undefined || slot.closed || slot.turnId !== turnId) return undefined
    slot.heard++
    return slot
  }

  const hear = (slot: Slot.Slot, heard: Translate.Addressed, emittedAtMs: number | undefined) => {
    switch (heard._tag) {
      case "Used":
        if (slot.turnId !== heard.turnId) return
        return slot.handlers.emit({ ...heard.event, at: stamp(slot.clock, emittedAtMs) })
      case "Idle":
        return settle(slot)
      case "Ended":
        return slot.turnId === heard.turnId ? Slot.end(slot, heard.end) : undefined
      case "Doomed":
        if (slot.turnId !== heard.turnId) return
        slot.verdict = heard.error
        return settle(slot)
      case "Event": {
        if (heard.event._tag === "TurnStarted" && slot.accepted) slot.turnId ??= heard.turnId
        // What an interrupted turn still has to say does not belong to the next one.
        if (slot.turnId !== heard.turnId) return
        const event = { ...heard.event, at: stamp(slot.clock, emittedAtMs) }
        if (event._tag === "ItemStarted" || event._tag === "ItemCompleted")
          slot.items.set(event.item.id, event.item)
        slot.handlers.emit(event)
        slot.verdict = undefined
        Deferred.doneUnsafe(slot.started, Exit.void)
      }
    }
  }

  const ask = (request: Connection.Request, method: string, params: unknown) => {
    const asked = Translate.serverRequest(method, params)
    switch (asked._tag) {
      case "Refused":
        return request.reply(asked.reply)
      case "Unsupported":
        return request.refuse(-32601, `effect-codex does not answer ${method}`)
      case "Call": {
        const slot = current(asked.threadId, asked.turnId)
        const no = Translate.toolOutput({ success: false, text: "The call was interrupted." })
        if (slot === undefined) return request.reply(no)
        return Slot.serve(
          slot,
          request,
          Effect.suspend(() => slot.handlers.callTool(asked)).pipe(Effect.map(Translate.toolOutput)),
          no
        )
      }
      case "Approve": {
        const slot = current(asked.threadId, asked.turnId)
        const no = Translate.decision(Approval.decline("nobody could be asked"))
        const question =
          slot === undefined ? undefined : asked.request((itemId) => slot.items.get(itemId), slot.cwd)
        if (slot === undefined || question === undefined) return request.reply(no)
        slot.handlers.emit({ _tag: "ApprovalRequested", request: question, at: stamp(slot.clock, undefined) })
        return Slot.serve(slot, request, approve(slot, question), no)
      }
    }
  }

  return {
    onNotification: (method, params, emittedAtMs) => {
      const heard = Translate.notification(method, params, emittedAtMs ?? 0)
      if (heard._tag === "Nothing") return
      if (heard._tag === "Used" && heard.total !== undefined) {
        // Codex says it again when a request was lost or interrupted, and of an earlier turn when a thread is resumed.
        const known = totals.get(heard.threadId)
        if (known === undefined || known === heard.total) return
        totals.set(heard.threadId, heard.total)
      }
      const slot = slots.get(heard.threadId)
      if (slot === undefined) return
      slot.heard++
      try {
        hear(slot, heard, emittedAtMs)
      } catch (defect) {
        Slot.broken(slot, defect)
      }
    },
    onRequest: (request, method, params) => {
      try {
        ask(request, method, params)
      } catch {
        request.refuse(-32603, `effect-codex failed on ${method}`)
      }
    },
    onExit: (error) => {
      for (const slot of slots.values()) Slot.end(slot, slot.verdict ?? error)
    }
  }
}
