/** Routes notifications and requests from Codex to the turns that they belong to. Never waits. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as ApprovalDecision from "../../domain/ApprovalDecision.ts"
import * as ApprovalRequest from "../../domain/ApprovalRequest.ts"
import { hash } from "../../domain/ApprovalRequestHash.ts"
import * as CodexError from "../../domain/CodexError.ts"
import { ItemId, type ThreadId, type TurnId } from "../../domain/Ids.ts"
import * as GracefulInterrupt from "../../internal/GracefulInterrupt.ts"
import type * as Item from "../../domain/Item.ts"
import * as Review from "../../domain/Review.ts"
import type * as Turn from "../../domain/Turn.ts"
import * as CallIds from "./CallIds.ts"
import * as BackgroundTerminals from "./BackgroundTerminals.ts"
import * as ApprovedArguments from "./ApprovedArguments.ts"
import * as Goals from "./Goals.ts"
import * as LateSubAgents from "./LateSubAgents.ts"
import * as SubAgents from "./SubAgents.ts"
import type * as JsonRpcConnection from "./JsonRpcConnection.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import * as ServerRequests from "./ServerRequests.ts"
import * as RunningTurn from "./RunningTurn.ts"
import * as Translate from "./Translate.ts"

/** Returns the time of an event. Codex uses the same clock in whole milliseconds; within one millisecond our clock is more precise. */
const timestamp = (clock: Clock.Clock, codexMs: number | undefined): number => {
  const now = Number(clock.currentTimeNanosUnsafe()) / 1e6
  return codexMs === undefined || codexMs >= Math.floor(now) || now - codexMs > 5000 ? now : codexMs
}

/**
 * Whether an event is the first of a turn. A review has no `turn/started`: it starts with this item, and the later
 * `turn/started` is that of the reviewing model, whose events Codex reports under the id of the review.
 */
const startsTurn = (event: Turn.EngineEvent): boolean =>
  event._tag === "TurnStarted" || (event._tag === "ItemStarted" && event.item._tag === "EnteredReviewMode")

/** Notes that a turn is a review, and adds what the model said to the item at its end. */
const withReview = (runningTurn: RunningTurn.RunningTurn, event: Turn.EngineEvent): Turn.EngineEvent => {
  if (event._tag !== "ItemStarted" && event._tag !== "ItemCompleted") return event
  if (event.item._tag === "EnteredReviewMode") runningTurn.review ??= { result: undefined }
  if (event.item._tag !== "ExitedReviewMode") return event
  const review = event.item.review === undefined ? undefined : runningTurn.review?.result
  return review === undefined ? event : { ...event, item: { ...event.item, review } }
}

/** Whether a turn starts after the end of the running turn, whose caller has not continued yet. */
const isAfter = (runningTurn: RunningTurn.RunningTurn, turnId: TurnId): boolean =>
  RunningTurn.isOver(runningTurn) && RunningTurn.turnIdOf(runningTurn) !== turnId

type ApprovalServerRequest = Extract<ServerRequests.ServerRequest, { readonly _tag: "Approve" }>

const emitDecided = (
  runningTurn: RunningTurn.RunningTurn,
  request: ApprovalRequest.ApprovalRequest,
  decision: ApprovalDecision.ApprovalDecision
) =>
  runningTurn.handlers.emit({
    _tag: "ApprovalDecided",
    requestId: request.id,
    itemId: request.itemId,
    decision: ApprovalDecision.withoutAnswers(decision),
    source: decision.source ?? "policy",
    at: timestamp(runningTurn.clock, undefined)
  })

const declineByDefault = (reason: string): ApprovalDecision.ApprovalDecision => ({
  _tag: "Decline",
  reason,
  source: "default"
})

/** Why a request is declined while its policy decides. */
const withdrawal = "codex withdrew the request"
const ambiguity = "two running calls of the model have the same id"

/** A request whose policy decides. `declined` ends it with a reason. */
interface WaitingRequest {
  readonly request: ApprovalRequest.ApprovalRequest
  readonly declined: Deferred.Deferred<string>
}

/** Runs the approval policy until it decides or the request is declined. */
const approve = (
  runningTurn: RunningTurn.RunningTurn,
  { declined, request }: WaitingRequest,
  serverRequest: ApprovalServerRequest
): Effect.Effect<unknown> =>
  GracefulInterrupt.unless(
    Effect.suspend(() => runningTurn.handlers.approve(request)),
    Effect.map(Deferred.await(declined), declineByDefault),
    "an approval policy"
  ).pipe(
    Effect.onExit((exit) =>
      Effect.sync(() =>
        emitDecided(
          runningTurn,
          request,
          Exit.isSuccess(exit) ? exit.value : declineByDefault("the turn ended before a decision")
        )
      )
    ),
    Effect.tap((decision) =>
      Effect.sync(() => ApprovedArguments.record(runningTurn.approved, request, decision))
    ),
    Effect.map((decision) => serverRequest.reply(decision, request))
  )

/** Receives what concerns the open threads and not a turn of a caller. */
export interface ThreadHooks {
  /** A turn starts on an open thread without a request. Returns the turn if a handle adopts it. */
  readonly adopt: (started: SubAgents.Started) => RunningTurn.RunningTurn | undefined
  /** A turn of a sub-agent starts after the turn that it works for has ended. */
  readonly onLate: (started: SubAgents.Started) => void
  /** A turn starts on a thread. */
  readonly onStarted: (threadId: ThreadId) => void
  /** A turn of a thread has completed. */
  readonly onCompleted: (threadId: ThreadId) => void
  readonly onGoal: (change: Goals.GoalChange) => void
  readonly onExit: (error: AppServerProcess.ProcessEnd) => void
}

const noHooks: ThreadHooks = {
  adopt: () => undefined,
  onLate: () => {},
  onStarted: () => {},
  onCompleted: () => {},
  onGoal: () => {},
  onExit: () => {}
}

/**
 * Makes the listener of a process. `confirmEnd` checks on a turn that should have ended; `totals` holds the last
 * reported token total of each open thread by id; `terminals` follows the commands of all threads; `timeZone` is that of Codex,
 * if it is not that of this process.
 */
export const make = (
  runningTurns: Map<string, RunningTurn.RunningTurn>,
  totals: Map<string, string>,
  confirmEnd: (runningTurn: RunningTurn.RunningTurn) => void,
  terminals: BackgroundTerminals.Registry = BackgroundTerminals.makeRegistry(),
  hooks: ThreadHooks = noHooks,
  timeZone?: string
): AppServerProcess.ProcessListener => {
  const findTurn = (threadId: ThreadId, turnId: string | undefined): RunningTurn.RunningTurn | undefined => {
    const runningTurn = runningTurns.get(threadId)
    if (runningTurn === undefined || runningTurn.closed) return undefined
    const running = RunningTurn.turnIdOf(runningTurn)
    if (running === undefined || (turnId !== undefined && running !== turnId)) return undefined
    runningTurn.messageCount++
    return runningTurn
  }

  const knownAgents = LateSubAgents.make()

  /** Pending approval requests, by turn and the id of Codex's request. */
  const waitingRequests = new WeakMap<RunningTurn.RunningTurn, Map<string | number, WaitingRequest>>()

  /** Declines the waiting requests of an item whose id two running calls have. */
  const declineAmbiguous = (runningTurn: RunningTurn.RunningTurn, id: string) => {
    runningTurn.callIds.ambiguous.add(id)
    for (const { declined, request } of waitingRequests.get(runningTurn)?.values() ?? [])
      if (request.itemId === id) Deferred.doneUnsafe(declined, Exit.succeed(ambiguity))
  }

  /** Codex keeps one waiting approval for each id, so a second one for something else replaces the first. */
  const replacesWaiting = (
    runningTurn: RunningTurn.RunningTurn,
    request: ApprovalRequest.ApprovalRequest
  ): boolean =>
    [...(waitingRequests.get(runningTurn)?.values() ?? [])].some(
      (waiting) => waiting.request.id === request.id && hash(waiting.request) !== hash(request)
    )

  /** Notices that the model has given two running calls the same id, before a request for one of them is accepted. */
  const watchCallIds = (runningTurn: RunningTurn.RunningTurn, event: Turn.EngineEvent) => {
    const { callIds, openItems } = runningTurn
    if (event._tag === "ToolReturned") CallIds.end(callIds, event.callId)
    if (event._tag === "ToolRequested" && CallIds.begin(callIds, event.callId))
      declineAmbiguous(runningTurn, event.callId)
    // Threads that are resumed have no events of the calls themselves.
    if (
      event._tag === "ItemStarted" &&
      !ApprovedArguments.areSame(openItems.items.get(event.item.id), event.item)
    )
      declineAmbiguous(runningTurn, event.item.id)
  }

  /** Interrupts the turn if an item differs from what was approved for it. */
  const checkApprovedItem = (runningTurn: RunningTurn.RunningTurn, item: Item.Item) => {
    if (ApprovedArguments.isAsApproved(runningTurn.approved, item)) return
    const payload = { itemId: item.id }
    const at = timestamp(runningTurn.clock, undefined)
    runningTurn.handlers.emit({ _tag: "Unknown", method: ApprovedArguments.violation, payload, at })
    runningTurn.fork(
      Effect.logError("codex runs something other than what was approved; interrupting the turn")
    )
    RunningTurn.fail(runningTurn.root ?? runningTurn, new CodexError.TurnInterrupted({ by: "policy" }))
  }

  /** Declines a request that this library does not support, and emits events about it first. */
  const declineUnknown = (
    request: JsonRpcConnection.IncomingRequest,
    method: string,
    params: unknown,
    { declineReply, threadId, turnId }: Extract<ServerRequests.ServerRequest, { readonly _tag: "Unknown" }>
  ) => {
    const runningTurn = threadId === undefined ? undefined : findTurn(threadId, turnId)
    if (runningTurn !== undefined) {
      const id = `question-${request.id}`
      const unknownRequest = {
        _tag: "Unknown",
        id,
        itemId: ItemId.make(id),
        method,
        payload: params
      } as const
      runningTurn.handlers.emit({
        _tag: "ApprovalRequested",
        request: unknownRequest,
        at: timestamp(runningTurn.clock, undefined)
      })
      emitDecided(runningTurn, unknownRequest, declineByDefault("effect-codex does not support this request"))
    }
    return declineReply === undefined
      ? request.refuse(-32601, `effect-codex does not support ${method}`)
      : request.reply(declineReply)
  }

  const handleApproval = (
    request: JsonRpcConnection.IncomingRequest,
    method: string,
    params: unknown,
    serverRequest: ApprovalServerRequest
  ) => {
    const runningTurn = findTurn(serverRequest.threadId, serverRequest.turnId)
    const approvalRequest =
      runningTurn === undefined
        ? undefined
        : serverRequest.request({
            askedCalls: runningTurn.askedCalls,
            items: runningTurn.openItems.items,
            cwd: runningTurn.cwd,
            name: `question-${request.id}`
          })
    if (runningTurn === undefined || approvalRequest === undefined) {
      const { declineReply, threadId, turnId } = serverRequest
      return declineUnknown(request, method, params, { _tag: "Unknown", declineReply, threadId, turnId })
    }
    if (approvalRequest._tag === "McpTool") runningTurn.askedCalls.add(approvalRequest.itemId)
    const emitRequested = () =>
      runningTurn.handlers.emit({
        _tag: "ApprovalRequested",
        request: approvalRequest,
        at: timestamp(runningTurn.clock, undefined)
      })
    if (replacesWaiting(runningTurn, approvalRequest)) declineAmbiguous(runningTurn, approvalRequest.itemId)
    const problem = runningTurn.callIds.ambiguous.has(approvalRequest.itemId)
      ? ambiguity
      : ApprovedArguments.matchesItem(
            approvalRequest,
            runningTurn.openItems.items.get(approvalRequest.itemId)
          )
        ? undefined
        : "the request differs from the item that it belongs to"
    if (problem !== undefined) {
      emitRequested()
      emitDecided(runningTurn, approvalRequest, declineByDefault(problem))
      return request.reply(serverRequest.declineReply)
    }
    const all = waitingRequests.get(runningTurn) ?? new Map<string | number, WaitingRequest>()
    const waiting = { request: approvalRequest, declined: Deferred.makeUnsafe<string>() }
    waitingRequests.set(runningTurn, all.set(request.id, waiting))
    emitRequested()
    const answering = approve(runningTurn, waiting, serverRequest).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          // Codex reuses a request id after it receives the reply, so a later request may own the entry.
          if (all.get(request.id) === waiting) all.delete(request.id)
        })
      )
    )
    return RunningTurn.answerRequest(runningTurn, request, answering, serverRequest.declineReply)
  }

  /** Emits `TurnStarted` for an accepted turn whose `turn/started` came before the reply to `turn/start`, or never. */
  const emitTurnStarted = (
    runningTurn: RunningTurn.RunningTurn,
    turnId: TurnId,
    emittedAtMs: number | undefined
  ) => {
    if (runningTurn.state._tag !== "Accepted" || runningTurn.state.turnId !== turnId) return
    const { threadId } = runningTurn
    runningTurn.handlers.emit({
      _tag: "TurnStarted",
      threadId,
      turnId,
      at: timestamp(runningTurn.clock, emittedAtMs)
    })
  }

  const applyNotification = (
    runningTurn: RunningTurn.RunningTurn,
    notification: Translate.TurnNotification,
    emittedAtMs: number | undefined
  ) => {
    switch (notification._tag) {
      case "UsageReported":
        if (RunningTurn.turnIdOf(runningTurn) !== notification.turnId) return
        return runningTurn.handlers.emit({
          ...notification.event,
          at: timestamp(runningTurn.clock, emittedAtMs)
        })
      case "Idle":
        return RunningTurn.step(runningTurn, { _tag: "Idle" }).confirmEnd
          ? confirmEnd(runningTurn)
          : undefined
      case "RequestResolved": {
        const waiting = waitingRequests.get(runningTurn)?.get(notification.requestId)
        return waiting === undefined
          ? undefined
          : Deferred.doneUnsafe(waiting.declined, Exit.succeed(withdrawal))
      }
      case "ModelMessage":
        // Codex shows a review as text without the confidence and the verdict. The message of the model has them.
        if (runningTurn.review !== undefined && RunningTurn.turnIdOf(runningTurn) === notification.turnId)
          runningTurn.review.result = Review.fromModel(Translate.messageText(notification.content))
        return
      case "Ended":
        emitTurnStarted(runningTurn, notification.turnId, emittedAtMs)
        // Before the step, after which the caller continues.
        if (notification.end === "completed") hooks.onCompleted(notification.threadId)
        RunningTurn.step(runningTurn, notification)
        return
      case "Failing":
        emitTurnStarted(runningTurn, notification.turnId, emittedAtMs)
        return RunningTurn.step(runningTurn, notification).confirmEnd ? confirmEnd(runningTurn) : undefined
      case "Event": {
        const begins = notification.event._tag === "TurnStarted"
        if (!begins) emitTurnStarted(runningTurn, notification.turnId, emittedAtMs)
        else if (runningTurn.state._tag === "Running") return
        // Late events of an interrupted turn do not belong to the next turn.
        if (
          !RunningTurn.step(runningTurn, { _tag: "EventReceived", turnId: notification.turnId, begins })
            .matches
        ) {
          if (notification.event._tag === "ItemCompleted")
            RunningTurn.completeLeftCommand(runningTurn, notification.event.item)
          return
        }
        const event = withReview(runningTurn, {
          ...notification.event,
          at: timestamp(runningTurn.clock, emittedAtMs)
        })
        watchCallIds(runningTurn, event)
        if (event._tag === "ItemStarted") runningTurn.openItems.started(event.item)
        if (event._tag === "ItemCompleted") runningTurn.openItems.completed(event.item.id)
        runningTurn.handlers.emit(event)
        if (event._tag === "ItemStarted" || event._tag === "ItemCompleted")
          checkApprovedItem(runningTurn, event.item)
      }
    }
  }

  const handleRequest = (request: JsonRpcConnection.IncomingRequest, method: string, params: unknown) => {
    const serverRequest = ServerRequests.read(method, params)
    switch (serverRequest._tag) {
      case "Unknown":
        return declineUnknown(request, method, params, serverRequest)
      case "Call": {
        const runningTurn = findTurn(serverRequest.threadId, serverRequest.turnId)
        const interruptedReply = Translate.toolOutput({ success: false, text: "The call was interrupted." })
        if (runningTurn === undefined) return request.reply(interruptedReply)
        return RunningTurn.answerRequest(
          runningTurn,
          request,
          Effect.suspend(() => runningTurn.handlers.callTool(serverRequest)).pipe(
            Effect.map(Translate.toolOutput)
          ),
          interruptedReply
        )
      }
      case "Approve":
        return handleApproval(request, method, params, serverRequest)
    }
  }

  return {
    onNotification: (method, params, emittedAtMs) => {
      const goal = Goals.changeOf(method, params)
      if (goal !== undefined) return hooks.onGoal(goal)
      const notification = Translate.notification(method, params, emittedAtMs ?? 0, timeZone)
      if (notification._tag === "Ignored") return
      if (notification._tag === "UsageReported" && notification.total !== undefined) {
        // Codex repeats a total when a request is lost or interrupted, and reports an earlier turn's when a thread is resumed.
        const known = totals.get(notification.threadId)
        if (known === undefined || known === notification.total) return
        totals.set(notification.threadId, notification.total)
      }
      if (notification._tag === "Event") terminals.observe(notification, emittedAtMs)
      let runningTurn = runningTurns.get(notification.threadId)
      if (notification._tag === "Event" && startsTurn(notification.event)) {
        const isOther = runningTurn === undefined || isAfter(runningTurn, notification.turnId)
        if (isOther) {
          const attached = SubAgents.attach(runningTurns, totals, notification) ?? hooks.adopt(notification)
          if (attached === undefined && LateSubAgents.isLate(knownAgents, runningTurns, totals, notification))
            hooks.onLate(notification)
          runningTurn = attached ?? runningTurns.get(notification.threadId)
        }
        // After the turn is known: a caller that waits for it continues at once.
        hooks.onStarted(notification.threadId)
      }
      if (runningTurn === undefined) return
      runningTurn.messageCount++
      if (runningTurn.root !== undefined) runningTurn.root.messageCount++
      try {
        applyNotification(runningTurn, notification, emittedAtMs)
        if (
          notification._tag === "Ended" ||
          (notification._tag === "Event" && startsTurn(notification.event))
        )
          LateSubAgents.remember(knownAgents, runningTurn)
      } catch (defect) {
        RunningTurn.die(runningTurn.root ?? runningTurn, defect)
      }
    },
    onRequest: (request, method, params) => {
      try {
        handleRequest(request, method, params)
      } catch {
        request.refuse(-32603, `effect-codex failed on ${method}`)
      }
    },
    onExit: (error) => {
      terminals.close()
      for (const runningTurn of runningTurns.values())
        RunningTurn.step(runningTurn, { _tag: "ConnectionClosed", error })
      hooks.onExit(error)
    }
  }
}
