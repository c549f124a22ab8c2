/** Who is meant: what Codex says and asks, handed to the turn it belongs to. Never waits. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as ApprovalDecision from "../../domain/ApprovalDecision.ts"
import * as ApprovalRequest from "../../domain/ApprovalRequest.ts"
import * as CodexError from "../../domain/CodexError.ts"
import { ItemId, type ThreadId, type TurnId } from "../../domain/Ids.ts"
import * as GracefulInterrupt from "../../internal/GracefulInterrupt.ts"
import type * as Item from "../../domain/Item.ts"
import * as ApprovedArguments from "./ApprovedArguments.ts"
import * as SubAgents from "./SubAgents.ts"
import type * as JsonRpcConnection from "./JsonRpcConnection.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import * as ServerRequests from "./ServerRequests.ts"
import * as RunningTurn from "./RunningTurn.ts"
import * as Translate from "./Translate.ts"

/** Codex's clock is ours, but cut to milliseconds: within the same millisecond ours says more. */
const stamp = (clock: Clock.Clock, codexMs: number | undefined): number => {
  const now = Number(clock.currentTimeNanosUnsafe()) / 1e6
  return codexMs === undefined || codexMs >= Math.floor(now) || now - codexMs > 5000 ? now : codexMs
}

type Approve = Extract<ServerRequests.Asked, { readonly _tag: "Approve" }>

const decided = (
  slot: RunningTurn.RunningTurn,
  request: ApprovalRequest.ApprovalRequest,
  decision: ApprovalDecision.ApprovalDecision
) =>
  slot.handlers.emit({
    _tag: "ApprovalDecided",
    requestId: request.id,
    itemId: request.itemId,
    decision: ApprovalDecision.withoutAnswers(decision),
    source: decision.source ?? "policy",
    at: stamp(slot.clock, undefined)
  })

const nobody = (reason: string): ApprovalDecision.ApprovalDecision => ({
  _tag: "decline",
  reason,
  source: "default"
})

/** Asks until somebody decides or Codex no longer wants to know. */
const approve = (
  slot: RunningTurn.RunningTurn,
  request: ApprovalRequest.ApprovalRequest,
  asked: Approve,
  withdrawn: Effect.Effect<void>
): Effect.Effect<unknown> =>
  GracefulInterrupt.unless(
    Effect.suspend(() => slot.handlers.approve(request)),
    Effect.as(withdrawn, nobody("codex wants no answer any more")),
    "an approval policy"
  ).pipe(
    Effect.onExit((exit) =>
      Effect.sync(() =>
        decided(
          slot,
          request,
          Exit.isSuccess(exit) ? exit.value : nobody("the turn ended before anybody decided")
        )
      )
    ),
    Effect.tap((decision) => Effect.sync(() => ApprovedArguments.note(slot.approved, request, decision))),
    Effect.map(asked.reply)
  )

/**
 * `settle` looks after a turn that should have ended; `totals` is what each open thread is known to have used, by its id.
 */
export const make = (
  slots: Map<string, RunningTurn.RunningTurn>,
  totals: Map<string, string>,
  settle: (slot: RunningTurn.RunningTurn) => void
): AppServerProcess.ProcessListener => {
  const current = (threadId: ThreadId, turnId: string | undefined): RunningTurn.RunningTurn | undefined => {
    const slot = slots.get(threadId)
    if (slot === undefined || slot.closed) return undefined
    const running = RunningTurn.turnIdOf(slot)
    if (running === undefined || (turnId !== undefined && running !== turnId)) return undefined
    slot.heard++
    return slot
  }

  /** The questions that wait, by their turn and the id of Codex's request. */
  const open = new WeakMap<RunningTurn.RunningTurn, Map<string | number, Deferred.Deferred<void>>>()

  /** What runs must be what was approved. */
  const check = (slot: RunningTurn.RunningTurn, item: Item.Item) => {
    if (ApprovedArguments.holds(slot.approved, item)) return
    const payload = { itemId: item.id }
    const at = stamp(slot.clock, undefined)
    slot.handlers.emit({ _tag: "Unknown", method: ApprovedArguments.violation, payload, at })
    slot.run(Effect.logError("codex runs something else than was approved; the turn is interrupted"))
    RunningTurn.fail(slot.root ?? slot, new CodexError.TurnInterrupted({ by: "policy" }))
  }

  /** Something that nobody here knows is told before it is refused. */
  const refuse = (
    request: JsonRpcConnection.IncomingRequest,
    method: string,
    params: unknown,
    { no, threadId, turnId }: Extract<ServerRequests.Asked, { readonly _tag: "Unknown" }>
  ) => {
    const slot = threadId === undefined ? undefined : current(threadId, turnId)
    if (slot !== undefined) {
      const id = `question-${request.id}`
      const question = { _tag: "unknown", id, itemId: ItemId.make(id), method, payload: params } as const
      slot.handlers.emit({ _tag: "ApprovalRequested", request: question, at: stamp(slot.clock, undefined) })
      decided(slot, question, nobody("effect-codex does not know what is asked"))
    }
    return no === undefined
      ? request.refuse(-32601, `effect-codex does not answer ${method}`)
      : request.reply(no)
  }

  const question = (
    request: JsonRpcConnection.IncomingRequest,
    method: string,
    params: unknown,
    asked: Approve
  ) => {
    const slot = current(asked.threadId, asked.turnId)
    const question =
      slot === undefined
        ? undefined
        : asked.request({ items: slot.items, cwd: slot.cwd, name: `question-${request.id}` })
    if (slot === undefined || question === undefined) {
      const { no, threadId, turnId } = asked
      return refuse(request, method, params, { _tag: "Unknown", no, threadId, turnId })
    }
    const asks = () =>
      slot.handlers.emit({ _tag: "ApprovalRequested", request: question, at: stamp(slot.clock, undefined) })
    if (!ApprovedArguments.fits(question, slot.items.get(question.itemId))) {
      asks()
      decided(slot, question, nobody("codex asks for something else than its item shows"))
      return request.reply(asked.no)
    }
    const waiting = open.get(slot) ?? new Map<string | number, Deferred.Deferred<void>>()
    const withdrawn = Deferred.makeUnsafe<void>()
    open.set(slot, waiting.set(request.id, withdrawn))
    asks()
    const answering = approve(slot, question, asked, Deferred.await(withdrawn)).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          // Codex uses an id again when it has its answer.
          if (waiting.get(request.id) === withdrawn) waiting.delete(request.id)
        })
      )
    )
    return RunningTurn.answerRequest(slot, request, answering, asked.no)
  }

  /** Codex may say that a turn began before it says that it took it: whoever listens is told by what comes next. */
  const begin = (slot: RunningTurn.RunningTurn, turnId: TurnId, emittedAtMs: number | undefined) => {
    if (slot.state._tag !== "Accepted" || slot.state.turnId !== turnId) return
    const { threadId } = slot
    slot.handlers.emit({ _tag: "TurnStarted", threadId, turnId, at: stamp(slot.clock, emittedAtMs) })
  }

  const hear = (
    slot: RunningTurn.RunningTurn,
    heard: Translate.TurnNotification,
    emittedAtMs: number | undefined
  ) => {
    switch (heard._tag) {
      case "Used":
        if (RunningTurn.turnIdOf(slot) !== heard.turnId) return
        return slot.handlers.emit({ ...heard.event, at: stamp(slot.clock, emittedAtMs) })
      case "Idle":
        return RunningTurn.step(slot, { _tag: "Idle" }).settle ? settle(slot) : undefined
      case "Resolved": {
        const withdrawn = open.get(slot)?.get(heard.requestId)
        return withdrawn === undefined ? undefined : Deferred.doneUnsafe(withdrawn, Exit.void)
      }
      case "Ended":
        begin(slot, heard.turnId, emittedAtMs)
        RunningTurn.step(slot, heard)
        return
      case "Doomed":
        begin(slot, heard.turnId, emittedAtMs)
        return RunningTurn.step(slot, heard).settle ? settle(slot) : undefined
      case "Event": {
        const begins = heard.event._tag === "TurnStarted"
        if (!begins) begin(slot, heard.turnId, emittedAtMs)
        else if (slot.state._tag === "Running") return
        // What an interrupted turn still has to say does not belong to the next one.
        if (!RunningTurn.step(slot, { _tag: "Heard", turnId: heard.turnId, begins }).ours) return
        const event = { ...heard.event, at: stamp(slot.clock, emittedAtMs) }
        if (event._tag === "ItemStarted" || event._tag === "ItemCompleted")
          slot.items.set(event.item.id, event.item)
        slot.handlers.emit(event)
        if (event._tag === "ItemStarted" || event._tag === "ItemCompleted") check(slot, event.item)
      }
    }
  }

  const ask = (request: JsonRpcConnection.IncomingRequest, method: string, params: unknown) => {
    const asked = ServerRequests.read(method, params)
    switch (asked._tag) {
      case "Unknown":
        return refuse(request, method, params, asked)
      case "Call": {
        const slot = current(asked.threadId, asked.turnId)
        const no = Translate.toolOutput({ success: false, text: "The call was interrupted." })
        if (slot === undefined) return request.reply(no)
        return RunningTurn.answerRequest(
          slot,
          request,
          Effect.suspend(() => slot.handlers.callTool(asked)).pipe(Effect.map(Translate.toolOutput)),
          no
        )
      }
      case "Approve":
        return question(request, method, params, asked)
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
      const slot =
        slots.get(heard.threadId) ??
        (heard._tag === "Event" ? SubAgents.attach(slots, totals, heard) : undefined)
      if (slot === undefined) return
      slot.heard++
      if (slot.root !== undefined) slot.root.heard++
      try {
        hear(slot, heard, emittedAtMs)
      } catch (defect) {
        RunningTurn.die(slot.root ?? slot, defect)
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
      for (const slot of slots.values()) RunningTurn.step(slot, { _tag: "ConnectionClosed", error })
    }
  }
}
