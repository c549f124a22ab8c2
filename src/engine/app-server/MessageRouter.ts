/** Routes notifications from Codex to the turns that they belong to, and requests to their router. Never waits. */
import type { ThreadId, TurnId } from "../../domain/Ids.ts"
import * as Review from "../../domain/Review.ts"
import type * as Turn from "../../domain/Turn.ts"
import * as BackgroundTerminals from "./BackgroundTerminals.ts"
import * as Goals from "./Goals.ts"
import * as LateSubAgents from "./LateSubAgents.ts"
import * as SubAgents from "./SubAgents.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import * as RequestRouter from "./RequestRouter.ts"
import * as RunningTurn from "./RunningTurn.ts"
import * as Translate from "./Translate.ts"

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
 * reported token total of each open thread by id; `terminals` follows the commands of all threads; `source` is the time
 * zone of Codex, if it is not that of this process, and how to mask secrets in errors.
 */
export const make = (
  runningTurns: Map<string, RunningTurn.RunningTurn>,
  totals: Map<string, string>,
  confirmEnd: (runningTurn: RunningTurn.RunningTurn) => void,
  terminals: BackgroundTerminals.Registry = BackgroundTerminals.makeRegistry(),
  hooks: ThreadHooks = noHooks,
  source: Omit<Translate.Received, "at"> = {}
): AppServerProcess.ProcessListener => {
  const requests = RequestRouter.make(runningTurns)
  const knownAgents = LateSubAgents.make()

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
      at: RunningTurn.timeOf(runningTurn, emittedAtMs)
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
          at: RunningTurn.timeOf(runningTurn, emittedAtMs)
        })
      case "Idle":
        return RunningTurn.step(runningTurn, { _tag: "Idle" }).confirmEnd
          ? confirmEnd(runningTurn)
          : undefined
      case "RequestResolved":
        return requests.withdraw(runningTurn, notification.requestId)
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
          at: RunningTurn.timeOf(runningTurn, emittedAtMs)
        })
        requests.watchCallIds(runningTurn, event)
        if (event._tag === "ItemStarted") runningTurn.openItems.started(event.item)
        if (event._tag === "ItemCompleted") runningTurn.openItems.completed(event.item.id)
        runningTurn.handlers.emit(event)
        if (event._tag === "ItemStarted" || event._tag === "ItemCompleted")
          requests.checkApprovedItem(runningTurn, event.item)
      }
    }
  }

  return {
    onNotification: (method, params, emittedAtMs) => {
      const goal = Goals.changeOf(method, params)
      if (goal !== undefined) return hooks.onGoal(goal)
      const notification = Translate.notification(method, params, emittedAtMs ?? 0, source)
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
    onRequest: requests.onRequest,
    hasTurn: (threadId) => runningTurns.has(threadId),
    onReconnected: (threadId, lostAt) => {
      const runningTurn = runningTurns.get(threadId)
      if (runningTurn === undefined || RunningTurn.isOver(runningTurn)) return
      const turnId = RunningTurn.turnIdOf(runningTurn)
      if (turnId === undefined) return
      emitTurnStarted(runningTurn, turnId, undefined)
      RunningTurn.step(runningTurn, { _tag: "EventReceived", turnId, begins: true })
      runningTurn.handlers.emit({ _tag: "ConnectionRestored", lostAt, at: RunningTurn.timeOf(runningTurn) })
    },
    onExit: (error) => {
      terminals.close()
      for (const runningTurn of runningTurns.values())
        RunningTurn.step(runningTurn, { _tag: "ConnectionClosed", error })
      hooks.onExit(error)
    }
  }
}
