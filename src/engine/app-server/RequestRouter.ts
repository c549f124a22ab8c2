/** Routes requests from Codex to the turns that they belong to: approvals, tool calls, and requests that it declines. Never waits. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as ApprovalDecision from "../../domain/ApprovalDecision.ts"
import type * as ApprovalRequest from "../../domain/ApprovalRequest.ts"
import { hash } from "../../domain/ApprovalRequestHash.ts"
import * as CodexError from "../../domain/CodexError.ts"
import { ItemId, type ThreadId } from "../../domain/Ids.ts"
import type * as Item from "../../domain/Item.ts"
import type * as Turn from "../../domain/Turn.ts"
import * as GracefulInterrupt from "../../internal/GracefulInterrupt.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import * as ApprovedArguments from "./ApprovedArguments.ts"
import * as CallIds from "./CallIds.ts"
import type * as JsonRpcConnection from "./JsonRpcConnection.ts"
import * as RunningTurn from "./RunningTurn.ts"
import * as ServerRequests from "./ServerRequests.ts"
import * as Translate from "./Translate.ts"

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
    at: RunningTurn.timeOf(runningTurn)
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

/** Answers the requests of a process, and notices what makes an approval ambiguous or wrong. */
export interface RequestRouter {
  readonly onRequest: AppServerProcess.ProcessListener["onRequest"]
  /** Notices that the model has given two running calls the same id, before a request for one of them is accepted. */
  readonly watchCallIds: (runningTurn: RunningTurn.RunningTurn, event: Turn.EngineEvent) => void
  /** Interrupts the turn if an item differs from what was approved for it. */
  readonly checkApprovedItem: (runningTurn: RunningTurn.RunningTurn, item: Item.Item) => void
  /** Ends the policy of a request that Codex no longer waits for. */
  readonly withdraw: (runningTurn: RunningTurn.RunningTurn, requestId: string | number) => void
}

/** Makes the router of the requests of a process. */
export const make = (runningTurns: ReadonlyMap<string, RunningTurn.RunningTurn>): RequestRouter => {
  const findTurn = (threadId: ThreadId, turnId: string | undefined): RunningTurn.RunningTurn | undefined => {
    const runningTurn = runningTurns.get(threadId)
    if (runningTurn === undefined || runningTurn.closed) return undefined
    const running = RunningTurn.turnIdOf(runningTurn)
    if (running === undefined || (turnId !== undefined && running !== turnId)) return undefined
    runningTurn.messageCount++
    return runningTurn
  }

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

  const checkApprovedItem = (runningTurn: RunningTurn.RunningTurn, item: Item.Item) => {
    if (ApprovedArguments.isAsApproved(runningTurn.approved, item)) return
    const payload = { itemId: item.id }
    const at = RunningTurn.timeOf(runningTurn)
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
        at: RunningTurn.timeOf(runningTurn)
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
        at: RunningTurn.timeOf(runningTurn)
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
    onRequest: (request, method, params) => {
      const threadId = Predicate.isObject(params) ? params["threadId"] : undefined
      const runningTurn = Predicate.isString(threadId) ? runningTurns.get(threadId) : undefined
      // Codex sends it to the next client that opens the thread.
      if (runningTurn !== undefined && RunningTurn.isLeft(runningTurn)) return
      try {
        handleRequest(request, method, params)
      } catch {
        request.refuse(-32603, `effect-codex failed on ${method}`)
      }
    },
    watchCallIds,
    checkApprovedItem,
    withdraw: (runningTurn, requestId) => {
      const waiting = waitingRequests.get(runningTurn)?.get(requestId)
      if (waiting !== undefined) Deferred.doneUnsafe(waiting.declined, Exit.succeed(withdrawal))
    }
  }
}
